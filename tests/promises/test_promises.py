"""P4, the same bits, for every loss, metric and primitive with each of its methods: tests/catalogue.py has
them, and here a test fails if it lacks one. Other promises that go over the catalogue: test_bad_rows.py,
test_misuse.py, test_memory.py, test_golden.py."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastloss as fl
from support import catalogue
from support.catalogue import FIRST, METHODS, PRIMITIVES, REGISTRY, TABLE, VARIANTS
from support.layouts import DTYPES, REDUCTIONS, placed, same_bits

F4 = np.dtype("f4")
# Around the lanes, the elements of a block, and those of a task.
SIZES = [0, 1, 15, 16, 17, 4095, 4096, 4097]
CLASSES = [1, 2, 3, 10, 31, 63, 64, 65, 100, 257, 1025]

each = pytest.mark.parametrize("subject", FIRST, ids=str)
quick = settings(deadline=None, max_examples=30)


def assert_same(found, wanted, what=""):
    assert set(found) == set(wanted)
    for meaning in wanted:
        assert same_bits(found[meaning], wanted[meaning]), f"{meaning} {what}"


# --- nothing is left out --------------------------------------------------------------------------------


def test_every_object_has_arguments():
    """A new loss fails here until it has its line in the table of test_elementwise or test_row_losses."""
    assert set(TABLE) == set(REGISTRY)
    named = {n for n in fl.__all__ if n not in ("Loss", "__version__", "losses", "metrics", *catalogue.APART)}
    assert named == set(REGISTRY) and set(PRIMITIVES) == named - {*fl.losses, *fl.metrics}


def test_every_method_is_called():
    for name, thing in REGISTRY.items():
        if name in PRIMITIVES and not hasattr(thing, "value_and_grad"):
            continue  # a plain function
        public = {m for m in dir(thing) if not m.startswith("_") and callable(getattr(thing, m))}
        tried = {
            f.method
            for (n, _), subjects in VARIANTS.items()
            if n == name
            for s in subjects
            for f in catalogue.functions(s)
        }
        assert public - {"intercept", "inverse_link", "bind"} == tried - {""} <= set(METHODS), name


# --- P4: the same bits ------------------------------------------------------------------------------------


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
