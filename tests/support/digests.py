"""One digest for each result of each function of the catalogue, dtype and set of keywords: P5 compares them
with those of tests/data/golden.json, which tools/golden.py writes. `python -m support.digests`, called in
tests/, prints them.

Inputs come from integer arithmetic and are multiples of a power of two that every step holds exactly: they
depend neither on NumPy's generators nor on a mathematical library. What takes a logarithm or a cosine of its
own keyword from that library says so (`libm`).
"""

import hashlib
import json
import math
import warnings

import numpy as np

from support import cases, catalogue
from support.layouts import BFLOAT16, compute

# Significant bits of the inputs: no dtype rounds them.
BITS = {np.dtype("f8"): 48, np.dtype("f4"): 22, np.dtype("f2"): 10, BFLOAT16: 7}
# Elements: a block with its tail, and two axes. Rows: of few classes, of many, and with their axis first.
ELEMENTS = [(1045,), (5, 7)]
ROWS = [(67, c, -1) for c in (1, 2, 7, 16, 64, 65, 100)] + [(67, 7, 0), (67, 65, 0)]
ROWS += [(5, 1041, -1), (5, 1041, 0), (3, 2100, -1)]
HEX = 32  # digits of a SHA-256 that are kept

# Whose keywords, or whose value, pass through a logarithm, an exponential or a cosine of the C library.
THROUGH_LIBM = {"arcface", "binary_cross_entropy", "gaussian_nll", "l_softmax", "log_loss", "perplexity"}


def libm():
    """What that library answers where it is asked. Where it answers otherwise, those functions may differ."""
    angles = [0.3, 0.5, *(math.pi * j / m for m in range(2, 9) for j in range(1, m))]
    small = [2.0**-52, 2.0**-23, 2.0**-10, 2.0**-7, 1e-3, 1e-7, 0.125, 0.25]
    asked = [f(a) for a in angles for f in (math.cos, math.sin)]
    asked += [f(a) for a in small for f in (math.log, lambda v: math.log1p(-v))]
    asked += [math.exp(k / 8) for k in range(64)] + [math.log(v) for v in (1e-6, 400.0)]
    return hashlib.sha256(" ".join(map(float.hex, asked)).encode()).hexdigest()[:HEX]


