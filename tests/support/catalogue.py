"""Every loss, metric and primitive with each of its methods, and arguments for them: what the promises of
docs/trust.md are tried with, so that a new loss is under all of them the day it is added.

A loss comes with its line in cases.py. What stands here is the rest of the registry, and the ways to call.
"""

import functools
import inspect
from typing import NamedTuple

import numpy as np

import fastloss as fl
from support import cases
from support.cases import seeded
from support.layouts import compute, same_bits

# What takes no arrays, or takes them only to hand them on to what stands here.
APART = {"Accumulator", "Loss", "evaluate", "show_config"}
PRIMITIVES = {
    name: getattr(fl, name)
    for name in fl.__all__
    if callable(getattr(fl, name)) and name not in {*fl.losses, *fl.metrics, *APART}
}
REGISTRY = {**fl.losses, **fl.metrics, **PRIMITIVES}


class Subject(NamedTuple):
    """An object of the registry with one kind of target and one set of its own keywords."""

    name: str
    kind: str  # of the target: "elements", "labels", "soft", "vectors"; "rows" and "numbers" have none
    own: dict  # a function in it makes an array for a shape of scores; class_weight=True stands for one

    @property
    def thing(self):
        return REGISTRY[self.name]

    @property
    def rowwise(self):
        return self.kind not in ("elements", "numbers")

    def __str__(self):
        return f"{self.name}-{self.kind}"


# What has no line in the tables of the losses: (kind, the keywords it is tried with).
OTHERS = {
    "cross_entropy": [
        (
            kind,
            [
                {},
                dict(label_smoothing=0.1, z_loss=0.01),
                dict(softcap=5.0, logit_scale=1.5),
                dict(class_weight=True),
            ],
        )
        for kind in ("labels", "soft")
    ],
    "accuracy": [("labels", [{}])],
    "zero_one": [("labels", [{}])],
    "top_k_accuracy": [("labels", [{}, dict(k=[1, 3], ties="last")])],
    "binary_accuracy": [("elements", [{}, dict(threshold=0.5, labels="pm1")])],
    "perplexity": [("labels", [{}]), ("soft", [{}])],
    "entropy": [("rows", [{}])],
    "softmax": [("rows", [{}])],
    "log_softmax": [("rows", [{}])],
    "logsumexp": [("rows", [{}])],
    "gather_log_softmax": [("labels", [{}])],
    "sigmoid": [("numbers", [{}])],
    "log_sigmoid": [("numbers", [{}])],
    "softplus": [("numbers", [{}])],
}


def _table():
    yield from OTHERS.items()
    for name, case in cases.CASES.items():
        rates = cases.RATE.parameters if name == "poisson" else []
        yield name, [("elements", [*case.parameters, *rates])]
    for name, case in cases.LOSSES.items():
        yield name, [(kind, case.options) for kind in cases.KINDS[case.targets]]


TABLE = dict(_table())
# Every set of keywords of (name, kind).
VARIANTS = {
    (name, kind): [Subject(name, kind, own) for own in options]
    for name, kinds in TABLE.items()
    if name in REGISTRY
    for kind, options in kinds
}
# What each method returns, and the results that may be told where to go. Names of results are their meaning:
# two methods that return the same one must agree to the bit.
METHODS = {
    "value_and_grad": (("value", "grad"), ("grad",)),
    "grad": (("grad",), ("grad",)),
    "grad_and_hess": (("grad", "hess"), ("grad", "hess")),
    "hvp": (("hvp",), ("hvp",)),
    "value_and_grads": (("value", "grad", "second"), ("grad", "second")),
    "rows": (("loss", "logsumexp", "entropy", "correct"), ()),
}
COMMON = {"reduction", "sample_weight", "normalizer", "n_threads", "axis"}
ROW_RESULTS = {"value", "loss", "logsumexp", "entropy", "correct"}  # one number a row, not one a score


