"""P9, no silent misuse, for every loss, metric and primitive with each of its methods: whatever the arguments
are like, the answer is that of contiguous copies, or an exception that names the argument before the first
write."""

import inspect
import re
import warnings
from typing import NamedTuple

import catalogue
import numpy as np
import pytest
import test_elementwise as elementwise
import test_row_losses as row_losses
import test_streaming as streaming
from catalogue import COMMON, FIRST, VARIANTS
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from layouts import BFLOAT16, DTYPES, LABELS, REDUCTIONS, child, fortran, misaligned, placed, same_bits

import fastloss as fl

F4, F8 = np.dtype("f4"), np.dtype("f8")
FUNCTIONS = [f for s in FIRST for f in catalogue.functions(s)]
each = pytest.mark.parametrize("function", FUNCTIONS, ids=str)
PATTERN = 7

# --- what may be wrong with an argument -------------------------------------------------------------------


class Fault(NamedTuple):
    label: str
    named: str  # a regular expression: what the message must speak of
    given: dict
    outs: dict
    options: dict
    may_pass: bool = False  # where the right answer will do as well


UNREADABLE = ["c8", "O", "U3", "S3", "M8[s]", "V4"]
NO_NUMBERS = ["1", None, True, [1.0, 2.0], 1j]
NOT_FINITE = [np.nan, np.inf, -np.inf]
BAD_CLASS_WEIGHTS = [
    *([1.0, 2.0], [1.0] * 6, [1.0, 1, 1, 1, -1], [1.0, 1, 1, 1, np.nan], [1.0, 1, 1, 1, np.inf]),
    *([[1.0] * 5], 1.0, "many", [1j] * 5, np.ma.masked_array(np.ones(5))),
]
# Of keywords that are not in the tables of test_elementwise and test_row_losses.
MORE = {
    ("cross_entropy", "label_smoothing"): [-0.1, 1.5, *NOT_FINITE, *NO_NUMBERS],
    ("cross_entropy", "z_loss"): [-1.0, *NOT_FINITE, *NO_NUMBERS],
    ("cross_entropy", "softcap"): [0, -3.0, *NOT_FINITE, "1", True, [1.0, 2.0], 1j],
    ("cross_entropy", "logit_scale"): [0, -1, *NOT_FINITE, *NO_NUMBERS],
    ("poisson", "log_input"): [0, 1.0, "yes", None],
    ("kl_div", "log_target"): [0, 1.0, "yes", None],
    ("kl_div_with_logits", "log_target"): [0, 1.0, "yes", None],
    ("top_k_accuracy", "k"): [0, -1, [], [1, 0], 1.5, "2", True, None, [[1]]],
    ("top_k_accuracy", "ties"): ["all", None, 1],
    ("binary_accuracy", "threshold"): [*NOT_FINITE, *NO_NUMBERS],
    ("binary_accuracy", "labels"): ["pm", "", 1, None, True],
}


def bad_keywords(name, parameter):
    """Values that the keyword may not have, or None where no table knows it."""
    if parameter == "class_weight":
        return BAD_CLASS_WEIGHTS
    if parameter == "ignore_index":
        return [1.5, "1", True, 2**63, -(2**63) - 1, [1]]
    table = elementwise.REFUSED | row_losses.OUTSIDE | MORE
    return table.get((name, parameter))


def own_keywords(subject):
    names = catalogue.parameters(subject.name, inspect.Parameter.KEYWORD_ONLY)
    return [n for n in names if n not in COMMON and n != "out"]


def test_every_keyword_has_bad_values():
    lacking = {(s.name, p) for s in FIRST for p in own_keywords(s) if not bad_keywords(s.name, p)}
    assert not lacking


def at_end(array, value, dtype=None):
    """With that as its last entry."""
    array = np.array(abs(array) % 2 if dtype == np.uint8 else array, dtype)
    array[(-1,) * array.ndim] = value
    return array


