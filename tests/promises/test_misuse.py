"""P9, no silent misuse, for every loss, metric and primitive with each of its methods: whatever the arguments
are like, the answer is that of contiguous copies, or an exception that names the argument before the first
write."""

import warnings

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

import fastloss as fl
from support import batches, catalogue
from support.cases import CASES
from support.catalogue import FIRST, VARIANTS
from support.faults import (
    FUNCTIONS,
    PATTERN,
    UNREADABLE,
    at_end,
    bad_keywords,
    every_fault,
    example,
    faults_of_values,
    in_native_order,
    invoke,
    own_keywords,
    refused,
)
from support.layouts import (
    DTYPES,
    LABELS,
    REDUCTIONS,
    child,
    same_bits,
)
from support.treatments import treatments

pytestmark = [pytest.mark.memory_safety, pytest.mark.all_kernels(8)]

F4, F8 = np.dtype("f4"), np.dtype("f8")
each = pytest.mark.parametrize("function", FUNCTIONS, ids=str)

# --- what may be wrong with an argument -------------------------------------------------------------------


def test_every_keyword_has_bad_values():
    lacking = {(s.name, p) for s in FIRST for p in own_keywords(s) if not bad_keywords(s.name, p)}
    assert not lacking


@each
def test_each_fault_is_refused_before_the_first_write(function):
    dtype = DTYPES[FUNCTIONS.index(function) % 4]
    faults = list(every_fault(function, *example(function, dtype=dtype)))
    assert len(faults) > 20
    for fault in faults:
        refused(function, fault)


@pytest.mark.parametrize("function", [f for f in FUNCTIONS if f.outs], ids=str)
def test_the_last_of_many_rows_is_looked_at_before_the_first_write(function):
    """Several tasks, shared by threads: all of them look before any of them writes."""
    rows, classes = ((16_500,), 3) if FUNCTIONS.index(function) % 2 else ((25,), 1500)
    given, outs = example(function, rows if function.subject.rowwise else (33_000,), classes)
    for fault in faults_of_values(function, given, outs):
        refused(function, fault._replace(options=catalogue.common(function, n_threads=2)))


def test_nothing_for_an_array():
    done = child("from support import faults; faults.nothing_for_an_array()")
    assert done.returncode == 0, done.stdout.splitlines()[-1:] + done.stderr.splitlines()[-3:]


@each
def test_arguments_that_are_lacking_or_too_many(function):
    given, outs = example(function)
    names = catalogue.positional(function.subject)
    args, keywords = [given[n] for n in names], catalogue.out_keywords(function, outs)
    own = {k: v for k, v in given.items() if k not in names}
    vector = [own.pop("vector")] if "vector" in own else []
    with pytest.raises(TypeError):
        function.callable(*args, *vector, *[None] * 3, **own, **keywords)
    for i in range(len(args) + len(vector)):
        with pytest.raises(TypeError):
            function.callable(*[*args, *vector][:i], **own, **keywords)
    assert all((a == PATTERN).all() for a in outs.values())
    # By name they are the same.
    want = invoke(function, given, {}, {})
    got = catalogue.named(function, function.callable(**given))
    assert all(same_bits(got[k], want[k]) for k in want)


# --- layouts ------------------------------------------------------------------------------------------------


def other_dtype(function, name, role, array, pick):
    """The same argument as another type that it may have; values may change, the reference has them too."""
    subject = function.subject
    case = CASES.get(subject.name)
    if role == "rows" and name in ("target", "index"):
        most = array.max(initial=0)
        dtype = pick([d for d in LABELS if d.kind == "b" or most <= np.iinfo(d).max])
        return (np.maximum(array, 0) if dtype.kind == "u" else array).astype(dtype)
    if name == catalogue.positional(subject)[0]:
        return array
    if name in ("target", "x2") and subject.rowwise:
        return array.astype(pick(DTYPES))
    if name == "target":
        margin = subject.name == "binary_accuracy" or "margin" in case.domain
        choices = [*DTYPES, *(np.dtype(c) for c in ("bhilq" if margin else "?bhilqBHILQ"))]
        with np.errstate(invalid="ignore"):
            return (array if array.dtype.kind == "i" else abs(array) if not margin else array).astype(
                pick(choices)
            )
    if name in ("sample_weight", "weight", "vector"):
        return array.astype(pick([*DTYPES, np.dtype("i2"), np.dtype("i8")]))
    return array


