"""fastloss inside other libraries, beside what they do themselves: `python -m benchmarks.pipeline`.

Objectives of boosting against the same in NumPy, rounds of XGBoost and LightGBM on 100,000 x 28 with their
own objective, with ours and with NumPy's, and scikit-learn's log_loss. Contenders take turns and medians
count. It wants a quiet machine for some minutes, and all that it compares. What torch gains is printed by
examples/train_language_model.py, and how fast files are read by examples/evaluate_large_file.py.
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.contenders import installed
from fastloss._command.bench import describe, show_seconds, take_turns
from fastloss.boosting import lightgbm_objective, xgboost_objective

ROWS, FEATURES, ROUNDS = 100_000, 28, 20
BINARY = "binary_cross_entropy_with_logits"
FLOOR = np.float32(1e-16)  # XGBoost's own
Turns = dict[str, Callable[[], object]]
Array = np.ndarray


class Labels:
    """As much of a dataset as an objective asks for."""

    def __init__(self, label: Array) -> None:
        self.label = label

    def get_label(self) -> Array:
        return self.label

    def get_weight(self) -> None:
        return None


def numpy_binary(score: Array, y: Array) -> tuple[Array, Array]:
    p = 1 / (1 + np.exp(-score))
    return p - y, np.maximum(p * (1 - p), FLOOR)


def numpy_softmax(factor: float, scores: Array, rows: Array, y: Array) -> tuple[Array, Array]:
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    hess = np.maximum(factor * p * (1 - p), FLOOR)
    p[rows, y] -= 1
    return p, hess


def in_numpy(classes: int, factor: float) -> Callable[[Array, Any], tuple[Array, Array]]:
    """The objective as one writes it without a library."""
    if classes == 2:
        return lambda scores, data: numpy_binary(scores, data.get_label())
    return lambda scores, data: numpy_softmax(
        factor, scores, np.arange(len(scores)), data.get_label().astype(int)
    )


def show(title: str, seconds: dict[str, float], beside: str) -> None:
    cells = (f"{name} {show_seconds(s)} ({seconds[beside] / s:.2f} x)" for name, s in seconds.items())
    print(f"{title:36}", ", ".join(cells), flush=True)


def objectives(rng: np.random.Generator, rows: int) -> None:
    print(f"\nGradient and Hessian of {rows:,} rows as XGBoost wants them, against NumPy")
    threads = {"one thread": 1, "all threads": os.cpu_count()}
    for classes in (1, 3, 7, 28):
        scores = rng.standard_normal((rows, classes), dtype=np.float32)
        y = rng.integers(0, max(2, classes), rows)
        data = Labels(y.astype("f4"))
        if classes == 1:
            scores, name, hessian = scores[:, 0], BINARY, "exact"
            derivatives = functools.partial(numpy_binary, scores, data.label)
        else:
            name, hessian = "cross_entropy", "upper"
            derivatives = functools.partial(numpy_softmax, 2.0, scores, np.arange(rows), y)
        calls: Turns = {"numpy": derivatives}
        for title, n in threads.items():
            objective = xgboost_objective(name, hessian=hessian, n_threads=n)
            for ours, its in zip(objective(scores, data), derivatives(), strict=True):
                np.testing.assert_allclose(ours, its, rtol=1e-4, atol=1e-6)
            calls[title] = functools.partial(objective, scores, data)
        show("binary" if classes == 1 else f"{classes} classes", take_turns(calls, 31, patience=20), "numpy")


def rounds(step: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median seconds of a round. A contender's trees grow with its rounds: all have had as many."""
    seconds: dict[str, list[float]] = {name: [] for name in step}
    for _ in range(ROUNDS):
        for name, call in step.items():
            time.sleep(0.01)  # see take_turns
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(s[2:]) for name, s in seconds.items()}


def three_objectives(make: Callable[..., Any], classes: int, hessian: str, factor: float) -> dict[str, Any]:
    """The library's own (None), ours, and the same in NumPy."""
    ours = make(BINARY) if classes == 2 else make("cross_entropy", hessian=hessian)
    return {"built in": None, "ours": ours, "numpy": in_numpy(classes, factor)}


def xgboost_rounds(x: Array, y: Array, classes: int, threads: int) -> dict[str, float]:
    import xgboost

    own: dict[str, Any] = {"objective": "binary:logistic"}
    if classes > 2:
        own = {"objective": "multi:softprob", "num_class": classes}
    step: Turns = {}
    for name, objective in three_objectives(xgboost_objective, classes, "upper", 2.0).items():
        data = xgboost.QuantileDMatrix(x, y, nthread=threads)
        booster = xgboost.Booster({"nthread": threads, **own}, [data])
        step[name] = functools.partial(booster.update, data, 0, fobj=objective)
    return rounds(step)


def lightgbm_rounds(x: Array, y: Array, classes: int, threads: int) -> dict[str, float]:
    import lightgbm

    own = {"objective": "binary" if classes == 2 else "multiclass"}
    shape = {} if classes == 2 else {"num_class": classes}
    step: Turns = {}
    factor = classes / (classes - 1)
    for name, objective in three_objectives(lightgbm_objective, classes, "lightgbm", factor).items():
        chosen = own if objective is None else {"objective": "none"}
        settings = {"num_threads": threads, "verbosity": -1, **shape, **chosen}
        booster = lightgbm.Booster(settings, lightgbm.Dataset(x, y, params={"verbosity": -1}))
        step[name] = functools.partial(booster.update, fobj=objective)
    return rounds(step)


def boosting(rng: np.random.Generator, rows: int) -> None:
    print(f"\nA round of boosting, {rows:,} x {FEATURES}, {ROUNDS} rounds each")
    x = rng.standard_normal((rows, FEATURES), dtype=np.float32)
    library = {"xgboost": xgboost_rounds, "lightgbm": lightgbm_rounds}
    for name in filter(installed, library):
        for classes in (2, 5):
            noisy = x[:, :3] + rng.standard_normal((rows, 3))
            y = (np.abs(noisy).sum(axis=1) * classes / 6).astype(int) % classes
            for threads in sorted({1, os.cpu_count() or 1}):
                seconds = library[name](x, y, classes, threads)
                show(f"{name}, {classes} classes, {threads} threads", seconds, "built in")


def log_loss(rng: np.random.Generator, rows: int) -> None:
    if not installed("sklearn"):
        return
    import sklearn.metrics

    import fastloss.sklearn

    print(f"\nsklearn.metrics.log_loss, {10 * rows:,} x 100 float32")
    p = rng.random((10 * rows, 100), dtype=np.float32)
    p /= p.sum(axis=1, keepdims=True)
    y = rng.integers(0, 100, len(p))
    calls: Turns = {
        "scikit-learn": lambda: sklearn.metrics.log_loss(y, p),
        "ours": lambda: fastloss.sklearn.log_loss(y, p),
    }
    show("", take_turns(calls, 5, patience=60), "scikit-learn")


SECTIONS = {"objectives": objectives, "boosting": boosting, "log_loss": log_loss}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pipeline")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="a hundredth of the rows: does it run at all?")
    options = parser.parse_args()
    print(describe(None))
    for name in options.only:
        SECTIONS[name](np.random.default_rng(0), ROWS // 100 if options.quick else ROWS)


if __name__ == "__main__":
    main()
