"""Every figure that the project has set itself, from one run: `python -m benchmarks.figures`.

It takes ten minutes and wants a quiet machine; `--only elementwise rows` takes these sections alone. "read"
is a vector sum of the inputs and "copy" a copy of the first of them with ordinary stores, both on all cores
and in turns with the contenders. `--json FILE` keeps the times for benchmarks/picture.py.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

import fastloss as fl
from benchmarks.contenders import POOL, THREADS, Problem, available, installed, make_problem, prepare
from benchmarks.formulas import FORMULAS, names
from fastloss._command.bench import (
    MSE_SHAPE,
    SHAPES,
    SMALL_SHAPES,
    Array,
    Calls,
    describe,
    make_case,
    row,
    shape_label,
    show_seconds,
    take_turns,
)

Seconds = Mapping[str, float]  # by "contender what"
Results = list[tuple[Problem, Seconds]]
Turns = dict[str, Callable[[], object]]


def bandwidth_calls(case: Problem) -> Turns:
    """NumPy lets go of the GIL, so threads do. A sum of integers is not held up by its own additions."""

    def parts(array: Array) -> list[Array]:
        return np.array_split(array.reshape(-1).view(np.int64), THREADS)

    inputs = [part for array in case.inputs if array.dtype.kind == "f" for part in parts(array)]

    def negative(source: Array, sink: Array) -> None:
        np.negative(source, out=sink)  # np.copyto is a memcpy, whose stores bypass the cache

    return {
        "read": lambda: list(POOL.map(np.add.reduce, inputs)),
        "copy": lambda: list(POOL.map(negative, parts(case.pred), parts(case.out))),
    }


MEMORY: dict[str, Callable[[Array, Array], object]] = {
    "forward": lambda z, labels: fl.cross_entropy(z, labels),
    "gradient, out=logits": lambda z, labels: fl.cross_entropy.value_and_grad(z, labels, out=z),
    "gradient, no out=": lambda z, labels: fl.cross_entropy.value_and_grad(z, labels),
}


def peak_extra(shape: tuple[int, int], what: str) -> int:
    """Bytes a call takes beyond what lives before it; to be run in a process of its own. Linux only."""
    call = MEMORY[what]

    def resident(which: str) -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(which))

    case = make_case("cross_entropy", shape)
    small = shape[0] // 16  # wakes the threads, whose stacks are not the call's
    call(case.pred[:small].copy(), case.target[:small])
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is resident now
    before = resident("VmHWM")
    call(case.pred, case.target)
    return resident("VmHWM") - before


class Report:
    """Prints as it goes; keeps the times, and how each target fared."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.verdicts: list[str] = []

    def measure(
        self,
        case: Problem,
        peers: Iterable[str] | None = None,
        whats: Iterable[str] = Calls._fields,
        beside: Turns | None = None,
        patience: float = 10.0,
    ) -> Seconds:
        """Takes turns with the peers (all of them, unless named) and with what else is to be timed beside;
        keeps the times."""
        contenders = [name for name in available(case.loss) if peers is None or name in ("fastloss", *peers)]
        turns: Turns = {
            f"{name} {what}": call
            for name, pair in prepare(case, contenders).items()
            for what, call in pair._asdict().items()
            if call and what in whats
        }
        seconds = take_turns(turns | (beside or {}), rounds=11, patience=patience)
        self.rows += (row(case, *reversed(turn.split()), seconds[turn]) for turn in turns)
        return seconds

    def time(self, case: Problem, peers: Iterable[str] | None = None, bandwidth: bool = False) -> Seconds:
        """The whole of it, in a paragraph of its own."""
        value_and_grad = getattr(fl, case.loss).value_and_grad
        beside: Turns = {"fastloss fresh": lambda: value_and_grad(case.pred, case.target)}
        seconds = self.measure(case, peers, beside=beside | (bandwidth_calls(case) if bandwidth else {}))
        print_times(case, seconds)
        return seconds

    def at_least(self, text: str, value: float, wanted: float, unit: str = "x") -> None:
        self._verdict(text, value, f">= {wanted:g}{unit}", wanted - value, unit)

    def at_most(self, text: str, value: float, wanted: float, unit: str) -> None:
        self._verdict(text, value, f"<= {wanted:.3g}{unit}", value - wanted, unit)

    def _verdict(self, text: str, value: float, wanted: str, gap: float, unit: str) -> None:
        verdict = "met" if gap <= 0 else f"short by {gap:.3g}{unit}"
        self.verdicts.append(f"  {text:62} {value:7.3g}{unit:3} {wanted:>10}   {verdict}")


