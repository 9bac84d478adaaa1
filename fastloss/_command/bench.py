"""The speed of fastloss beside NumPy and, where installed, PyTorch: `python -m fastloss bench`.

Method: one process and one set of arrays; the contenders take turns, and the median of the turns counts.
Every answer is compared with one computed in float64 before it is timed. A gradient is written to an
array that exists already wherever a contender can do that. benchmarks/ measures further contenders with
the pieces of this module.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import math
import os
import platform
import statistics
import time
import timeit
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

import fastloss as fl
from fastloss._config import config

Array = NDArray[Any]
Loss = Literal["cross_entropy", "mse"]

SHAPES = ((1_000_000, 10), (100_000, 100), (16_384, 1_000), (1_024, 32_000), (256, 128_256))
SMALL_SHAPES = ((32, 10), (256, 10), (64, 1_000))
MSE_SHAPE = (10_000_000,)


@dataclass(frozen=True, eq=False)
class Case:
    """One loss on one set of arrays; `out` is where the gradient goes."""

    loss: Loss
    pred: Array
    target: Array
    out: Array

    @property
    def label(self) -> str:
        return f"{self.loss} {shape_label(self.pred.shape)} {self.pred.dtype}"

    @property
    def input_bytes(self) -> int:
        """Bytes of floating-point input: what the GB/s of a row are counted in."""
        return self.pred.nbytes + (self.target.nbytes if self.loss == "mse" else 0)


class Calls(NamedTuple):
    """The value alone, and the pair of value and gradient."""

    forward: Callable[[], Any]
    gradient: Callable[[], tuple[Any, Any]]


Contender = Callable[[Case, int | None], Calls]


def shape_label(shape: Iterable[int]) -> str:
    return " x ".join(f"{n:,}" for n in shape)


def make_case(loss: Loss, shape: tuple[int, ...], dtype: Any = np.float32) -> Case:
    rng = np.random.default_rng(0)

    def normal() -> Array:
        return rng.standard_normal(shape, np.float64 if dtype == np.float64 else np.float32).astype(dtype)

    pred = normal() * np.array(3, dtype)  # some rows are confident, some are not
    target = rng.integers(shape[-1], size=shape[:-1]) if loss == "cross_entropy" else normal()
    return Case(loss, pred, target, np.zeros_like(pred))


# ---- the contenders ----


def fastloss_calls(case: Case, threads: int | None) -> Calls:
    loss = getattr(fl, case.loss)
    option = {} if threads is None else {"n_threads": threads}
    args = case.pred, case.target
    return Calls(
        functools.partial(loss, *args, **option),
        functools.partial(loss.value_and_grad, *args, out=case.out, **option),
    )


def numpy_calls(case: Case, threads: int | None) -> Calls:
    forward, gradient = NUMPY[case.loss]
    args = case.pred, case.target
    return Calls(functools.partial(forward, *args), functools.partial(gradient, *args, out=case.out))


def numpy_cross_entropy(logits: Array, labels: Array) -> Any:
    shifted = logits - logits.max(axis=1, keepdims=True)
    true = shifted[np.arange(len(labels)), labels]
    return np.mean(np.log(np.exp(shifted, out=shifted).sum(axis=1)) - true)


def numpy_cross_entropy_gradient(logits: Array, labels: Array, out: Array | None = None) -> tuple[Any, Array]:
    rows = np.arange(len(labels))
    grad = np.subtract(logits, logits.max(axis=1, keepdims=True), out=out)
    true = grad[rows, labels]
    np.exp(grad, out=grad)
    total = grad.sum(axis=1)
    grad *= (1 / (len(labels) * total))[:, None]
    grad[rows, labels] -= 1 / len(labels)
    return np.mean(np.log(total) - true), grad


def numpy_mse(pred: Array, target: Array) -> Any:
    return np.mean((pred - target) ** 2)


def numpy_mse_gradient(pred: Array, target: Array, out: Array | None = None) -> tuple[Any, Array]:
    grad = np.subtract(pred, target, out=out)
    value = np.mean(grad**2)
    grad *= 2 / grad.size
    return value, grad


NUMPY = {
    "cross_entropy": (numpy_cross_entropy, numpy_cross_entropy_gradient),
    "mse": (numpy_mse, numpy_mse_gradient),
}


def torch_calls(case: Case, threads: int | None) -> Calls:
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    functional = torch.nn.functional
    loss = {"cross_entropy": functional.cross_entropy, "mse": functional.mse_loss}[case.loss]
    pred, target = torch.from_numpy(case.pred), torch.from_numpy(case.target)
    leaf = pred.detach().requires_grad_()

    def gradient() -> tuple[Any, Any]:
        value = loss(leaf, target)
        (grad,) = torch.autograd.grad(value, leaf)
        return value.detach(), grad

    return Calls(functools.partial(loss, pred, target), gradient)


CONTENDERS: dict[str, Contender] = {"fastloss": fastloss_calls, "NumPy": numpy_calls}
if importlib.util.find_spec("torch"):
    CONTENDERS["torch"] = torch_calls


# ---- right before fast ----


def reference(case: Case) -> Iterator[tuple[slice, float, Array]]:
    """Value (summed) and gradient in float64, in blocks of rows so that no second huge array is needed."""
    rows = len(case.pred)
    step = max(1, 2**20 // math.prod(case.pred.shape[1:]))
    for start in range(0, rows, step):
        block = slice(start, min(start + step, rows))
        share = (block.stop - block.start) / rows
        value, grad = NUMPY[case.loss][1](case.pred[block].astype(np.float64), case.target[block])
        yield block, value * share, grad * share


def check(case: Case, values: Iterable[ArrayLike], grad: ArrayLike | None = None) -> None:
    """Raise AssertionError unless the answers are those of float64, to the rounding of the arithmetic."""
    compute = 2.0**-52 if case.pred.dtype == np.float64 else 2.0**-23
    stored = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
    expected = 0.0
    for block, part, exact in reference(case):
        expected += part
        if grad is not None:
            got = np.asarray(grad)[block]
            # p - 1 cancels in a confident row: entries are as exact as the largest, not each by itself
            atol = max(stored[got.dtype.name], 8 * compute) * float(np.abs(exact).max())
            np.testing.assert_allclose(got.astype(np.float64), exact, 200 * compute, atol, err_msg=case.label)
    for value in values:
        np.testing.assert_allclose(np.asarray(value, np.float64), expected, 200 * compute, err_msg=case.label)


# ---- measuring ----


def take_turns(
    calls: Mapping[str, Callable[[], object]], rounds: int, at_least: float = 0.01, patience: float = 1.5
) -> dict[str, float]:
    """Median seconds of each call. A turn repeats its call for `at_least` seconds; when `patience` seconds
    are over the round that is running is the last, but for the first three."""
    number, turns = {}, {name: list[float]() for name in calls}
    for name, call in calls.items():
        call()
        once = timeit.timeit(call, number=1)
        number[name] = max(1, math.ceil(at_least / once))
    start = time.perf_counter()
    for played in range(rounds):
        if played >= 3 and time.perf_counter() - start > patience:
            break
        for name, call in calls.items():
            # The idle OpenMP workers of the one before spin for some milliseconds before they sleep, and
            # would take a core from the next. The untimed call then wakes this contender's own.
            time.sleep(0.01)
            call()
            turns[name].append(timeit.timeit(call, number=number[name]) / number[name])
    return {name: statistics.median(seconds) for name, seconds in turns.items()}


def prepare(case: Case, contenders: Mapping[str, Contender], threads: int | None) -> dict[str, Calls]:
    """The calls of every contender, each after both of its answers were found right."""
    calls = {name: make(case, threads) for name, make in contenders.items()}
    for pair in calls.values():
        value, grad = pair.gradient()
        check(case, (value, pair.forward()), grad)
    return calls


def row(case: Case, what: str, contender: str, seconds: float) -> dict[str, Any]:
    return {
        "loss": case.loss,
        "shape": list(case.pred.shape),
        "dtype": case.pred.dtype.name,
        "what": what,
        "contender": contender,
        "seconds": seconds,
        "gb_per_s": case.input_bytes / seconds / 1e9,
    }


def measure(case: Case, threads: int | None, rounds: int) -> Iterator[dict[str, Any]]:
    """Rows of the table: one for each contender, for the value alone and for value and gradient."""
    calls = prepare(case, CONTENDERS, threads)
    for what in Calls._fields:
        turns = take_turns({name: getattr(pair, what) for name, pair in calls.items()}, rounds)
        yield from (row(case, what, name, seconds) for name, seconds in turns.items())


def machine() -> str:
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass  # not Linux, or an architecture that does not name its processors
    return f"{name}, {os.cpu_count()} cores"


def describe(threads: int | None) -> dict[str, Any]:
    """What the rows were measured with."""
    here = config()
    return {
        "version": here["version"],
        "machine": machine(),
        "isa": here["instruction set"],
        "threads": threads or here["threads now"],
    }


def running(looks: int = 20) -> float:
    """How many threads of this machine want a processor, without this one; 0 if the system does not say."""
    try:
        found = []
        for _ in range(looks):
            time.sleep(0.005)
            with open("/proc/loadavg", encoding="ascii") as load:
                found.append(int(load.read().split()[3].split("/")[0]) - 1)
    except (OSError, ValueError, IndexError):
        return 0.0
    return statistics.mean(found)


def company(others: float, threads: int) -> str | None:
    """What to know of the numbers on a busy machine, None on an idle one."""
    processors = os.cpu_count() or 1
    if others + threads <= processors + 0.5:
        return None
    return (
        f"Busy: beside this process {others:.1f} threads want the {processors} processors of this machine,\n"
        "so that times are longer and ratios less certain than on an idle one."
    )


def cases(quick: bool) -> Iterator[Case]:
    for n, c in SHAPES:
        yield make_case("cross_entropy", (n // 32 if quick else n, c))
    yield make_case("mse", (MSE_SHAPE[0] // 32 if quick else MSE_SHAPE[0],))
    for shape in SMALL_SHAPES:
        yield make_case("cross_entropy", shape)


def run(*, as_json: bool = False, threads: int | None = None, quick: bool = False) -> None:
    about = describe(threads)
    about["others running"] = others = running()
    busy = company(others, about["threads"])
    rows: list[dict[str, Any]] = []
    if not as_json:
        print("fastloss {version}, {isa}, {threads} threads, on {machine}".format_map(about))
        if busy:
            print(busy)
        print(table_head())
    for case in cases(quick):
        new = list(measure(case, threads, rounds=3 if quick else 7))
        rows += new
        if not as_json:
            print(table_lines(new), flush=True)
    if as_json:
        print(json.dumps({**about, "rows": rows}))


def table_head() -> str:
    others = [name for name in CONTENDERS if name != "fastloss"]
    heads = [f"{name:>10}" for name in CONTENDERS] + [f"{'vs ' + name:>9}" for name in others]
    return f"{'':49}" + "".join(heads) + f"{'input':>11}"


def table_lines(rows: list[dict[str, Any]]) -> str:
    lines = []
    for what, words in zip(Calls._fields, ("forward", "forward + gradient")):
        seconds = {row["contender"]: row["seconds"] for row in rows if row["what"] == what}
        ours = seconds["fastloss"]
        line = f"{rows[0]['loss']:14}{shape_label(rows[0]['shape']):>14}  {words:19}"[:49]
        line += "".join(f"{show_seconds(s):>10}" for s in seconds.values())
        line += "".join(f"{s / ours:8.1f}x" for name, s in seconds.items() if name != "fastloss")
        gb_per_s = next(r["gb_per_s"] for r in rows if r["what"] == what and r["contender"] == "fastloss")
        lines.append(line + f"{gb_per_s:6.1f} GB/s")
    return "\n".join(lines)


def show_seconds(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} us" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"
