"""P9: what may be wrong with each argument of each function of the catalogue, and what a refusal is."""

import inspect
import re
import warnings
from typing import NamedTuple

import numpy as np

from support import catalogue
from support.cases import BAD_TARGETS, CASES, NOT_FINITE, OUTSIDE, REFUSED
from support.catalogue import COMMON, FIRST
from support.layouts import same_bits

F4, F8 = np.dtype("f4"), np.dtype("f8")

FUNCTIONS = [f for s in FIRST for f in catalogue.functions(s)]
PATTERN = 7


class Fault(NamedTuple):
    label: str
    named: str  # a regular expression: what the message must speak of
    given: dict
    outs: dict
    options: dict
    may_pass: bool = False  # where the right answer will do as well


UNREADABLE = ["c8", "O", "U3", "S3", "M8[s]", "V4"]
NO_NUMBERS = ["1", None, True, [1.0, 2.0], 1j]
BAD_CLASS_WEIGHTS = [
    *([1.0, 2.0], [1.0] * 6, [1.0, 1, 1, 1, -1], [1.0, 1, 1, 1, np.nan], [1.0, 1, 1, 1, np.inf]),
    *([[1.0] * 5], 1.0, "many", [1j] * 5, np.ma.masked_array(np.ones(5))),
]
# Of keywords that are not in the tables of cases.py.
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
    table = REFUSED | OUTSIDE | MORE
    return table.get((name, parameter))


def own_keywords(subject):
    names = catalogue.parameters(subject.name, inspect.Parameter.KEYWORD_ONLY)
    return [n for n in names if n not in COMMON and n != "out"]


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
    case = CASES.get(subject.name)

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
    if case is not None and case.domain.split()[-1] in BAD_TARGETS:
        for value in BAD_TARGETS[case.domain.split()[-1]]:
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


def nothing_for_an_array():
    """None instead of each array. In a process of its own: who follows a null pointer dies."""
    for function in FUNCTIONS:
        given, outs = example(function)
        for name in catalogue.roles(function, given):
            if name not in ("class_weight", "sample_weight", "weight"):
                print(function, name, flush=True)
                refused(function, Fault("None", rf"\b{name}\b", given | {name: None}, outs, {}))