def print_times(case: Problem, seconds: Seconds) -> None:
    print(f"\n{case.label}")
    for name in [name for name in available(case.loss) if f"{name} forward" in seconds]:
        line = f"  {name:14}"
        for what, words in zip(Calls._fields, ("forward", "+ gradient"), strict=True):
            took = seconds[f"{name} {what}"]
            speed, ratio = case.input_bytes / took / 1e9, took / seconds[f"fastloss {what}"]
            line += f"{words:>12} {show_seconds(took):>9} {speed:6.2f} GB/s {ratio:6.2f}x"
        print(line)
    print(f"  {'without out=':14}{'':39}{'+ gradient':>12} {show_seconds(seconds['fastloss fresh']):>9}")
    if "read" in seconds:
        share = shares(case, seconds)
        read, copy = case.input_bytes / seconds["read"] / 1e9, 2 * case.pred.nbytes / seconds["copy"] / 1e9
        print(f"  read {read:.1f} GB/s: forward reaches {share['forward']:.0f} % of it;", end=" ")
        print(f"copy {copy:.1f} GB/s: with gradient {share['gradient']:.0f} % of it", flush=True)


def shares(case: Problem, seconds: Seconds) -> dict[str, float]:
    """Percentages of read bandwidth (the value) and copy bandwidth (with the gradient); bytes are inputs
    read and outputs written."""
    read, copy = case.input_bytes / seconds["read"], 2 * case.pred.nbytes / seconds["copy"]
    inputs = sum(array.nbytes for array in case.inputs)
    return {
        "forward": 100 * inputs / seconds["fastloss forward"] / read,
        "gradient": 100 * (inputs + case.out.nbytes) / seconds["fastloss gradient"] / copy,
    }


def against(report: Report, what: str, results: Results, peer: str, mean: float, each: float) -> None:
    """Targets in times as fast as a peer: in the geometric mean, and (if not 0) on each shape."""
    ratios = {
        case: seconds[f"{peer} {what}"] / seconds[f"fastloss {what}"]
        for case, seconds in results
        if f"{peer} {what}" in seconds
    }
    if not ratios:
        return
    if mean:
        title = f"cross_entropy {results[0][0].pred.dtype} {what}: x {peer}"
        report.at_least(f"{title}, geometric mean", statistics.geometric_mean(ratios.values()), mean)
    if each:
        for case, ratio in ratios.items():
            report.at_least(f"{case.label} {what}: x {peer}", ratio, each)


