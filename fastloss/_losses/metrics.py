"""The metrics that there are."""

from __future__ import annotations

import math
from typing import Any

from fastloss import _check, _core
from fastloss._core import Parameters
from fastloss._losses.classification import cross_entropy
from fastloss._metric import Ranks, element_metric, entropy_metric, loss_metric, rank_metric


@rank_metric(higher_is_better=True)
def accuracy(scores: Any, target: Any, *, ignore_index: int | None = -100) -> Ranks:
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
    return Ranks(((0, 1),), _check.integer_or_none("ignore_index", ignore_index))


@rank_metric(higher_is_better=False)
def zero_one(scores: Any, target: Any, *, ignore_index: int | None = -100) -> Ranks:
    """Zero-one loss: share of the rows whose label is not the first largest score, 1 - `accuracy`.

    Parameters, shapes, dtypes, errors (ValueError, TypeError) and reductions are those of `accuracy`. A row
    with NaN anywhere is wrong and so counts; an ignored row does not. The mean of nothing is nan with a
    RuntimeWarning.

    >>> import numpy as np, fastloss as fl
    >>> scores = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0], [1.0, 1.0, 0.0], [np.nan, 0.0, 1.0]])
    >>> fl.zero_one(scores, np.array([0, 1, 1, 2]), reduction="sum")
    2.0
    """
    return Ranks(((1, math.inf),), _check.integer_or_none("ignore_index", ignore_index))


@rank_metric(higher_is_better=True)
def top_k_accuracy(
    scores: Any, target: Any, *, k: Any = 1, ties: str = "first", ignore_index: int | None = -100
) -> Ranks:
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
    several, bounds = _check.counts("k", k)
    last = _check.one_of("ties", ties, {"first": False, "last": True})
    return Ranks(
        tuple((0, bound) for bound in bounds),
        _check.integer_or_none("ignore_index", ignore_index),
        several,
        last,
    )


@element_metric(higher_is_better=True)
def binary_accuracy(pred: Any, target: Any, *, threshold: float = 0.0, labels: str = "01") -> Parameters:
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
    rule = _check.one_of("labels", labels, {"01": _core.BITS, "pm1": _core.SIGNS})
    return Parameters({"threshold": _check.number("threshold", threshold)}, target=rule)


def _exp(mean: float) -> float:
    try:
        return math.exp(mean)
    except OverflowError:
        return math.inf


@loss_metric(cross_entropy, _exp, higher_is_better=False)
def perplexity(logits: Any, target: Any, *, ignore_index: int | None = -100) -> dict[str, Any]:
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
    return {"ignore_index": _check.integer_or_none("ignore_index", ignore_index)}


@entropy_metric(higher_is_better=False)
def entropy(logits: Any) -> Parameters:
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
    return Parameters()