def other_shapes(array):
    yield array[..., None]
    yield np.concatenate([array, array[:1]])
    yield array[:-1]
    yield array[None]
    if array.ndim > 1:
        yield array[0]
        yield array[:, :1]
        yield array.ravel()
        yield np.ascontiguousarray(array.T)


def faults_of_arrays(function, given, outs):
    subject, roles = function.subject, catalogue.roles(function, given)
    first = catalogue.positional(subject)[0]
    operands = [n for n in roles if n not in COMMON]

    def fault(label, name, value, named=None, may_pass=False):
        return Fault(label, named or rf"\b{name}\b", given | {name: value}, outs, {}, may_pass)

    for name, role in roles.items():
        array = given[name]
        yield fault("masked", name, np.ma.masked_array(array))
        yield fault("ragged", name, [[1.0, 2.0], [3.0]])
        yield fault("byte-swapped", name, array.astype(array.dtype.newbyteorder()), may_pass=True)
        for dtype in UNREADABLE:
            yield fault(dtype, name, np.zeros(array.shape, dtype))
        if name == first and len(operands) == 1 and not outs:
            continue  # it alone gives the shape
        # Of two shapes that do not fit, the message may blame either.
        either = r"\b(target|x2|x1|y|index|outs?|hess_out|vector|var)\b" if name == first else None
        for i, other in enumerate(other_shapes(array) if name != "class_weight" else ()):
            if name == "sample_weight" and other.shape == array.shape[: other.ndim]:
                continue  # one a leading axis
            if role == "own" and other.shape in (given[first].shape, given[first].shape[-1:]):
                continue
            yield fault(f"shape {i}", name, other, either)
    if subject.rowwise:
        yield fault("a scalar", first, given[first].dtype.type(0), rf"\b({first}|axis)\b")
        yield fault("no class", first, given[first][..., :0], rf"\b({first}|target|x2|class|outs?|vector)\b")


def faults_of_values(function, given, outs):
    subject, first = function.subject, catalogue.positional(function.subject)[0]
    classes = given[first].shape[-1] if subject.rowwise else 0
    if "sample_weight" in given:  # under a weight of 0 anything may stand
        given = given | {"sample_weight": at_end(given["sample_weight"], 1)}
    case = catalogue.elementwise.CASES.get(subject.name)

    def last(label, name, value, dtype=None):
        changed = given | {name: at_end(given[name], value, dtype)}
        return Fault(label, rf"\b{name}\[", changed, outs, {})

    for name in ("target", "index"):
        if name in given and subject.kind == "labels":
            for label in (classes, -1, 10**6, -(2**63), 2**63 - 1):
                yield last(f"label {label}", name, label, np.int64)
            if classes < 256:
                yield last("label 255", name, 255, np.uint8)
            yield Fault("float labels", rf"\b{name}\b", given | {name: given[name] + 0.5}, outs, {})
    if subject.kind == "soft":
        yield Fault(
            "integer shares", r"\btarget\b", given | {"target": np.ones(given[first].shape, "i8")}, outs, {}
        )
        if not subject.own.get("log_target"):
            yield last("a negative share", "target", -0.25)
            yield last("a share of -inf", "target", -np.inf)
    if case is not None and case.domain.split()[-1] in elementwise.BAD_TARGETS:
        for value in elementwise.BAD_TARGETS[case.domain.split()[-1]]:
            if subject.own.get("labels") != "01":
                yield last(f"target {value}", "target", value, F8)
    if subject.name == "binary_accuracy":
        for value in (0 if subject.own.get("labels") == "pm1" else -1, 2, 0.5, np.nan):
            yield last(f"target {value}", "target", value, F8)
    if "y" in given:
        for value in (0, 2, np.nan):
            yield last(f"side {value}", "y", value, F8)
    for value in (-1.0, *NOT_FINITE):
        if "sample_weight" in given:
            yield last(f"weight {value}", "sample_weight", value, F8)
        if "weight" in given and value != -1:
            yield last(f"weight {value}", "weight", value, F8)
    for name, role in catalogue.roles(function, given).items():
        if role == "own" and name != "class_weight":
            for value in bad_keywords(subject.name, name):
                yield Fault(
                    f"{name} {value}",
                    rf"\b{name}\b",
                    given | {name: at_end(given[name], value, F8)},
                    outs,
                    {},
                )