@pytest.mark.parametrize("subject", FIRST, ids=str)
@settings(deadline=None, max_examples=25)
@drawn(data=st.data())
def test_any_mixture_of_layouts_and_dtypes_and_one_fault(subject, data):
    """Where nothing is wrong the answer is that of contiguous copies; where one thing is, its name."""
    pick = lambda options: data.draw(st.sampled_from(list(options)))  # noqa: E731
    subject = pick(VARIANTS[subject.name, subject.kind])
    function = pick(catalogue.functions(subject))
    wrong = data.draw(st.booleans())
    if wrong:  # of these shapes no two are the same by chance
        rows, classes, axis = (3, 4), 5, -1
    else:
        rows = tuple(data.draw(st.lists(st.integers(0, 5), min_size=0 if subject.rowwise else 1, max_size=3)))
        classes, axis = (
            pick([1, 2, 7, 64, 65, 130]),
            pick([-1, 0]) if subject.rowwise and len(rows) == 1 else -1,
        )
    given = catalogue.arguments(
        function,
        rows,
        classes,
        pick(DTYPES),
        weighted=data.draw(st.booleans()),
        axis=axis,
        seed=pick(range(5)),
    )
    roles = catalogue.roles(function, given)
    laid = {
        name: data.draw(treatments())(other_dtype(function, name, role, given[name], pick))
        for name, role in roles.items()
    }
    copies = {name: in_native_order(a) for name, a in laid.items()}
    options = catalogue.common(function, axis=axis, reduction=pick(REDUCTIONS), n_threads=pick([None, 2]))
    outs = {
        k: data.draw(treatments().filter(lambda f: f(np.ones(2)).flags.writeable))(v)
        for k, v in catalogue.outs_for(function, given, axis, pick(DTYPES), PATTERN).items()
    }
    outs = {k: v if v.dtype.isnative else in_native_order(v) for k, v in outs.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        plain = {k: np.empty(v.shape, v.dtype) for k, v in outs.items()}
        want = invoke(function, given | copies, plain, options)
        got = invoke(function, given | laid, outs, options)
    for meaning in want:
        assert same_bits(got[meaning], want[meaning]), f"{function}: {meaning}"
    for meaning, out in outs.items():
        assert same_bits(out, plain[meaning]), f"{function}: out of {meaning}"
        out[...] = PATTERN
    if wrong:
        fault = pick(every_fault(function, given | copies, outs))
        # The faulty argument as it is, the others wherever they lie.
        mixed = {k: laid.get(k, v) if v is (given | copies).get(k) else v for k, v in fault.given.items()}
        refused(function, fault._replace(given=mixed, options=options | fault.options))


# --- intercepts and inverse links ---------------------------------------------------------------------------


def intercept_arguments(subject, rows, dtype=F8, weighted=True):
    given = catalogue.arguments(catalogue.Function(subject, ""), rows, 5, dtype, weighted=weighted)
    names = {"target", "sample_weight", *(p for p in own_keywords(subject) if p in given)}
    return {k: v for k, v in given.items() if k in names}


WITH_INTERCEPT = [s for s in FIRST if getattr(s.thing, "_intercept", None)]


@pytest.mark.parametrize("subject", WITH_INTERCEPT, ids=str)
@settings(deadline=None, max_examples=15)
@drawn(data=st.data())
def test_intercepts_of_any_layout(subject, data):
    rows = tuple(data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=3)))
    given = intercept_arguments(subject, rows, weighted=data.draw(st.booleans()))
    arrays = {k: v for k, v in given.items() if isinstance(v, np.ndarray)}
    laid = {k: data.draw(treatments())(v) for k, v in arrays.items()}
    copies = {name: in_native_order(a) for name, a in laid.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        want = subject.thing.intercept(**(given | copies))
        got = subject.thing.intercept(**(given | laid))
    assert same_bits(got, want)


@pytest.mark.parametrize("subject", WITH_INTERCEPT, ids=str)
def test_intercepts_name_what_is_wrong(subject):
    given = intercept_arguments(subject, (3, 4))
    target, weight = given["target"], given["sample_weight"]
    for name, wrong in [
        ("target", np.ma.masked_array(target)),
        *(("target", np.zeros(target.shape, d)) for d in UNREADABLE),
        ("target", None),
        ("target", [[1.0, 2.0], [3.0]]),
        ("sample_weight", np.ma.masked_array(weight)),
        *(
            ("sample_weight", w)
            for w in (weight[:2], weight[..., None], at_end(weight, -1), at_end(weight, np.nan))
        ),
        *(("sample_weight", np.zeros(weight.shape, d)) for d in UNREADABLE),
        ("wieght", 1),
    ]:
        with pytest.raises((TypeError, ValueError), match=rf"\b{name}\b"):
            subject.thing.intercept(**(given | {name: wrong}))


WITH_LINK = [s for s in FIRST if isinstance(s.thing, fl.Loss) and s.thing.facts.inverse_link]


@pytest.mark.parametrize("subject", WITH_LINK, ids=str)
@settings(deadline=None, max_examples=10)
@drawn(data=st.data())
def test_inverse_links_of_any_layout(subject, data):
    rows = tuple(data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=3)))
    raw = catalogue.seeded(rows).standard_normal(rows).astype(data.draw(st.sampled_from(DTYPES)))
    laid = data.draw(treatments())(raw)
    assert same_bits(subject.thing.inverse_link(laid), subject.thing.inverse_link(in_native_order(laid)))
    for wrong in (np.ma.masked_array(raw), np.zeros(rows, "c8"), np.zeros(rows, "O"), None, "1"):
        with pytest.raises((TypeError, ValueError), match=r"\braw\b"):
            subject.thing.inverse_link(wrong)


