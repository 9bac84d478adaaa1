"""P6 on the vectors of tests/vectors.json (tools/vectors.py, mpmath): exact values of the elementary
functions, and value, gradient and Hessian of the elementwise losses, each at every lane and tail position,
within its bound."""

import json
from pathlib import Path

import catalogue
import numpy as np
import pytest
import reference as ref
import test_accuracy as accuracy
from layouts import eps, real, same_bits

import fastloss as fl

F4, F8 = np.dtype("f4"), np.dtype("f8")
TABLES = json.loads((Path(__file__).parent / "vectors.json").read_text())
FUNCTIONS, LOSSES = dict(TABLES["functions"]), TABLES["losses"]
LENGTHS = (1, 7, 8, 9, 15, 16, 17, 33)
dtypes = pytest.mark.parametrize("dtype", [F4, F8], ids=str)
losses = pytest.mark.parametrize(
    "name, own, rows",
    LOSSES,
    ids=["-".join([n, *(f"{k}={v}" for k, v in own.items())]) for n, own, _ in LOSSES],
)


def column(rows, i, dtype):
    """Numbers, as they are in the dtype, or pairs of what was rounded and what is left."""
    cells = [row[i] for row in rows]
    if isinstance(cells[0], list):
        return np.array([[float.fromhex(part) for part in cell] for cell in cells])
    return np.array([float.fromhex(cell) for cell in cells]).astype(dtype)


def held(rows, inputs, dtype):
    """The rows whose inputs the dtype holds exactly."""
    with np.errstate(over="ignore", under="ignore"):
        return [
            row for row in rows if all(float(dtype.type(v)) == v for v in map(float.fromhex, row[:inputs]))
        ]


def assert_within(got, exact, bound, dtype, what, inputs):
    """Below the normal numbers the smallest of them is allowed, absolutely."""
    high, low = exact.T
    largest = float(np.finfo(dtype).max)
    with np.errstate(all="ignore"):
        error = abs((got.astype(F8) - high) - low)
        good = (error <= bound + float(np.finfo(dtype).smallest_normal)) | (
            (abs(high) > largest) & ~np.isfinite(got)
        )
    for i in np.flatnonzero(~good)[:1]:
        at = [float(x[i]).hex() for x in inputs]
        raise AssertionError(
            f"{what} at {at}: {got[i]!r}, exact {high[i]!r}, {error[i] / bound[i]:.3f} of the bound"
        )


def windows(n):
    """Every one of n inputs at every position of every length."""
    for length in LENGTHS:
        for start in range(n):
            yield (start + np.arange(length)) % n


def test_every_elementwise_loss_has_vectors():
    assert {name for name, *_ in LOSSES} == set(catalogue.elementwise.CASES)
    assert set(FUNCTIONS) == {*accuracy.FUNCTIONS, "sigmoid", "log_sigmoid", "softplus"}
    assert all(len(rows) >= 16 for *_, rows in LOSSES) and all(len(rows) > 30 for rows in FUNCTIONS.values())


def evaluate(name, x):
    return fl._core.math(name, x) if name in accuracy.FUNCTIONS else getattr(fl, name)(x)


@dtypes
@pytest.mark.parametrize("name", FUNCTIONS)
def test_elementary_functions(name, dtype):
    """ULP of the exact value."""
    rows, limit = held(FUNCTIONS[name], 1, dtype), 4.0
    if name in accuracy.FUNCTIONS:
        limit = (
            accuracy.FUNCTIONS[name][0] if dtype == F4 else max(accuracy.ULP_F8, accuracy.FUNCTIONS[name][0])
        )
        low, high = accuracy.domain(name, dtype)
        rows = [row for row in rows if low < float.fromhex(row[0]) < high]
    x, exact = column(rows, 0, dtype), column(rows, 1, dtype)
    got = evaluate(name, x)
    with np.errstate(all="ignore"):
        unit = np.ldexp(1.0, np.frexp(exact[:, 0])[1] - 1 - np.finfo(dtype).nmant)
    assert_within(got, exact, limit * unit, dtype, name, [x])
    for at in windows(len(x)):
        assert same_bits(evaluate(name, x[at]), got[at]), f"{name}: {len(at)} from {at[0]} on"


@dtypes
@losses
def test_elementwise_losses(name, own, rows, dtype):
    rows = held(rows, 2, dtype)
    assert len(rows) >= 12
    loss, oracle = fl.losses[name], getattr(ref, name)
    x, y = column(rows, 0, dtype), column(rows, 1, dtype)
    bounds = oracle.bounds(x, y, eps(dtype), real=real(dtype), **own)
    results = catalogue.elementwise.results(loss, x, y, reduction="none", **own)
    assert len(results) == len(rows[0]) - 2, "as many derivatives as the vectors have"
    for i, (got, bound) in enumerate(zip(results, bounds)):
        what = f"{('value', 'grad', 'hess')[i]} of {name}"
        assert_within(got, column(rows, 2 + i, dtype), bound.astype(F8), dtype, what, (x, y))
    for at in windows(len(x)):
        some = catalogue.elementwise.results(loss, x[at], y[at], reduction="none", **own)
        for got, whole in zip(some, results):
            assert same_bits(got, whole[at]), f"{len(at)} from {at[0]} on"
