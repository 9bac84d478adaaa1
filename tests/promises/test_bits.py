"""P4, the same bits: for any number of threads, run, alignment, stride and slice of rows, with `out` or
without, in place or not, with the gradient asked for or not. P8: a bad row stays a bad row."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastloss as fl
from support.layouts import DTYPES, LAYOUTS, same_bits

# Around the lanes (16), the rows and elements of a block, the tasks of a parallel call.
ROWS = [0, 1, 15, 16, 17, 4095, 4096, 4097, 300_000]
OPTIONS = [
    {},
    dict(label_smoothing=0.1, z_loss=0.01),
    dict(softcap=5.0, logit_scale=1.5),
    dict(class_weight=True),
]


def example(n, classes, dtype, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, classes), np.float32).astype(dtype), rng.integers(0, classes, n)


def everything(logits, target, **options):
    """All that one call can say, as a list of arrays."""
    ce, g = fl.cross_entropy, {}
    if options.pop("class_weight", None):
        g["class_weight"] = 1 + np.arange(logits.shape[options.get("axis", -1)]) % 7 / 4
    value, grad = ce.value_and_grad(logits, target, **options, **g)
    grad2, hess = ce.grad_and_hess(logits, target, **options, **g)
    return [
        value,
        ce(logits, target, **options, **g),
        grad,
        grad2,
        hess,
        ce.hvp(logits, target, logits, **options, **g),
    ]


def assert_same(some, other):
    assert len(some) == len(other)
    for i, (a, b) in enumerate(zip(some, other)):
        assert same_bits(a, b), f"result {i}"


small = settings(deadline=None, max_examples=60)


@small
@given(
    n=st.integers(0, 150),
    classes=st.sampled_from([1, 2, 3, 10, 31, 32, 63, 64, 65, 100, 257, 1023, 1025]),
    dtype=st.sampled_from(DTYPES),
    options=st.sampled_from(OPTIONS),
    reduction=st.sampled_from(["mean", "sum", "none"]),
    threads=st.integers(1, 9),
    layout=st.sampled_from(sorted(LAYOUTS)),
    seed=st.integers(0, 9),
)
def test_threads_layout_and_alignment_change_nothing(
    n, classes, dtype, options, reduction, threads, layout, seed
):
    logits, target = example(n + 1, classes, dtype, seed)
    want = everything(logits, target, n_threads=1, reduction=reduction, **options)
    lay = LAYOUTS[layout]
    assert_same(everything(lay(logits), lay(target), n_threads=threads, reduction=reduction, **options), want)
    assert same_bits(want[0], want[1]), "a value alone is the value beside a gradient"


@pytest.mark.parametrize("classes", [2, 10, 65, 1100])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_gradient_does_not_depend_on_what_else_is_asked_for(dtype, classes):
    logits, target = example(40, classes, dtype)
    for options in OPTIONS:
        _, _, grad, beside_hess, *_ = everything(logits, target, reduction="sum", **options)
        assert same_bits(grad, beside_hess), options


@small
@given(
    n=st.integers(1, 300),
    classes=st.sampled_from([2, 10, 64, 65, 300, 1100]),
    dtype=st.sampled_from(DTYPES),
    options=st.sampled_from(OPTIONS),
    axis=st.sampled_from([-1, 0]),
    data=st.data(),
)
def test_a_row_does_not_depend_on_its_neighbours(n, classes, dtype, options, axis, data):
    start = data.draw(st.integers(0, n - 1))
    rows = slice(start, data.draw(st.integers(start + 1, n)))
    logits, target = example(n, classes, dtype)
    if axis == 0:
        logits = np.ascontiguousarray(logits.T)
    part = logits[rows] if axis else logits[:, rows]
    whole = everything(logits, target, reduction="none", axis=axis, **options)
    some = everything(part, target[rows], reduction="none", axis=axis, **options)
    for i, (a, b) in enumerate(zip(whole, some)):
        a = a[rows] if a.ndim == 1 or axis else a[:, rows]
        assert same_bits(a, b), f"result {i}"


@pytest.mark.parametrize("n", ROWS)
@pytest.mark.parametrize("classes, dtype", [(10, "f4"), (3, "f8"), (70, "f4")])
def test_many_rows(classes, dtype, n):
    if n == 300_000 and classes == 70:
        n = 30_000
    logits, target = example(n, classes, dtype)
    for reduction in ("sum", "none"):
        one = fl.cross_entropy.value_and_grad(logits, target, n_threads=1, reduction=reduction)
        for threads in (None, 2, 3, 8):
            assert_same(
                fl.cross_entropy.value_and_grad(logits, target, n_threads=threads, reduction=reduction), one
            )
        assert same_bits(fl.cross_entropy(logits, target, reduction=reduction), one[0])
        inside = logits.copy()
        assert_same(fl.cross_entropy.value_and_grad(inside, target, out=inside, reduction=reduction), one)


@pytest.mark.parametrize("n", ROWS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_many_elements(dtype, n):
    """torch's mse changes bits with the number of threads."""
    rng = np.random.default_rng(1)
    pred, target = (rng.standard_normal(n + 1, np.float32).astype(dtype) for _ in range(2))
    weight = rng.random(n)
    for options in ({}, dict(sample_weight=weight)):
        call = dict(reduction="sum", **options)
        one = fl.mse.value_and_grad(pred[:-1], target[:-1], n_threads=1, **call)
        for threads in (None, 2, 3, 9):
            assert_same(fl.mse.value_and_grad(pred[:-1], target[:-1], n_threads=threads, **call), one)
        assert fl.mse(pred[:-1], target[:-1], **call) == one[0]
        moved = pred.copy()[1:], target.copy()[1:]
        moved[0][:], moved[1][:] = pred[:-1], target[:-1]
        assert_same(fl.mse.value_and_grad(*moved, out=moved[0], **call), one)


