"""P10, memory-safe at any size, and how much memory a call takes, for every loss, metric and primitive with
each of its methods.

A read or write one byte too far kills the process, so those calls run in one of their own."""

import sys
import tracemalloc
import warnings

import ml_dtypes
import numpy as np
import pytest

import fastloss as fl
from support import catalogue
from support.catalogue import FIRST
from support.layouts import DTYPES, LAYOUTS, child

pytestmark = [pytest.mark.beyond_bits, pytest.mark.same_lines, pytest.mark.all_kernels(10)]

F4 = np.dtype("f4")
each = pytest.mark.parametrize("subject", FIRST, ids=str)
linux = pytest.mark.skipif(sys.platform != "linux", reason="mprotect with these numbers, and /proc")

# --- every operand between two pages that may not be touched ----------------------------------------------


@linux
@pytest.mark.parametrize("of_rows", [False, True], ids=["elements", "rows"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_nothing_is_touched_outside_the_arrays(dtype, of_rows):
    done = child(f"from support import fences; fences.calls_between_fences({dtype!r}, {of_rows})")
    last = done.stdout.splitlines()[-1:]
    assert done.returncode == 0 and last[0].startswith("survived"), f"{last} {done.stderr[-2000:]}"
    assert int(last[0].split()[1]) > 10_000


@linux
def test_the_fence_works():
    done = child("from support import fences; fences.touch_the_fence()")
    # The sanitizer catches the signal, reports it and exits.
    assert done.returncode < 0 or "AddressSanitizer: SEGV" in done.stderr


# --- how much memory a call takes -------------------------------------------------------------------------


def peak(function, given, outs, **options):
    """Bytes that NumPy and Python took, at most, beyond what was there before the call."""
    scores = given[catalogue.positional(function.subject)[0]]
    as_they_were = scores.copy()  # a result may lie there
    catalogue.call(function, given, outs, **options)  # what a first call keeps for good is not meant
    scores[...] = as_they_were
    tracemalloc.start()
    try:
        catalogue.call(function, given, outs, **options)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def rows_of(subject):
    """(rows, classes, bytes that a call may take): some numbers a row, and the objects of the call itself."""
    return (64, 1000, 64 * 64 + 20_000) if subject.rowwise else (100_000, 1, 20_000)


@each
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_with_out_a_call_takes_a_few_numbers_a_row(dtype, subject):
    """Whatever the layout, narrow labels, weights or not: nothing is copied."""
    n, classes, limit = rows_of(subject)
    for function in catalogue.functions(subject):
        for i, lay in enumerate(LAYOUTS.values()):
            given = catalogue.arguments(function, (n,), classes, dtype, weighted=i % 2 == 0)
            if "target" in given and subject.kind == "labels":
                given["target"] = given["target"].astype(np.int16)
            given = {k: lay(v) if isinstance(v, np.ndarray) else v for k, v in given.items()}
            outs = {k: lay(v) for k, v in catalogue.outs_for(function, given).items()}
            # NumPy reads misaligned parameters through a buffer of its own, of 8192 numbers.
            more = 8 * 8192 if lay.__name__ == "misaligned" else 0
            assert peak(function, given, outs) < limit + more, f"{function}, {lay.__name__}"


@each
def test_without_out_a_call_takes_what_it_returns(subject):
    n, classes, limit = rows_of(subject)
    for function in catalogue.functions(subject):
        given = catalogue.arguments(function, (n,), classes, F4)
        for reduction in ("sum", "none"):
            results = catalogue.call(function, given, reduction=reduction).values()
            returned = sum(a.nbytes for a in results if a.ndim)
            assert peak(function, given, {}, reduction=reduction) < limit + returned, str(function)


@each
@pytest.mark.parametrize("axis", [-1, 0])
def test_in_place_a_call_takes_nothing(axis, subject):
    if not subject.rowwise and axis == 0:
        return
    n, classes, limit = rows_of(subject)
    for function in catalogue.functions(subject):
        if function.rows_out or len(function.outs) != 1:
            continue
        given = catalogue.arguments(function, (n,), classes, F4, axis=axis)
        first = given[catalogue.positional(subject)[0]]
        assert peak(function, given, {function.outs[0]: first}, axis=axis) < limit, str(function)


@linux
def test_the_core_takes_no_memory_of_its_own():
    """Two million numbers, 8 MB: the resident set grows by less than a fifth of it, stacks included."""
    done = child("from support import fences; fences.print_growth()")
    assert done.returncode == 0, done.stderr[-2000:]
    found = [line.rsplit(maxsplit=2) for line in done.stdout.splitlines()]
    canaries, calls = found[:3], found[3:]
    assert all(line[0] == "canary" and int(line[2]) > 1_500_000 for line in canaries), canaries
    assert len(calls) > 300 and not [line for line in calls if int(line[2]) > 1_500_000]


# --- more than 2^31 elements --------------------------------------------------------------------------------


HUGE = 2**31 + 9
WIDE = 2**21 + 8, 1024


@pytest.mark.exhaustive
def test_two_to_the_31_elements_of_one_axis():
    pred, target = np.broadcast_to(np.float32(0.5), HUGE), np.broadcast_to(np.int8(1), HUGE)
    assert fl.mse(pred, target, reduction="sum") == HUGE / 4
    assert fl.hinge(pred, target) == 0.5
    with pytest.raises(ValueError, match=rf"target\[{HUGE - 1}\] = 0"):
        fl.hinge(pred, last_one_else(target, 0))


def last_one_else(target, value):
    """Such an array takes memory, a byte an element."""
    target = target.copy()
    target[-1] = value
    return target


@pytest.mark.exhaustive
def test_two_to_the_31_elements_of_two_axes():
    """Of weights all but the last are 0: what the others hold does not matter, the last row does."""
    rng = np.random.default_rng(1)
    row, other = rng.standard_normal((2, WIDE[1])).astype("f4")
    weight = np.zeros(WIDE[0])
    weight[-1] = 0.5
    pred, target = np.broadcast_to(row, WIDE), np.broadcast_to(other, WIDE)
    for loss in (fl.mse, fl.log_cosh):
        want = loss(row, other, reduction="sum") / 2
        assert loss(pred, target, reduction="sum", sample_weight=weight) == pytest.approx(want, rel=1e-13)


@pytest.mark.exhaustive
def test_two_to_the_31_scores_of_rows():
    row = np.random.default_rng(2).permutation(WIDE[1]).astype("f4")
    scores, target = np.broadcast_to(row, WIDE), np.zeros(WIDE[0], np.uint16)
    target[-1] = row.argmax()
    top = fl.top_k_accuracy(scores, target, k=[1, WIDE[1]], reduction="none")
    assert (top[:-1, 0] == 0).all() and (top[:, 1] == 1).all() and top[-1, 0] == 1
    hinge = fl.multi_margin(scores, target, reduction="none")
    first, last = (fl.multi_margin(row, int(y), reduction="none") for y in (0, row.argmax()))
    assert (hinge[:-1] == first).all() and hinge[-1] == last


@pytest.mark.exhaustive
def test_two_to_the_31_gradients_are_written():
    """In half precision, of which 2^31 take four gigabytes."""
    out = np.empty(WIDE, ml_dtypes.bfloat16)
    rng = np.random.default_rng(3)
    row, other = rng.standard_normal((2, WIDE[1])).astype("f4")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fl.half_squared.grad(
            np.broadcast_to(row, WIDE), np.broadcast_to(other, WIDE), reduction="sum", out=out
        )
        assert_rows(out, fl.half_squared.grad(row, other, reduction="sum", out=out[0].copy()))
        labels = np.zeros(WIDE[0], np.uint8)
        fl.cross_entropy.grad(np.broadcast_to(row, WIDE), labels, reduction="sum", out=out)
        assert_rows(out, fl.cross_entropy.grad(row, 0, reduction="sum", out=out[0].copy()))


def assert_rows(out, row):
    """All rows are that one; bits of bfloat16 compare faster as integers."""
    whole, row = out.view(np.uint16), row.view(np.uint16)
    assert all((whole[i : i + 4096] == row).all() for i in range(0, len(whole), 4096))


@pytest.mark.exhaustive
def test_more_than_two_to_the_31_elements():
    row = np.random.default_rng(2).standard_normal(1024).astype("f4")
    n = 2**21 + 8
    logits, target = np.broadcast_to(row, (n, 1024)), np.zeros(n, np.uint8)
    target[-1] = 200
    none = fl.cross_entropy(logits, target, reduction="none")
    assert (
        none[-1] == fl.cross_entropy(row, 200) and (none[:-1] == np.float32(fl.cross_entropy(row, 0))).all()
    )
