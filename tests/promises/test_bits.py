"""P4, the same bits: for any number of threads, run, alignment, stride and slice of rows, with `out` or
without, in place or not, with the gradient asked for or not. First over the catalogue; then cross entropy,
mse and the primitives in more detail, and that runs on every instruction set."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastloss as fl
from support import catalogue
from support.catalogue import FIRST, VARIANTS
from support.cross_entropy import OPTIONS, everything, example
from support.layouts import DTYPES, LAYOUTS, REDUCTIONS, placed, same_bits

pytestmark = [pytest.mark.memory_safety, pytest.mark.same_lines]

F4 = np.dtype("f4")
# Around the lanes, the elements of a block, and those of a task.
SIZES = [0, 1, 15, 16, 17, 4095, 4096, 4097]
CLASSES = [1, 2, 3, 10, 31, 63, 64, 65, 100, 257, 1025]

each = pytest.mark.parametrize("subject", FIRST, ids=str)
quick = settings(deadline=None, max_examples=30)
many = settings(deadline=None, max_examples=60)


def assert_same(found, wanted, what=""):
    assert set(found) == set(wanted)
    for meaning in wanted:
        assert same_bits(found[meaning], wanted[meaning]), f"{meaning} {what}"


# --- the catalogue ---------------------------------------------------------------------------------------


@st.composite
def places(draw):
    """How to lay any array: where it begins, how far apart its elements are, in which order its axes lie."""
    offset, seed = draw(st.integers(0, 70)), draw(st.integers(0, 99))
    plain = draw(st.booleans())

    def lay(array):
        rng = np.random.default_rng([seed, array.ndim])
        if plain:  # only shifted
            return placed(array, offset)
        steps = rng.choice([-2, -1, 1, 1, 2, 3], array.ndim)
        return placed(array, offset, steps, rng.permutation(array.ndim))

    return lay


@each
@quick
@given(data=st.data())
def test_threads_alignment_strides_and_out_change_nothing(subject, data):
    """One reference: n_threads=1 on contiguous arrays, without `out`. All methods agree with it."""
    pick = lambda options: data.draw(st.sampled_from(options))  # noqa: E731
    subject = pick(VARIANTS[subject.name, subject.kind])
    classes = pick(CLASSES) if subject.rowwise else 1
    n = data.draw(st.integers(0, 100) if classes > 65 else st.integers(0, 300) | st.sampled_from(SIZES))
    dtype, axis = pick(DTYPES), pick([-1, 0]) if subject.rowwise else -1
    how = dict(axis=axis, reduction=pick(REDUCTIONS))
    weighted, threads = data.draw(st.booleans()), data.draw(st.integers(1, 9))
    lay, lay_out = data.draw(places()), data.draw(places())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing
        want = catalogue.answers(subject, (n,), classes, dtype, weighted=weighted, n_threads=1, **how)
        for function in catalogue.functions(subject):
            given = catalogue.arguments(function, (n,), classes, dtype, weighted=weighted, axis=axis)
            outs = {k: lay_out(v) for k, v in catalogue.outs_for(function, given, axis).items()}
            laid = {k: lay(v) if isinstance(v, np.ndarray) else v for k, v in given.items()}
            got = catalogue.call(function, laid, outs, n_threads=threads, **how)
            assert_same(got, {k: want[k] for k in got}, str(function))
            for meaning, out in outs.items():
                assert same_bits(np.ascontiguousarray(out), want[meaning]), f"{function}: out of {meaning}"


@each
@quick
@given(data=st.data())
def test_a_row_does_not_depend_on_its_neighbours(subject, data):
    pick = lambda options: data.draw(st.sampled_from(options))  # noqa: E731
    subject = pick(VARIANTS[subject.name, subject.kind])
    classes = pick(CLASSES) if subject.rowwise else 1
    n = data.draw(st.integers(1, 40) if classes > 65 else st.integers(1, 300) | st.sampled_from(SIZES[1:]))
    start = data.draw(st.integers(0, n - 1))
    part = slice(start, data.draw(st.integers(start + 1, n)))
    dtype, axis = pick(DTYPES), pick([-1, 0]) if subject.rowwise else -1
    how, weighted = dict(axis=axis, reduction="none"), data.draw(st.booleans())
    for function in catalogue.functions(subject):
        if function.subject.name == "perplexity":
            return  # it has a mean alone
        given = catalogue.arguments(function, (n,), classes, dtype, weighted=weighted, axis=axis)
        whole = catalogue.call(function, given, **how)
        some = catalogue.call(function, catalogue.slice_of(function, given, part, axis), **how)
        for meaning, array in some.items():
            want = catalogue.slice_of_result(meaning, whole[meaning], part, axis)
            assert same_bits(array, want), f"{function}: {meaning}"


@each
@pytest.mark.parametrize("n", SIZES)
def test_around_lanes_blocks_and_tasks(n, subject):
    """In place or not, alone or beside a gradient, for one thread or several."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for reduction in ("mean", "none"):
            how = dict(reduction=reduction, weighted=reduction == "mean")
            want = catalogue.answers(subject, (n,), 10, F4, n_threads=1, **how)
            for threads in (None, 2 + n % 8):
                got = catalogue.answers(subject, (n,), 10, F4, n_threads=threads, **how)
                assert_same(got, want, f"{threads} threads")
        for function in catalogue.functions(subject):
            in_place(function, n, 10, F4, want, reduction="none")


def in_place(function, n, classes, dtype, want, **how):
    """Each output in its turn is the first argument itself."""
    if function.rows_out:
        return
    for meaning in function.outs:
        given = catalogue.arguments(function, (n,), classes, dtype)
        first = given[catalogue.positional(function.subject)[0]]
        got = catalogue.call(function, given, {meaning: first}, **how)
        assert_same(got, {k: want[k] for k in got}, f"in place of {meaning}, {function}")
        assert same_bits(first, want[meaning]), f"{function}: in place of {meaning}"