def cross_entropy(report: Report, shrink: int) -> None:
    results = []
    for n, c in SHAPES:
        case = make_problem("cross_entropy", (n // shrink, c))
        seconds = report.time(case, bandwidth=True)
        results.append((case, seconds))
    against(report, "forward", results, "torch", mean=10, each=7)
    against(report, "forward", results, "JAX", mean=3, each=1)
    against(report, "gradient", results, "torch", mean=12, each=9)
    against(report, "gradient", results, "JAX", mean=6, each=0)
    for case, seconds in results:
        if case.pred.shape[1] >= 1000:
            share = shares(case, seconds)
            report.at_least(f"{case.label} forward: of read", share["forward"], 50, "%")
            report.at_least(f"{case.label} gradient: of copy", share["gradient"], 65, "%")


MEMORY_BOUND = ("mse", "mae", "huber", "quantile")
WITH_EXP = ("log_cosh", "binary_cross_entropy_with_logits", "poisson", "gamma", "binary_focal")


def ratio(seconds: Seconds, peer: str, what: str) -> float:
    return seconds.get(f"{peer} {what}", math.nan) / seconds[f"fastloss {what}"]


def star(loss: str) -> str:
    return " " if "torch" in FORMULAS[loss].theirs else "*"


def elementwise(report: Report, shrink: int) -> None:
    shape = (MSE_SHAPE[0] // shrink,)
    print(f"\nelementwise, {shape_label(shape)} float32; * torch has no such loss: the same formula")
    print(f"  {'':34}{'forward':>14}" + f"{'x JAX':>7}{'x torch':>9}{'of read':>9}", end="")
    print(f"{'+ gradient':>14}" + f"{'x JAX':>7}{'x torch':>9}{'of copy':>9}")
    for loss in names("regression", "binary"):
        case = make_problem(loss, shape)
        bound, slow = loss in MEMORY_BOUND, loss in WITH_EXP
        seconds = report.measure(
            case,
            ["JAX", "torch"] if bound or slow else ["JAX"],
            beside=bandwidth_calls(case) if bound else None,
            patience=4.0 if bound or slow else 2.0,
        )
        share = shares(case, seconds) if bound else {}
        line = f"  {loss:34}"
        for what in Calls._fields:
            line += f"{show_seconds(seconds[f'fastloss {what}']):>14}{ratio(seconds, 'JAX', what):6.1f}x"
            line += f"{ratio(seconds, 'torch', what):7.1f}x{star(loss)}" if bound or slow else f"{'':9}"
            line += f"{share[what]:7.0f} %" if bound else f"{'':9}"
            if bound:
                of = "of read" if what == "forward" else "of copy"
                report.at_least(f"{loss} {what}: {of}", share[what], 80, "%")
            if slow and installed("torch"):
                report.at_least(f"{loss} {what}: x torch{star(loss)}", ratio(seconds, "torch", what), 12)
            if installed("jax"):
                report.at_least(f"{loss} {what}: x JAX", ratio(seconds, "JAX", what), 1)
        print(line, flush=True)


def rows(report: Report, shrink: int) -> None:
    for n, c in (SHAPES[2], SHAPES[0]):
        shape = (n // shrink, c)
        print(f"\nvalue and gradient of rows, {shape_label(shape)} float32", end="; ")
        print("* torch has no such loss: the same formula")
        print(f"  {'':40}{'x torch':>10}   x the time of cross_entropy")
        for loss in names("rows"):
            if loss == "cross_entropy":
                continue
            case = make_problem(loss, shape)
            seconds = report.measure(case, ["torch"], ["gradient"], own_cross_entropy(case), patience=1.5)
            took, faster = seconds["fastloss gradient"], ratio(seconds, "torch", "gradient")
            line = f"  {loss:28}{show_seconds(took):>12}{faster:9.1f}x{star(loss)}"
            if "cross_entropy" in seconds:
                soft = " of soft targets" if case.target.ndim == 2 else ""
                line += f"{took / seconds['cross_entropy']:8.2f}{soft}"
            print(line, flush=True)


def own_cross_entropy(case: Problem) -> Turns:
    """Of the same arrays, whatever they mean; not of two vectors, of which none is a target."""
    if case.loss in ("cosine_distance", "cosine_embedding"):
        return {}
    value_and_grad, out = fl.cross_entropy.value_and_grad, np.empty_like(case.out)
    return {"cross_entropy": lambda: value_and_grad(case.pred, case.target, out=out)}


def metrics(report: Report, shrink: int) -> None:
    n, c = SHAPES[2]
    print(f"\nmetrics, {shape_label((n // shrink, c))} float32")
    for loss in names("metrics"):
        case = make_problem(loss, (n // shrink, c))
        beside: Turns = {}
        if loss == "top_k_accuracy":
            both = functools.partial(fl.top_k_accuracy, case.pred, case.target, k=[1, 5])
            assert both()[1] == fl.top_k_accuracy(case.pred, case.target, k=5)
            beside = {"[1, 5]": both}
        seconds = report.measure(case, beside=beside, patience=2.0)
        took = seconds["fastloss forward"]
        line = f"  {loss:16}{show_seconds(took):>10}{case.input_bytes / took / 1e9:6.1f} GB/s"
        for peer in available(loss):
            if peer != "fastloss":
                line += f"{ratio(seconds, peer, 'forward'):8.1f} x {peer}"
        print(line, flush=True)
        if beside:
            took = seconds["[1, 5]"]
            line = f"  {'k = [1, 5]':16}{show_seconds(took):>10}"
            if "scikit-learn forward" in seconds:
                line += f"{seconds['scikit-learn forward'] / took:19.1f} x scikit-learn for k = 5"
            print(line, flush=True)


def small_calls(report: Report, shrink: int) -> None:
    for shape in SMALL_SHAPES:
        case = make_problem("cross_entropy", shape)
        seconds = report.time(case)
        for what, limit in (("forward", 3.0), ("gradient", 4.0)):
            if shape == SMALL_SHAPES[0]:
                ours = seconds[f"fastloss {what}"]
                peers = [s for name, s in seconds.items() if name.endswith(what) and "fastloss" not in name]
                report.at_most(f"{case.label} {what}", ours * 1e6, limit, "us")
                report.at_most(f"{case.label} {what}: of the best peer", 100 * ours / min(peers), 50, "%")
    turns: Turns = {}
    for loss in names("regression", "binary"):
        for name, pair in prepare(make_problem(loss, (100,)), ["fastloss", "NumPy"]).items():
            turns |= {f"{loss} {name} {what}": call for what, call in pair._asdict().items() if call}
    seconds = take_turns(turns, rounds=7, at_least=0.002, patience=20.0)
    print("\na call of 100 elements float32")
    print(f"  {'':34}{'forward':>12}{'x NumPy':>9}{'+ gradient':>12}")
    for loss in names("regression", "binary"):
        took = seconds[f"{loss} fastloss forward"]
        line = f"  {loss:34}{show_seconds(took):>12}{seconds[f'{loss} NumPy forward'] / took:8.1f}x"
        print(line + f"{show_seconds(seconds[f'{loss} fastloss gradient']):>12}")
        report.at_most(f"{loss} 100 float32 forward", took * 1e6, 2.5, "us")


def half(report: Report, shrink: int) -> None:
    shape = (SHAPES[3][0] // shrink, SHAPES[3][1])
    calls: Turns = {}
    cases: dict[str, Problem] = {}
    for dtype in (np.float32, np.float16, ml_dtypes.bfloat16):
        case = make_problem("cross_entropy", shape, dtype)
        [pair] = prepare(case, ["fastloss"]).values()
        cases[case.pred.dtype.name] = case
        calls |= {f"{case.pred.dtype.name} {what}": call for what, call in pair._asdict().items()}
    seconds = take_turns(calls, rounds=11, patience=20.0)
    print(f"\ncross_entropy {shape_label(shape)}, half formats")
    for name in cases:
        for what in Calls._fields:
            took, single = seconds[f"{name} {what}"], seconds[f"float32 {what}"]
            print(f"  {name:9} {what:9} {show_seconds(took):>9}  {single / took:5.2f} x the speed of float32")
            if name != "float32":
                title = f"cross_entropy {shape_label(shape)} {name} {what}: x float32"
                report.at_least(title, single / took, 1)


def double(report: Report, shrink: int) -> None:
    results = []
    for n, c in SHAPES:
        case = make_problem("cross_entropy", (n // shrink, c), np.float64)
        results.append((case, report.time(case, peers=["torch"])))
    for what in Calls._fields:
        against(report, what, results, "torch", mean=0, each=5)


def memory(report: Report, shrink: int) -> None:
    """Targets: 16 bytes a row for the value, nothing for the gradient in place; and for either half a
    megabyte, which the accounting of pages and the waking of a thread can come to."""
    if not Path("/proc/self/clear_refs").exists():
        return
    print("\npeak memory beyond the inputs")
    for shape in SHAPES:
        for what in MEMORY:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                extra = pool.apply(peak_extra, (shape, what)) / 1e6
            logits = 4e-6 * shape[0] * shape[1]
            print(f"  {shape_label(shape):>14} {what:21} {extra:7.2f} MB beside {logits:.0f} of logits")
            if what != "gradient, no out=":  # that one is here to show that the measure would see an array
                allowed = 0.5 + (16e-6 * shape[0] if what == "forward" else 0)
                report.at_most(f"peak memory {shape_label(shape)} {what}", extra, allowed, "MB")


SECTIONS = {
    section.__name__: section
    for section in (cross_entropy, elementwise, rows, metrics, small_calls, half, double, memory)
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.figures", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to keep the times")
    parser.add_argument("--quick", action="store_true", help="shapes of a 32nd: does it run at all?")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="these sections")
    options = parser.parse_args()
    shrink = 32 if options.quick else 1
    about, report = describe(None), Report()
    print("fastloss {version}, {isa}, {threads} threads, on {machine}".format_map(about))
    print(f"load average before: {os.getloadavg()[0]:.2f}; x is how many times as long as fastloss")
    for name in options.only:
        start = time.perf_counter()
        SECTIONS[name](report, shrink)
        print(f"\n{name}: {time.perf_counter() - start:.0f} s", flush=True)
    print("\ntargets", *report.verdicts, sep="\n")
    if options.json:
        options.json.write_text(json.dumps({**about, "rows": report.rows}, indent=1))


if __name__ == "__main__":
    main()