class Integers:
    """Numbers that follow from a name alone: SplitMix64 (Steele, Lea and Flood, 2014) of a counter."""

    def __init__(self, name):
        self.state = np.uint64(int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big"))

    def words(self, shape):
        n = math.prod(shape)
        with np.errstate(over="ignore"):
            z = self.state + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            self.state += np.uint64(n) * np.uint64(0x9E3779B97F4A7C15)
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            return (z ^ (z >> np.uint64(31))).reshape(shape)

    def below(self, n, shape):
        return (self.words(shape) % np.uint64(n)).astype(np.int64)

    def between(self, low, high, shape, dtype):
        """Of [low, high), two powers of two or 0 and their negatives, at the dtype's full precision."""
        bits = BITS[dtype]
        fraction = self.below(2**bits, shape).astype(np.float64) * 2.0**-bits
        if low < 0 < high:  # a bit goes for the sign
            fraction = self.below(2 ** (bits + 1), shape).astype(np.float64) * 2.0**-bits - 1
            return (fraction * high).astype(dtype)
        return (low + fraction * (high - low)).astype(dtype)


def element_arguments(subject, own, shape, dtype):
    draw = Integers(f"{subject.name} {shape} {dtype}")
    wide = draw.between(-8, 8, shape, dtype)
    if subject.kind == "numbers":
        return [spoilt(4 * wide)]
    share = draw.below(9, shape) / 8
    side = 2 * draw.below(2, shape) - 1
    domain = "margin"
    if subject.name != "binary_accuracy":
        domain = cases.CASES[subject.name].domain
    zero_one = own.get("labels") == "01" or (subject.name == "binary_accuracy" and "labels" not in own)
    if domain == "unit":
        return [draw.between(0, 1, shape, dtype), share]
    if own.get("log_input") is False:
        return [abs(wide) + dtype.type(0.125), draw.below(9, shape).astype(dtype)]
    target = {
        "real": lambda: np.where(draw.below(8, shape) == 0, wide, draw.between(-8, 8, shape, dtype)),
        "above -1": lambda: abs(draw.between(-8, 8, shape, dtype)),
        "count": lambda: draw.below(9, shape).astype(dtype),
        "logit": lambda: share,
    }.get(domain, lambda: (side + 1) // 2 if zero_one else side)()
    if domain == "above -1":
        return [np.where(wide < 0, wide / 8 + dtype.type(2.0**-4), wide).astype(dtype), target]
    return [spoilt(wide), np.asarray(target)]


def spoilt(x):
    """With what is no number, where there is room for it."""
    if x.ndim == 1:
        x[[5, 70, 200, 1030]] = [np.nan, np.inf, -np.inf, 100]
    return x


def row_arguments(subject, own, n, classes, dtype):
    draw = Integers(f"{subject.name} {subject.kind} {n} {classes} {dtype}")
    case = cases.LOSSES.get(subject.name)
    scores = "logits" if case is None else case.scores
    shape = (n, classes)
    if scores == "vectors":
        found = [draw.between(-2, 2, shape, dtype) for _ in range(2)]
        found[0][1], found[1][2] = 0, 0
        return [*found, 2 * draw.below(2, (n,)) - 1][: len(catalogue.positional(subject))]
    if scores in ("logits", "scores"):
        x = draw.between(-8, 8, shape, dtype)
        x[1, 0], x[2, -1], x[0, 0] = -np.inf, 200, np.nan if n > 60 else 1
    else:
        x = draw.between(*{"log_probs": (-16, 0), "probs": (0, 1), "cosines": (-1, 1)}[scores], shape, dtype)
        if scores == "probs":
            x[x == 0] = 0.5
    if subject.kind == "rows":
        return [x]
    if subject.kind == "soft":
        target = draw.between(0, 1, shape, dtype).astype(compute(dtype))
        target[draw.below(4, shape) == 0] = 0
        return [x, -8 * target if own.get("log_target") else target]
    labels = draw.below(classes, (n,))
    if subject.name != "gather_log_softmax":
        labels[draw.below(8, (n,)) == 0] = -100
    return [x, labels]


def complete(function, given, rows, axis):
    """With weights and a vector, and the class axis where it shall be."""
    draw = Integers(f"weights {rows}")
    scores = given[catalogue.positional(function.subject)[0]]
    if function.method == "hvp":
        given["vector"] = draw.between(-2, 2, scores.shape, scores.dtype)
    if function.subject.name == "gather_log_softmax" and function.method:
        given["weight"] = (draw.below(17, rows) - 8) / 4
    if "sample_weight" in function.keywords:
        given["sample_weight"] = draw.below(5, rows) / 4
    if axis == 0:
        for name, role in catalogue.roles(function, given).items():
            if role == "scores":
                given[name] = np.ascontiguousarray(np.moveaxis(given[name], -1, 0))
    return given


def calls(subject, dtype):
    """(function, arguments, axis) of all that one digest holds."""
    shapes = [((n,), c, a) for n, c, a in ROWS] if subject.rowwise else [(s, 1, -1) for s in ELEMENTS]
    for rows, classes, axis in shapes:
        shape = (*rows, classes) if subject.rowwise else rows
        own = {k: v(shape) if callable(v) else v for k, v in subject.own.items()}
        if own.get("class_weight") is True:
            own["class_weight"] = 1 + np.arange(classes) % 5 / 4
        for function in catalogue.functions(subject):
            made = (
                row_arguments(subject, own, rows[0], classes, dtype)
                if subject.rowwise
                else element_arguments(subject, own, shape, dtype)
            )
            given = dict(zip(catalogue.positional(subject), made)) | own
            yield function, complete(function, given, rows, axis), axis


def name_of(subject, dtype):
    def value(v):
        return v.__qualname__.split(".")[0] if callable(v) else v

    own = ", ".join(f"{k}={value(v)}" for k, v in subject.own.items())
    return f"{subject.name}({own}) {subject.kind} {dtype}"


def put(sha, array):
    """Which operand a NaN takes its sign from is the compiler's choice: only its place counts."""
    array = np.asarray(array)
    if array.dtype != bool:
        array = np.where(array != array, array.dtype.type("nan"), array)
    sha.update(f"{array.shape} {array.dtype}".encode() + np.ascontiguousarray(array).tobytes())


def of_subject(subject, dtype):
    """{result: digest}. Sums are of what the core sums; those of `entropy` are NumPy's."""
    found = {}
    for function, given, axis in calls(subject, dtype):
        reductions = ("none",) if subject.name == "entropy" else ("none", "sum")
        for reduction in reductions if "reduction" in function.keywords else ("none",):
            with np.errstate(all="ignore"):
                results = catalogue.call(function, given, axis=axis, reduction=reduction)
            for meaning, array in results.items():
                put(found.setdefault(meaning, hashlib.sha256()), array)
    return {meaning: sha.hexdigest()[:HEX] for meaning, sha in found.items()}


def every():
    """{function, keywords, kind, dtype and result: digest}"""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of perplexity, where all rows are ignored
        return {
            f"{name_of(subject, dtype)} {meaning}": digest
            for variants in catalogue.VARIANTS.values()
            for subject in variants
            for dtype in BITS
            for meaning, digest in of_subject(subject, dtype).items()
        }


def main():
    print(json.dumps(dict(libm=libm(), digests=every())))


if __name__ == "__main__":
    main()