def writes_over(array, out):
    """Two arrays in one buffer: the second begins one element behind the first."""
    room = np.zeros(array.nbytes + out.nbytes + 16, np.uint8)
    source = room[: array.nbytes].view(array.dtype).reshape(array.shape)
    source[...] = array
    goal = room[out.itemsize : out.itemsize + out.nbytes].view(out.dtype).reshape(out.shape)
    return source, goal


def faults_of_outs(function, given, outs):
    first = catalogue.positional(function.subject)[0]
    for meaning, out in outs.items():
        keyword = "out" if meaning != "hess" else "hess_out"

        def fault(label, value, may_pass=False, arrays=given, meaning=meaning, keyword=keyword):
            named = rf"{keyword}" if function.method != "value_and_grads" else "out"
            return Fault(label, named, arrays, outs | {meaning: value}, {}, may_pass)

        for dtype in ("i4", "c8", "g", "?", "O"):
            yield fault(f"out of {dtype}", np.ones(out.shape, dtype))
        yield fault("a list for out", out.tolist())
        yield fault("out masked", np.ma.masked_array(out.copy()))
        yield fault("out swapped", out.astype(out.dtype.newbyteorder()), may_pass=True)
        for other in (out[:-1], out[..., None], out[None], np.zeros((*out.shape[::-1], 1), out.dtype)):
            yield fault(f"out of shape {other.shape}", np.full_like(other, PATTERN))
        fixed = out.copy()
        fixed.flags.writeable = False
        yield fault("out read-only", fixed)
        yield fault(
            "out repeated", np.lib.stride_tricks.as_strided(out[:1].copy(), out.shape, (0,) * out.ndim)
        )
        for name in catalogue.roles(function, given):
            if name == "class_weight" or not given[name].size:
                continue  # the core reads a copy of class_weight
            source, goal = writes_over(given[name], out)
            yield fault(f"out over {name}", goal, arrays=given | {name: source})
            if name != first and given[name].shape == out.shape and given[name].dtype == out.dtype:
                same = given[name].copy()
                yield fault(f"out is {name}", same, arrays=given | {name: same})
    if len(outs) > 1:
        one = next(iter(outs.values()))
        yield Fault("one array for both", "out", given, dict.fromkeys(outs, one), {})


def faults_of_options(function, given, outs, axis=-1):
    subject = function.subject
    n = given[catalogue.positional(subject)[0]].ndim

    def fault(name, value, **more):
        return Fault(f"{name}={value!r}", rf"\b{name}\b", given, outs, {name: value} | more)

    wrong = {
        "reduction": ["avg", "", None, 1, b"mean", ["mean"]],
        "normalizer": [0, -1.0, *NOT_FINITE, "1", [1.0], 1j],
        "n_threads": [0, -1, 1.5, "2", True, [1]],
        "axis": [n, -n - 1, 1.5, None, "0", True, 2**70],
    }
    for name in function.keywords & set(wrong) | {"n_threads"}:
        for value in wrong[name]:
            yield fault(name, value)
    if {"normalizer", "reduction"} <= function.keywords:
        yield fault("normalizer", 2.0, reduction="sum")
    yield fault("wieght", 1)
    if function.method != "rows":
        for name in own_keywords(subject):
            for value in bad_keywords(subject.name, name) if name in own_keywords(subject) else ():
                if isinstance(given.get(name), np.ndarray) and name != "class_weight" and np.ndim(value):
                    continue
                yield Fault(f"{name}={value!r}", rf"\b{name}\b", given | {name: value}, outs, {})


def every_fault(function, given, outs):
    for source in (faults_of_arrays, faults_of_values, faults_of_outs, faults_of_options):
        yield from source(function, given, outs)