class Function(NamedTuple):
    """A way to call a subject: a method, or the object itself under the method ""."""

    subject: Subject
    method: str

    @property
    def callable(self):
        return getattr(self.subject.thing, self.method) if self.method else self.subject.thing

    @property
    def results(self):
        if self.method:
            return METHODS[self.method][0]
        return ("value",) if self.subject.name not in PRIMITIVES or self.rows_out else ("result",)

    @property
    def outs(self):
        """Results that may be told where to go."""
        if self.subject.name in PRIMITIVES:
            return ("grad",) if self.method else self.results
        return METHODS[self.method][1] if self.method else ()

    @property
    def rows_out(self):
        """A primitive whose `out` has one number a row."""
        return self.subject.name in ("logsumexp", "gather_log_softmax") and not self.method

    @property
    def keywords(self):
        """Those that all have in common."""
        if self.method == "rows":
            return {"axis", "n_threads"}
        return COMMON.intersection(parameters(self.subject.name, inspect.Parameter.KEYWORD_ONLY))

    def __str__(self):
        return ".".join(filter(None, (str(self.subject), self.method)))


def functions(subject):
    found = [m for m in METHODS if hasattr(subject.thing, m)]
    if subject.own:
        found = [m for m in found if m != "rows"]  # it has no keywords of its own
    if subject.kind == "elements":  # a second gradient is by a parameter that has one number an element
        arrays = [v((2, 3)).shape for v in subject.own.values() if callable(v)]
        found = [m for m in found if m != "value_and_grads" or arrays == [(2, 3)]]
    return [Function(subject, m) for m in ["", *found]]


# Of each (name, kind) the one that stands for the others where one is enough: it has all methods.
FIRST = [max(variants, key=lambda s: len(functions(s))) for variants in VARIANTS.values()]
ROWS = [s for s in FIRST if s.rowwise]
ELEMENTS = [s for s in FIRST if not s.rowwise]


@functools.cache
def parameters(name, kind):
    """Names of those parameters of an object that are positional, or keywords."""
    return tuple(p.name for p in inspect.signature(REGISTRY[name]).parameters.values() if p.kind is kind)


def positional(subject):
    return parameters(subject.name, inspect.Parameter.POSITIONAL_OR_KEYWORD)


# --- arguments ------------------------------------------------------------------------------------------


def operands(subject, rows, classes, dtype, seed=0):
    """The arrays of a call by name, those among its own keywords too; `classes` last, where there are any."""
    i = VARIANTS[subject.name, subject.kind].index(subject)
    made = _operands(subject.name, subject.kind, i, rows, classes, np.dtype(dtype), seed)
    return {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in made.items()}


@functools.lru_cache(64)
def _operands(name, kind, i, rows, classes, dtype, seed):
    subject = VARIANTS[name, kind][i]
    rng = seeded(subject.name, subject.kind, rows, classes, seed)
    shape = (*rows, classes) if subject.rowwise else rows
    own = {k: v(shape) if callable(v) else v for k, v in subject.own.items()}
    if own.get("class_weight") is True:
        own["class_weight"] = 1 + np.arange(classes) % 5 / 4
    return dict(zip(positional(subject), _positional(subject, rng, rows, classes, dtype, own))) | own


def _positional(subject, rng, rows, classes, dtype, own):
    name, kind = subject.name, subject.kind
    if kind == "numbers":
        return [(3 * rng.standard_normal(rows)).astype(dtype)]
    if name == "binary_accuracy":
        side = rng.integers(0, 2, rows)
        return [rng.standard_normal(rows).astype(dtype), 2 * side - 1 if own else side]
    if kind == "elements":
        case = cases.RATE if own.get("log_input") is False else cases.CASES[name]
        scalars = {k: v for k, v in own.items() if np.ndim(v) == 0}
        return [np.asarray(a).astype(dtype) for a in cases.moderate(case, scalars, rng, rows)]
    if kind == "rows":
        return [(3 * rng.standard_normal((*rows, classes))).astype(dtype)]
    if name in cases.LOSSES:
        found = cases.make(rng, name, kind, rows, classes, dtype, subject.own)
    else:  # of logits, as focal
        found = cases.make(rng, "focal", kind, rows, classes, dtype, subject.own)
    if name == "gather_log_softmax":
        found[1] = np.abs(found[1]) % classes
    return [np.asarray(a) for a in found]