# --- batches ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*fl.losses, *fl.metrics])
@settings(deadline=None, max_examples=8)
@drawn(data=st.data())
def test_batches_of_any_layout_and_one_fault(name, data):
    """Accumulator.update and evaluate: what contiguous copies give, or an error, and nothing was added."""
    rows = slice(data.draw(st.sampled_from([0, 20])), data.draw(st.sampled_from([20, 21, 60])))
    pred, target, own, more = batches.operands(name)
    weight = data.draw(st.sampled_from([None, batches.WEIGHTS]))
    given = dict(pred=pred, target=target, sample_weight=weight, **more)
    laid = {k: None if a is None else data.draw(treatments())(a[rows]) for k, a in given.items()}
    copies = {k: in_native_order(a) for k, a in laid.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing
        found = fl.Accumulator(name, **own).update(**laid)
        want = fl.Accumulator(name, **own).update(**copies).result()
        assert same_bits(np.asarray(found.result()), np.asarray(want))
        if not more:
            cut = dict(metrics=name, batch_size=data.draw(st.sampled_from([None, 1, 7])), **own)
            assert same_bits(np.asarray(fl.evaluate(**laid, **cut)), np.asarray(fl.evaluate(**copies, **cut)))
        arrays = [k for k, a in copies.items() if a is not None]
        if len(arrays) > 1:
            longer = data.draw(st.sampled_from(arrays))
            with pytest.raises(ValueError, match="shape"):
                found.update(**copies | {longer: np.concatenate([copies[longer], given[longer][:1]])})
        assert same_bits(np.asarray(found.result()), np.asarray(want)), "something was added"