def invoke(function, given, outs, options):
    """As catalogue.call, but nothing that a caller might say is left out."""
    given = dict(given)
    names = catalogue.positional(function.subject) + (("vector",) if function.method == "hvp" else ())
    args = [given.pop(name) for name in names]
    return catalogue.named(
        function, function.callable(*args, **given, **options, **catalogue.out_keywords(function, outs))
    )


def contents(arrays):
    """The bytes of all that is an array."""
    return {
        k: np.asarray(a).tobytes()
        for k, a in arrays.items()
        if isinstance(a, np.ndarray) and not a.dtype.hasobject
    }


def in_native_order(a):
    """A contiguous copy, if it is an array."""
    return np.array(a, a.dtype.newbyteorder("="), order="C", subok=False) if isinstance(a, np.ndarray) else a


def refused(function, fault):
    """The call raises an error that names the argument, and all arrays are as they were."""
    before = contents(fault.given), contents(fault.outs)
    what = f"{function}: {fault.label}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            got = invoke(function, fault.given, fault.outs, fault.options)
    except (TypeError, ValueError) as error:
        assert re.search(fault.named, str(error)), f"{what}: {error!r} does not name the argument"
    else:
        assert fault.may_pass, f"{what}: no error"
        given, outs = (
            {k: in_native_order(v) for k, v in arrays.items()} for arrays in (fault.given, fault.outs)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing
            want = invoke(function, given, outs, fault.options)
        for meaning, array in want.items():
            assert np.array_equal(got[meaning], array) or same_bits(got[meaning], array), f"{what}: {meaning}"
        return
    for old, arrays in zip(before, (fault.given, fault.outs)):
        new = contents(arrays)
        assert new == old, f"{what}: written before the error"


def example(function, rows=(3, 4), classes=5, dtype=F4, weighted=True):
    given = catalogue.arguments(function, rows, classes, dtype, weighted=weighted)
    return given, catalogue.outs_for(function, given, fill=PATTERN)


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


def nothing_for_an_array():
    """None instead of each array. In a process of its own: who follows a null pointer dies."""
    for function in FUNCTIONS:
        given, outs = example(function)
        for name in catalogue.roles(function, given):
            if name not in ("class_weight", "sample_weight", "weight"):
                print(function, name, flush=True)
                refused(function, Fault("None", rf"\b{name}\b", given | {name: None}, outs, {}))


def test_nothing_for_an_array():
    done = child("import test_misuse; test_misuse.nothing_for_an_array()")
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


@st.composite
def treatments(draw):
    """A way to lay an array that changes no value, or only by repeating."""
    kind = draw(
        st.sampled_from(
            ["placed", "placed", "misaligned", "fortran", "repeated", "swapped", "subclass", "read-only"]
        )
    )
    offset, seed, axis = draw(st.integers(0, 70)), draw(st.integers(0, 99)), draw(st.integers(0, 2))

    class Tagged(np.ndarray):
        pass

    def lay(array):
        array = np.asarray(array)
        rng = np.random.default_rng([seed, array.ndim])
        if kind == "placed":
            steps = rng.choice([-3, -1, 1, 1, 2], array.ndim)
            return placed(array, offset, steps, rng.permutation(array.ndim))
        if kind == "repeated" and array.ndim and array.size:
            at = axis % array.ndim
            return np.broadcast_to(array.take([0], at), array.shape)
        if kind == "swapped":
            return array.astype(array.dtype.newbyteorder()) if array.dtype != BFLOAT16 else array
        if kind == "subclass":
            return array.view(Tagged)
        if kind == "read-only":
            array = array.copy()
            array.flags.writeable = False
            return array
        return {"misaligned": misaligned, "fortran": fortran}.get(kind, np.copy)(array)

    return lay


def other_dtype(function, name, role, array, pick):
    """The same argument as another type that it may have; values may change, the reference has them too."""
    subject = function.subject
    case = catalogue.elementwise.CASES.get(subject.name)
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


@pytest.mark.parametrize("subject", [s for s in FIRST if getattr(s.thing, "_inverse_link", None)], ids=str)
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
    pred, target, own, more = streaming.operands(name)
    weight = data.draw(st.sampled_from([None, streaming.WEIGHTS]))
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