@each
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_in_place_in_every_dtype(dtype, subject):
    for classes in (3, 70, 1030) if subject.rowwise else (1,):
        want = catalogue.answers(subject, (33,), classes, dtype)
        for function in catalogue.functions(subject):
            in_place(function, 33, classes, dtype, want)


@pytest.mark.slow
@each
def test_three_hundred_thousand(subject):
    """Many tasks; torch's mse, l1, smooth_l1 and bce_with_logits change sums with the number of threads."""
    few = [f for f in catalogue.functions(subject) if f.method in ("", "value_and_grad")]
    how = dict(weighted=True, methods=few)
    want = catalogue.answers(subject, (300_000,), 3, F4, n_threads=1, **how)
    for threads in (None, 2, 9):
        got = catalogue.answers(subject, (300_000,), 3, F4, n_threads=threads, **how)
        assert_same(got, want, f"{threads} threads")


# --- cross entropy, mse and primitives in detail ----------------------------------------------------------


# Around the lanes (16), the rows and elements of a block, the tasks of a parallel call.
COUNTS = [0, 1, 15, 16, 17, 4095, 4096, 4097, 300_000]


def assert_all_same(some, other):
    assert len(some) == len(other)
    for i, (a, b) in enumerate(zip(some, other)):
        assert same_bits(a, b), f"result {i}"


@pytest.mark.beyond_bits
@many
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
    got = everything(lay(logits), lay(target), n_threads=threads, reduction=reduction, **options)
    assert_all_same(got, want)
    assert same_bits(want[0], want[1]), "a value alone is the value beside a gradient"


@pytest.mark.beyond_bits
@pytest.mark.parametrize("classes", [2, 10, 65, 1100])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_gradient_does_not_depend_on_what_else_is_asked_for(dtype, classes):
    logits, target = example(40, classes, dtype)
    for options in OPTIONS:
        _, _, grad, beside_hess, *_ = everything(logits, target, reduction="sum", **options)
        assert same_bits(grad, beside_hess), options


@pytest.mark.beyond_bits
@many
@given(
    n=st.integers(1, 300),
    classes=st.sampled_from([2, 10, 64, 65, 300, 1100]),
    dtype=st.sampled_from(DTYPES),
    options=st.sampled_from(OPTIONS),
    axis=st.sampled_from([-1, 0]),
    data=st.data(),
)
def test_a_row_of_cross_entropy_does_not_depend_on_its_neighbours(n, classes, dtype, options, axis, data):
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


@pytest.mark.beyond_bits
@pytest.mark.parametrize("n", COUNTS)
@pytest.mark.parametrize("classes, dtype", [(10, "f4"), (3, "f8"), (70, "f4")])
def test_many_rows(classes, dtype, n):
    if n == 300_000 and classes == 70:
        n = 30_000
    logits, target = example(n, classes, dtype)
    for reduction in ("sum", "none"):
        one = fl.cross_entropy.value_and_grad(logits, target, n_threads=1, reduction=reduction)
        for threads in (None, 2, 3, 8):
            assert_all_same(
                fl.cross_entropy.value_and_grad(logits, target, n_threads=threads, reduction=reduction), one
            )
        assert same_bits(fl.cross_entropy(logits, target, reduction=reduction), one[0])
        inside = logits.copy()
        assert_all_same(fl.cross_entropy.value_and_grad(inside, target, out=inside, reduction=reduction), one)


@pytest.mark.beyond_bits
@pytest.mark.parametrize("n", COUNTS)
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
            assert_all_same(fl.mse.value_and_grad(pred[:-1], target[:-1], n_threads=threads, **call), one)
        assert fl.mse(pred[:-1], target[:-1], **call) == one[0]
        moved = pred.copy()[1:], target.copy()[1:]
        moved[0][:], moved[1][:] = pred[:-1], target[:-1]
        assert_all_same(fl.mse.value_and_grad(*moved, out=moved[0], **call), one)


@pytest.mark.beyond_bits
@pytest.mark.parametrize("classes", [1000, 20_000])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_wide_rows(dtype, classes):
    logits, target = example(9, classes, dtype)
    one = everything(logits, target, n_threads=1)
    assert_all_same(everything(logits, target, n_threads=4), one)
    buffer = np.empty(logits.size + 64, dtype)
    for offset in range(0, 40, 3):
        view = buffer[offset : offset + logits.size].reshape(logits.shape)
        view[...] = logits
        assert_all_same(fl.cross_entropy.value_and_grad(view, target, out=view), [one[0], one[2]])


@pytest.mark.beyond_bits
@pytest.mark.large
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


@pytest.mark.beyond_bits
@pytest.mark.large
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("offset", [0, 3])
def test_results_of_each_type_larger_than_a_cache(offset, dtype):
    n = (33 << 20) // dtype.itemsize // 128 * 128
    x = np.arange(-64, 64).astype(dtype)
    room = np.full(n + 128, 7, dtype)
    fl.half_squared.grad(np.resize(x, n), np.zeros(n, "i1"), out=room[offset : offset + n], reduction="sum")
    assert (room[offset : offset + n].reshape(-1, 128) == x).all()
    assert (room[:offset] == 7).all() and (room[offset + n :] == 7).all()


@pytest.mark.beyond_bits
@pytest.mark.large
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


@pytest.mark.beyond_bits
@many
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


@pytest.mark.beyond_bits
def test_every_run_gives_the_same_bits():
    logits, target = example(5000, 100, "f4")
    first = everything(logits, target)
    for _ in range(10):
        assert_all_same(everything(logits, target), first)
