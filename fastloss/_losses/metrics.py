"""Metrics: what a model is judged by and never trained on. They have a value and no gradient."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from fastloss import _check, _core
from fastloss._core import Parameters
from fastloss._losses.classification import cross_entropy

_registry: dict[str, Metric] = {}
metrics: Mapping[str, Metric] = MappingProxyType(_registry)

_REDUCTIONS = {"mean": _core.MEAN, "sum": _core.SUM, "none": _core.NONE}


class Metric:
    """A metric: call it for the value. The function that it is made of has its signature and docstring."""

    __name__: str
    __signature__: inspect.Signature

    def __init__(self, function: Callable[..., Any]) -> None:
        self.__name__ = self.__qualname__ = function.__name__
        self.__doc__ = inspect.getdoc(function)
        self.__module__ = "fastloss"
        self.__signature__ = inspect.signature(function)
        self._function = function
        _registry[self.__name__] = self

    def __call__(self, *args: Any, **options: Any) -> Any:
        try:
            return self._function(*args, **options)
        except TypeError:
            _check.keywords(self.__name__, options, list(self.__signature__.parameters))
            raise

    def __repr__(self) -> str:
        return f"<metric fastloss.{self.__name__}>"

    def __reduce__(self) -> str:
        return self.__name__


@Metric
def accuracy(scores: Any, target: Any, *, ignore_index: int | None = -100, reduction: str = "mean",
             sample_weight: Any = None, normalizer: Any = None, n_threads: int | None = None,
             axis: int = -1) -> Any:
    """Share of the rows whose label is the first largest score.

    Parameters
    ----------
    scores : (..., C) float64, float32, float16 or bfloat16, any strides: logits, probabilities or any others
    target : (...) integers or bool, the labels
    ignore_index : rows with this label count for nothing; None switches it off
    reduction : "mean"; "sum", the weight of the rows that are right; "none", that of each row
    sample_weight : of the shape of the rows or of their leading axes
    normalizer, n_threads, axis : as for every row loss

    Returns
    -------
    float in [0, 1], or with reduction="none" an array of the shape of the rows, float32 for half and float32
    scores, float64 for float64: 1 where the row is right, else 0, times its weight.

    Raises
    ------
    ValueError
        A label outside [0, C) that is not ignore_index; shapes that do not fit; a negative or non-finite
        weight.
    TypeError
        Soft targets; a dtype that is not read; a masked array.

    A row with NaN anywhere is wrong. The mean of nothing is nan with a RuntimeWarning.

    >>> import numpy as np, fastloss as fl
    >>> scores = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0], [1.0, 1.0, 0.0], [np.nan, 0.0, 1.0]])
    >>> fl.accuracy(scores, np.array([0, 1, 1, 2]))
    0.5
    """
    normalizer = _check_reduction(reduction, normalizer)
    ranks, _ = _ranks(scores, target, ignore_index, False, axis, n_threads)
    w = _ratios(sample_weight, reduction, normalizer)
    return _reduced(*_shares(ranks, [(0, 1)], reduction, w), reduction, normalizer)[0]


@Metric
def zero_one(scores: Any, target: Any, *, ignore_index: int | None = -100, reduction: str = "mean",
             sample_weight: Any = None, normalizer: Any = None, n_threads: int | None = None,
             axis: int = -1) -> Any:
    """Zero-one loss: share of the rows whose label is not the first largest score, 1 - `accuracy`.

    Parameters, shapes, dtypes, errors (ValueError, TypeError) and reductions are those of `accuracy`. A row
    with NaN anywhere is wrong and so counts; an ignored row does not. The mean of nothing is nan with a
    RuntimeWarning.

    >>> import numpy as np, fastloss as fl
    >>> scores = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0], [1.0, 1.0, 0.0], [np.nan, 0.0, 1.0]])
    >>> fl.zero_one(scores, np.array([0, 1, 1, 2]), reduction="sum")
    2.0
    """
    normalizer = _check_reduction(reduction, normalizer)
    ranks, _ = _ranks(scores, target, ignore_index, False, axis, n_threads)
    w = _ratios(sample_weight, reduction, normalizer)
    return _reduced(*_shares(ranks, [(1, math.inf)], reduction, w), reduction, normalizer)[0]


@Metric
def top_k_accuracy(scores: Any, target: Any, *, k: Any = 1, ties: str = "first",
                   ignore_index: int | None = -100, reduction: str = "mean", sample_weight: Any = None,
                   normalizer: Any = None, n_threads: int | None = None, axis: int = -1) -> Any:
    """Share of the rows whose label is among the k largest scores, for one k or several in one pass.

    The classes before the true one are counted, O(C) a row; nothing is sorted.

    Parameters
    ----------
    scores : (..., C) float64, float32, float16 or bfloat16, any strides: logits, probabilities or any others
    target : (...) integers or bool, the labels
    k : an integer >= 1, or a sequence of them; more than the classes there are is allowed
    ties : of equal scores the "first" class stands before the others, or the "last" (scikit-learn's choice)
    ignore_index : rows with this label count for nothing; None switches it off
    reduction : "mean"; "sum", the weight of the rows that are right; "none", that of each row
    sample_weight : of the shape of the rows or of their leading axes
    normalizer, n_threads, axis : as for every row loss

    Returns
    -------
    float in [0, 1], for several k an array of them; with reduction="none" an array of the shape of the rows,
    for several k (..., len(k)), float32 for half and float32 scores, float64 for float64.

    Raises
    ------
    ValueError
        A label outside [0, C) that is not ignore_index; shapes that do not fit; a negative or non-finite
        weight; a k below 1 or none at all.
    TypeError
        Soft targets; a dtype that is not read; a masked array.

    A row with NaN anywhere is wrong for every k. The mean of nothing is nan with a RuntimeWarning.

    >>> import numpy as np, fastloss as fl
    >>> scores = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 1.0, 0.0]])
    >>> fl.top_k_accuracy(scores, np.array([0, 2, 1]), k=[1, 2, 3]).round(4)
    array([0.3333, 1.    , 1.    ])
    >>> fl.top_k_accuracy(scores, np.array([0, 2, 1]), ties="last")
    0.6666666666666666
    """
    normalizer = _check_reduction(reduction, normalizer)
    several, bounds = _check.counts("k", k)
    last = _check.one_of("ties", ties, {"first": False, "last": True})
    ranks, classes = _ranks(scores, target, ignore_index, last, axis, n_threads)
    # A row with NaN has the rank C.
    spans = [(0.0, float(min(bound, classes))) for bound in bounds]
    w = _ratios(sample_weight, reduction, normalizer)
    values = _reduced(*_shares(ranks, spans, reduction, w), reduction, normalizer)
    return np.stack(values, -1) if several else values[0]


@Metric
def binary_accuracy(pred: Any, target: Any, *, threshold: float = 0.0, labels: str = "01",
                    reduction: str = "mean", sample_weight: Any = None, normalizer: Any = None,
                    n_threads: int | None = None) -> Any:
    """Share of the elements where pred > threshold says the class 1 and the target is 1, or neither.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16: raw scores (logits)
    target : array of exactly that shape, any float, integer or bool dtype, holding `labels`
    threshold : of `pred`: 0 for raw scores, 0.5 for probabilities
    labels : "01", or "pm1" where the target holds -1 and 1; bool is always "01"
    reduction : "mean"; "sum", the weight of the elements that are right; "none", that of each element
    sample_weight : of the shape of `pred` or of its leading axes
    normalizer, n_threads : as for every loss

    Returns
    -------
    float in [0, 1], or with reduction="none" an array of the shape of `pred`, float32 for half and float32
    scores, float64 for float64.

    Raises
    ------
    ValueError
        Shapes that differ; a target that is none of the labels, NaN too; a negative or non-finite weight.
    TypeError
        A dtype that is not read; a masked array.

    A NaN of `pred` is wrong. The mean of nothing is nan with a RuntimeWarning.

    >>> import numpy as np, fastloss as fl
    >>> fl.binary_accuracy(np.array([2.0, -1.0, 0.0, np.nan]), np.array([1, 1, 0, 0]))
    0.5
    """
    normalizer = _check_reduction(reduction, normalizer)
    return _binary(pred, target, threshold, labels, _REDUCTIONS[reduction], sample_weight, normalizer,
                   n_threads)


@Metric
def perplexity(logits: Any, target: Any, *, ignore_index: int | None = -100, sample_weight: Any = None,
               normalizer: Any = None, n_threads: int | None = None, axis: int = -1) -> float:
    """exp of the mean cross entropy: among how many equally likely classes the model in effect wavers.

    Parameters
    ----------
    logits : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
    target : (...) integers or bool, the labels; or (..., C) floating, soft targets >= 0
    ignore_index : rows with this label count for nothing; None switches it off
    sample_weight, normalizer, n_threads, axis : as for `cross_entropy`

    Returns
    -------
    float >= 1, and C for a row of equal logits; inf where it overflows. Its log2 is the bits per token.

    Raises
    ------
    ValueError, TypeError
        As for `cross_entropy`: labels out of range, shapes that do not fit, bad weights, a dtype that is not
        read.

    NaN or +inf in a row that counts makes it nan. The mean of nothing is nan with a RuntimeWarning.

    Jelinek et al., Perplexity: a measure of the difficulty of speech recognition tasks (1977).

    >>> import math, numpy as np, fastloss as fl
    >>> logits, target = np.array([[2.0, 1.0, 0.0], [0.0, 0.0, 0.0]]), np.array([0, 2])
    >>> round(fl.perplexity(logits, target), 6)
    2.123592
    >>> round(fl.cross_entropy(logits, target) / math.log(2), 6)  # bits per token
    1.086507
    """
    loss = cross_entropy(logits, target, ignore_index=ignore_index, sample_weight=sample_weight,
                         normalizer=normalizer, n_threads=n_threads, axis=axis)
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


@Metric
def entropy(logits: Any, *, reduction: str = "mean", sample_weight: Any = None, normalizer: Any = None,
            n_threads: int | None = None, axis: int = -1) -> Any:
    """Entropy of softmax(logits) in nats, -sum(p log p): how undecided a model is. 0 to log C.

    Parameters
    ----------
    logits : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
    reduction, normalizer, n_threads, axis : as for every row loss
    sample_weight : of the shape of the rows or of their leading axes

    Returns
    -------
    float, or with reduction="none" an array of the shape of the rows, float32 for half and float32 logits,
    float64 for float64.

    Raises
    ------
    ValueError
        An axis out of range; a negative or non-finite weight.
    TypeError
        A dtype that is not read; a masked array.

    NaN or +inf in a row makes that row NaN and no other; a class of -inf adds 0. The mean of nothing is nan
    with a RuntimeWarning.

    Shannon, A mathematical theory of communication (1948).

    >>> import numpy as np, fastloss as fl
    >>> fl.entropy(np.array([[2.0, 0.0], [0.0, 0.0]]), reduction="none").round(4)
    array([0.3653, 0.6931])
    """
    normalizer = _check_reduction(reduction, normalizer)
    rows = _entropies(logits, axis, n_threads)
    w = _ratios(sample_weight, reduction, normalizer)
    w = None if w is None else _check.spread_weights(w, rows.shape)
    if reduction == "none":
        return rows if w is None else _weighted(rows, w, rows.dtype)
    total, weight = _summed(rows, w)
    return _reduced([total], weight, reduction, normalizer)[0]


# ---- what they share -----------------------------------------------------------------------------------

def _check_reduction(reduction: Any, normalizer: Any) -> float | None:
    if not isinstance(reduction, str) or reduction not in _REDUCTIONS:
        _check.reduction(reduction)
    return None if normalizer is None else _check.normalizer(normalizer, reduction)


def _binary(pred: Any, target: Any, threshold: Any, labels: Any, how: int, sample_weight: Any,
            normalizer: Any, n_threads: Any) -> Any:
    """binary_accuracy, reduced as the core knows it."""
    p = Parameters(values=(_check.number("threshold", threshold),),
                   rule=_check.one_of("labels", labels, {"01": _core.BITS, "pm1": _core.SIGNS}))
    n_threads, names = _check.n_threads(n_threads), ("pred", "target")

    def run(pred: Any, target: Any, weight: Any) -> Any:
        return _core.run(_core.kernels()["binary_accuracy"], 0, names, pred, target, None, p, _core.VALUE,
                         how, weight, normalizer, None, None, -1, n_threads)

    result = run(pred, target, sample_weight)
    if result is not None:
        return result
    return run(*_check.prepare(names, 0, pred, target, p, sample_weight)[:3])


def _entropies(logits: Any, axis: Any, n_threads: Any) -> np.ndarray:
    """The entropy of each row."""
    n_threads = _check.n_threads(n_threads)
    rows = _core.transform("entropy", logits, None, axis, n_threads)
    if rows is None:
        x = _check.scores("logits", logits)
        axis, _ = _check.class_axis("logits", x, _check.named_axis(axis, logits, "logits"))
        rows = _core.transform("entropy", x, None, axis, n_threads)
    return rows


def _ratios(sample_weight: Any, reduction: str, normalizer: float | None) -> Any:
    """Of a mean the ratios of the weights count: others, where their sum is no normal number."""
    if sample_weight is None or reduction != "mean" or normalizer is not None:
        return sample_weight
    w = _check.as_array("sample_weight", sample_weight)
    if w.dtype.kind not in "fiub":
        return sample_weight
    return _check.of_normal_sum(np.asarray(w, np.float64))


def _summed(values: np.ndarray, w: np.ndarray | None) -> tuple[Any, Any]:
    """Sum of w times the values, whatever a value of weight 0 is, and sum of w."""
    if w is None:
        return values.ravel().sum(dtype=np.float64), values.size
    counts = w > 0
    return (w[counts] * values[counts]).sum(), w[counts].sum()


def _ranks(scores: Any, target: Any, ignore_index: Any, last: bool, axis: Any,
           n_threads: Any) -> tuple[np.ndarray, int]:
    """Of each row how many classes stand before the true one, -1 where it is ignored; how many there are."""
    p = Parameters(ignore_index=_check.integer_or_none("ignore_index", ignore_index))
    n_threads = _check.n_threads(n_threads)
    ranks = _core.rank(scores, target, p, last, axis, n_threads)
    if ranks is None:
        names = ("scores", "target")
        scores, target, *_, axis = _check.prepare(names, _core.LABELS, scores, target, p, axis_=axis)
        ranks = _core.rank(scores, target, p, last, axis, n_threads)
    return ranks, scores.shape[axis]


def _shares(ranks: np.ndarray, spans: list[tuple[float, float]], reduction: str,
            sample_weight: Any) -> tuple[list[Any], Any]:
    """For each span the weight of the rows whose rank lies in it, and the weight of all that count.

    Spans begin at 0 or above, so that an ignored row lies in none.
    """
    w = None if sample_weight is None else _check.spread_weights(sample_weight, ranks.shape)
    if reduction == "none":
        return [_weighted((ranks >= low) & (ranks < high), 1.0 if w is None else w, ranks.dtype)
                for low, high in spans], None
    if w is None:
        below = {bound: np.count_nonzero(ranks < bound) for bound in {0.0, *sum(spans, ())}}
        return [below[high] - below[low] for low, high in spans], ranks.size - below[0]
    # Taken out in C order, so that the order of summation is not that of the memory.
    counts = ranks >= 0
    r, w = ranks[counts], w[counts]
    return [w[(r >= low) & (r < high)].sum() for low, high in spans], w.sum()


def _weighted(values: np.ndarray, w: Any, dtype: np.dtype) -> np.ndarray:
    """w times the values, 0 where w is 0, whatever the value."""
    with np.errstate(all="ignore"):
        return np.asarray(np.where(w > 0, w * values, 0)).astype(dtype)


def _reduced(sums: list[Any], total: Any, reduction: str, normalizer: float | None) -> list[Any]:
    """What the reduction makes of them."""
    if reduction == "none":
        return sums
    if reduction == "sum":
        return [float(s) for s in sums]
    if normalizer is None and not total > 0:
        nothing = _check.mean_of_nothing()
        return [nothing for _ in sums]
    return [float(s / (normalizer or total)) for s in sums]
