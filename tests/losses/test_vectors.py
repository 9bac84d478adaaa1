"""P6 on the vectors of tests/data/vectors.json (tools/vectors.py, mpmath): exact values of the elementary
functions, and value, gradient and Hessian of the losses, each at every lane and tail position, within its
bound."""

import json

import numpy as np
import pytest

import fastloss as fl
from support import DATA, cases, functions
from support import reference as ref
from support.layouts import eps, real, same_bits

pytestmark = [pytest.mark.same_lines, pytest.mark.all_kernels(3)]

F4, F8 = np.dtype("f4"), np.dtype("f8")
TABLES = json.loads((DATA / "vectors.json").read_text())
FUNCTIONS, LOSSES, ROWS = dict(TABLES["functions"]), TABLES["losses"], TABLES["rows"]
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


def test_every_loss_has_vectors():
    assert {name for name, *_ in LOSSES + ROWS} == set(fl.losses)
    assert {name for name, *_ in LOSSES} == set(cases.CASES)
    assert set(FUNCTIONS) == {*functions.FUNCTIONS, "sigmoid", "log_sigmoid", "softplus"}
    assert all(len(rows) >= 16 for *_, rows in LOSSES) and all(len(rows) > 30 for rows in FUNCTIONS.values())


def evaluate(name, x):
    return fl._core.math(name, x) if name in functions.FUNCTIONS else getattr(fl, name)(x)


@dtypes
@pytest.mark.parametrize("name", FUNCTIONS)
def test_elementary_functions(name, dtype):
    """ULP of the exact value."""
    rows, limit = held(FUNCTIONS[name], 1, dtype), 4.0
    if name in functions.FUNCTIONS:
        limit = functions.FUNCTIONS[name][0]
        limit = limit if dtype == F4 else max(functions.ULP_F8, limit)
        low, high = functions.domain(name, dtype)
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
    results = cases.results(loss, x, y, reduction="none", **own)
    assert len(results) == len(rows[0]) - 2, "as many derivatives as the vectors have"
    for i, (got, bound) in enumerate(zip(results, bounds)):
        what = f"{('value', 'grad', 'hess')[i]} of {name}"
        assert_within(got, column(rows, 2 + i, dtype), bound.astype(F8), dtype, what, (x, y))
    for at in windows(len(x)):
        some = cases.results(loss, x[at], y[at], reduction="none", **own)
        for got, whole in zip(some, results):
            assert same_bits(got, whole[at]), f"{len(at)} from {at[0]} on"


def row_results(name, arrays, **own):
    """Value, gradients, Hessian, as the vectors have them."""
    loss, pair = fl.losses[name], name in cases.VECTORS
    found = [loss(*arrays, reduction="none", **own), loss.grad(*arrays, reduction="sum", **own)]
    if pair:
        found.append(loss.value_and_grads(*arrays, reduction="sum", **own)[1][1])
    if name in cases.HESSIANS:
        found.append(loss.grad_and_hess(*arrays, reduction="sum", **own)[1])
    return found


def row_bounds(name, arrays, dtype, **own):
    """Of the same."""
    bounds = ref.cross_entropy_bounds if name == "cross_entropy" else getattr(ref, name).bounds
    about = dict(axis=-1, real=real(dtype), **own)
    found = bounds(*arrays, eps(dtype), **about)
    if name in cases.VECTORS:
        return [*found[:2], bounds(arrays[1], arrays[0], *arrays[2:], eps(dtype), **about)[1]]
    return found[: 3 if name in cases.HESSIANS else 2]


def numbers(cells, dtype):
    """Of one argument, what all rows have there: hexadecimal numbers, or a label."""
    if isinstance(cells[0], int):
        return np.array(cells)
    return np.array([[float.fromhex(cell) for cell in row] for row in cells]).astype(dtype)


@dtypes
@pytest.mark.parametrize(
    "name, own, rows",
    ROWS,
    ids=["-".join([n, type(rows[0][0][1]).__name__, str(len(rows[0][0][0])), *own]) for n, own, rows in ROWS],
)
def test_losses_of_rows(name, own, rows, dtype):
    """Beside them stand as many others, the same numbers the other way round."""
    own = {k: np.array(v) if isinstance(v, list) else v for k, v in own.items()}
    arrays = [numbers(cells, dtype) for cells in zip(*(row[0] for row in rows))]
    results, bounds = row_results(name, arrays, **own), row_bounds(name, arrays, dtype, **own)
    assert len(results) == len(bounds) == len(rows[0]) - 1, "as many derivatives as the vectors have"
    for i, (got, bound) in enumerate(zip(results, bounds)):
        exact = [cell if i else [cell] for cell in (row[1 + i] for row in rows)]
        exact = np.array([[float.fromhex(v) for v in pair] for cell in exact for pair in cell])
        beside = arrays[0].ravel() if i else arrays[0][:, 0]
        what = f"{'derivative' if i else 'value'} of {name}"
        assert_within(got.ravel(), exact, bound.ravel().astype(F8), dtype, what, [beside])
    others = [a[::-1, ::-1] if a.ndim == 2 else a[::-1] for a in arrays]
    both = [np.concatenate(pair) for pair in zip(arrays, others)]
    for at in windows(len(both[0])):
        old = at < len(rows)
        for got, whole in zip(row_results(name, [a[at] for a in both], **own), results):
            assert same_bits(got[old], whole[at[old]]), f"{len(at)} from {at[0]} on"