def arguments(function, rows, classes=5, dtype="f4", *, weighted=False, axis=-1, seed=0):
    """All that a call takes but `out`, by name, the class axis at 0 or -1."""
    subject = function.subject
    given = operands(subject, rows, classes, dtype, seed)
    scores = given[positional(subject)[0]]
    rng = seeded(subject.name, seed)
    if function.method == "hvp":
        given["vector"] = rng.standard_normal(scores.shape).astype(scores.dtype)
    if subject.name == "gather_log_softmax" and function.method:
        given["weight"] = rng.integers(-8, 9, rows) / 4
    if weighted and "sample_weight" in function.keywords:
        given["sample_weight"] = rng.integers(0, 5, rows) / 4
    if axis == 0:
        for name, role in roles(function, given).items():
            if role == "scores":
                given[name] = np.ascontiguousarray(np.moveaxis(given[name], -1, 0))
    return given


def roles(function, given):
    """Of each array: "scores" (the shape of the first argument), "rows" (one number a row), or "own"."""
    first = positional(function.subject)[0]
    rowwise = function.subject.rowwise
    found = {}
    for name, value in given.items():
        if not isinstance(value, np.ndarray):
            continue
        if name in ("sample_weight", "weight", "y", "index"):
            found[name] = "rows" if rowwise else "scores"
        elif name == "target" and function.subject.kind == "labels":
            found[name] = "rows"
        elif name in (first, "target", "x2", "vector"):
            found[name] = "scores"
        else:
            found[name] = "own"
    return found


def common(function, **options):
    """Of these keywords those that the function has."""
    return {k: v for k, v in options.items() if k in function.keywords}


def out_shape(function, result, given, axis=-1):
    shape = given[positional(function.subject)[0]].shape
    if result in ROW_RESULTS and function.subject.rowwise:
        return shape[:-1] if axis == -1 else shape[1:]
    return shape


def out_dtype(function, result, given):
    """What an output has if none is given."""
    dtype = given[positional(function.subject)[0]].dtype
    return compute(dtype) if result in ROW_RESULTS else dtype


def outs_for(function, given, axis=-1, dtype=None, fill=7):
    """Fresh arrays for the results that take one."""
    return {
        r: np.full(out_shape(function, r, given, axis), fill, dtype or out_dtype(function, r, given))
        for r in function.outs
    }


def out_keywords(function, outs):
    """As the method names them."""
    if function.method == "value_and_grads":
        return dict(outs=tuple(outs.get(r) for r in function.outs)) if outs else {}
    names = dict(zip(function.outs, ("out", "hess_out")))
    return {names[r]: a for r, a in outs.items()}


def call(function, given, outs=None, **options):
    """{meaning: array} of what one call returns; keywords that the function lacks are left out."""
    given = dict(given)
    third = ("vector",) if function.method == "hvp" else ()
    args = [given.pop(name) for name in positional(function.subject) + third]
    given |= common(function, **options) | out_keywords(function, outs or {})
    found = function.callable(*args, **given)
    return named(function, found)


def named(function, found):
    if function.method == "value_and_grads":
        found = (found[0], *found[1])
    elif len(function.results) == 1:
        found = (found,)
    return dict(zip(function.results, map(np.asarray, found)))


def slice_of(function, given, part, axis=-1):
    """Those rows of all arguments."""
    found = dict(given)
    for name, role in roles(function, given).items():
        if role == "scores" and axis == 0:
            found[name] = given[name][:, part]
        elif role != "own" or not function.subject.rowwise:  # of parameters there is one an element
            found[name] = given[name][part]
    return found


def slice_of_result(meaning, array, part, axis=-1):
    return array[:, part] if axis == 0 and array.ndim == 2 and meaning not in ROW_RESULTS else array[part]


def answers(subject, rows, classes, dtype, *, change=lambda given: given, methods=None, **options):
    """{meaning: array} of all methods, which must agree; `change` is given the arguments of each."""
    axis, weighted = options.get("axis", -1), options.pop("weighted", False)
    seed, found = options.pop("seed", 0), {}
    for function in functions(subject) if methods is None else methods:
        given = arguments(function, rows, classes, dtype, weighted=weighted, axis=axis, seed=seed)
        collect(found, function, call(function, change(given), **options))
    return found


def collect(found, function, more):
    """Adds the results of a call to those of other calls; what is there already must be the same."""
    for meaning, array in more.items():
        if meaning in found:
            assert same_bits(array, found[meaning]), f"{function}: {meaning} is not what other methods give"
        found.setdefault(meaning, array)