@pytest.mark.parametrize("classes", [1000, 20_000])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_wide_rows(dtype, classes):
    logits, target = example(9, classes, dtype)
    one = everything(logits, target, n_threads=1)
    assert_same(everything(logits, target, n_threads=4), one)
    buffer = np.empty(logits.size + 64, dtype)
    for offset in range(0, 40, 3):
        view = buffer[offset : offset + logits.size].reshape(logits.shape)
        view[...] = logits
        assert_same(fl.cross_entropy.value_and_grad(view, target, out=view), [one[0], one[2]])


@pytest.mark.parametrize("n, classes", [(90_001, 101), (900_007, 10), (61, 150_011)])
@pytest.mark.parametrize("offset", [0, 1, 16])
def test_results_larger_than_a_cache(offset, n, classes):
    """Such results are stored past the cache, in whole lines: their ends must be right too."""
    logits, target = example(n, classes, "f4")
    room = np.full(n * classes + 64, 7, "f4")
    out = room[offset : offset + n * classes].reshape(n, classes)
    value, _ = fl.cross_entropy.value_and_grad(logits, target, out=out, reduction="sum")
    inside = logits.copy()
    assert same_bits(fl.cross_entropy.value_and_grad(inside, target, out=inside, reduction="sum")[0], value)
    assert same_bits(inside, out)
    assert (room[:offset] == 7).all() and (room[offset + n * classes :] == 7).all()
    assert same_bits(fl.softmax(logits, out=out)[-3:], fl.softmax(logits[-3:]))
    assert (room[:offset] == 7).all() and (room[offset + n * classes :] == 7).all()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("offset", [0, 3])
def test_results_of_each_type_larger_than_a_cache(offset, dtype):
    n = (33 << 20) // dtype.itemsize // 128 * 128
    x = np.arange(-64, 64).astype(dtype)
    room = np.full(n + 128, 7, dtype)
    fl.half_squared.grad(np.resize(x, n), np.zeros(n, "i1"), out=room[offset : offset + n], reduction="sum")
    assert (room[offset : offset + n].reshape(-1, 128) == x).all()
    assert (room[:offset] == 7).all() and (room[offset + n :] == 7).all()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("gap", [2, 4])
def test_results_larger_than_a_cache_with_gaps(gap, dtype):
    """Only what lies in one piece may be stored past the cache."""
    n = (33 << 20) // dtype.itemsize
    x = np.arange(-64, 64).astype(dtype)
    room = np.full(gap * n, 7, dtype)
    fl.half_squared.grad(np.resize(x, n), np.zeros(n, "i1"), out=room[::gap], reduction="sum")
    lines = room[: n // 128 * 128 * gap].reshape(-1, 128, gap)
    assert (lines[..., 0] == x).all() and (lines[..., 1:] == 7).all()


@small
@given(
    n=st.integers(1, 200),
    classes=st.sampled_from([2, 10, 64, 65, 1100]),
    dtype=st.sampled_from(DTYPES),
    threads=st.integers(1, 9),
    layout=st.sampled_from(sorted(LAYOUTS)),
)
def test_primitives(n, classes, dtype, threads, layout):
    logits, index = example(n, classes, dtype)
    lay = LAYOUTS[layout]
    for f in (fl.softmax, fl.log_softmax, fl.logsumexp):
        assert same_bits(f(lay(logits), n_threads=threads), f(logits, n_threads=1))
        assert same_bits(f(logits)[n // 2 :], f(logits[n // 2 :]))
    assert same_bits(fl.gather_log_softmax(lay(logits), lay(index)), fl.gather_log_softmax(logits, index))


def test_every_run_gives_the_same_bits():
    logits, target = example(5000, 100, "f4")
    first = everything(logits, target)
    for _ in range(10):
        assert_same(everything(logits, target), first)


# --- P8 -------------------------------------------------------------------------------------------------


PLANTED = [np.nan, np.inf, -np.inf, 1e-45, 3e38]


@pytest.mark.parametrize("value", PLANTED, ids=str)
@pytest.mark.parametrize(
    "classes", [*range(1, 36), 62, 63, 64, 65, 66, 79, 80, 81, 127, 1023, 1024, 1025, 1041]
)
def test_a_bad_entry_at_each_tail_position(classes, value):
    """Each position of the last vector of a row, each row of a narrow block and its tail."""
    n = 37 if classes <= 100 else 5
    logits, target = example(n, classes, "f4")
    clean = everything(logits, target, reduction="none")
    for at in {0, classes // 2, *range(max(0, classes - 3), classes)}:
        for row in (0, 15, 31, 32, n - 1) if classes <= 100 else (1, n - 1):
            spoilt = logits.copy()
            spoilt[row, at] = value
            with np.errstate(all="raise"):
                got = everything(spoilt, target, reduction="none")
            for i, (a, b) in enumerate(zip(got, clean)):
                assert same_bits(np.delete(a, row, 0), np.delete(b, row, 0)), f"result {i}"
            bad = not np.isfinite(value) and (value > 0 or value != value or classes == 1)
            assert np.isnan(got[0][row]) == bad and np.isnan(got[2][row]).any() == bad


def test_calls_leave_the_floating_point_environment_alone():
    """No flush to zero, rounding still to nearest, and no flag that NumPy would report."""
    logits, target = example(100, 100, "f4")
    logits[3, 4], logits[7, 1], logits[9] = np.nan, np.inf, -np.inf
    with np.errstate(all="raise"):
        everything(logits, target)
        tiny = np.full(64, 1e-40, "f4")
        assert (tiny * np.float32(0.5) != 0).all()
        assert np.float32(1) + np.float32(2**-24) == 1 and np.float32(1) + np.float32(3 * 2**-24) != 1
