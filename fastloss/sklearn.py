"""scikit-learn's loss metrics, with its signatures and results, computed by fastloss.

    from fastloss.sklearn import log_loss, scorers

    log_loss(y_true, model.predict_proba(X))
    cross_val_score(model, X, y, scoring=scorers["neg_log_loss"])

A function computes by fastloss where its arguments are dense, ordinary and right. All others it hands as they
are to the function of the same name in `sklearn.metrics`: errors, sparse and multilabel targets, negative
weights, options without an equivalent here. So what fails, fails with scikit-learn's own words. The functions
handed on to are those met at import: these may stand in their place.
docs/sklearn.md says which arguments are which, and where last digits differ.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import wraps
from typing import Any, NamedTuple, ParamSpec

import numpy as np

from fastloss._loss import Loss, losses
from fastloss._losses.binary import binary_cross_entropy, hinge
from fastloss._losses.classification import brier_from_probabilities
from fastloss._losses.classification import log_loss as class_log_loss
from fastloss._losses.intercepts import link_of
from fastloss._losses.margins import multiclass_hinge
from fastloss._losses.metrics import top_k_accuracy
from fastloss._losses.regression import mae, mape, mse, msle, quantile
from fastloss._optional import require

__all__ = [
    "accuracy_score",
    "brier_score_loss",
    "hinge_loss",
    "log_loss",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_pinball_loss",
    "mean_squared_error",
    "mean_squared_log_error",
    "root_mean_squared_error",
    "root_mean_squared_log_error",
    "scorer",
    "scorers",
    "top_k_accuracy_score",
    "zero_one_loss",
]

_BLOCK = 1 << 16  # elements looked at together: 256 KB of float32 stay in the second-level cache

_NOT_ONE = "The y_prob values do not sum to one. Make sure to pass probabilities."

# The largest integer up to which float64 holds them all.
_EXACT = 1 << 53


class _Elsewhere(Exception):
    """These arguments are for scikit-learn's own function."""


_metrics = require("sklearn.metrics", "sklearn")
_make_scorer = _metrics.make_scorer
_P = ParamSpec("_P")


def _or_theirs(ours: Callable[_P, Any]) -> Callable[_P, Any]:
    """Hands on to scikit-learn's function of the same name what is not for `ours`.

    That is taken now: once one of these stands in its place, asking again would find no end. One that stands
    there already, as when this module is reloaded, knows whose place it has.
    """
    found = getattr(_metrics, ours.__name__)
    theirs = getattr(found, "_theirs", found)

    @wraps(ours)
    def function(*args: _P.args, **options: _P.kwargs) -> Any:
        with suppress(_Elsewhere):
            return ours(*args, **options)
        return theirs(*args, **options)

    vars(function)["_theirs"] = theirs
    return function


# ---- classes ---------------------------------------------------------------------------------------------


@_or_theirs
def log_loss(
    y_true: Any,
    y_proba: Any = None,
    *,
    normalize: bool = True,
    sample_weight: Any = None,
    labels: Any = None,
    y_pred: Any = "deprecated",
) -> float:
    """Log loss of probabilities: `sklearn.metrics.log_loss`, without a copy of the probabilities.

    Parameters
    ----------
    y_true : (n,) labels: integers, bool, integral floats or strings
    y_proba : (n, C) float64 or float32, any strides, the columns in the sorted order of the labels; or (n,)
        or (n, 1), the probability of the greater label
    normalize : True for the mean, False for the sum
    sample_weight : (n,), or None
    labels : all labels there are, where y_true may lack some
    y_pred : y_proba's old name

    Returns
    -------
    float in nats. Probabilities are clipped to [eps, 1 - eps] with the eps of their dtype.

    Raises
    ------
    ValueError, and warns (rows that do not sum to one), as scikit-learn does; NaN and infinities are errors.
    """
    if not isinstance(y_pred, str) or y_pred != "deprecated":
        raise _Elsewhere
    how = _reduction(normalize)
    p = _floats(y_proba)
    classes, index = _encoded(y_true, labels)
    weight = _weights(sample_weight, len(index))
    _same_length(p, index)
    if len(classes) < 2 or not _is_sorted(labels, classes):
        raise _Elsewhere
    if p.ndim == 1 or (p.ndim == 2 and p.shape[1] == 1):
        if len(classes) != 2:
            raise _Elsewhere
        p = p.reshape(-1)
        _probabilities(p)
        return _finite(binary_cross_entropy(p, index == 1, sample_weight=weight, reduction=how))
    if p.ndim != 2 or p.shape[1] != len(classes):
        raise _Elsewhere
    if not _probabilities(p):
        warnings.warn(_NOT_ONE, UserWarning, stacklevel=3)
    return _finite(class_log_loss(p, index, sample_weight=weight, reduction=how, ignore_index=None))


@_or_theirs
def brier_score_loss(
    y_true: Any,
    y_proba: Any,
    *,
    sample_weight: Any = None,
    pos_label: Any = None,
    labels: Any = None,
    scale_by_half: Any = "auto",
) -> float:
    """Brier score of probabilities: `sklearn.metrics.brier_score_loss`.

    Parameters
    ----------
    y_true : (n,) labels: integers, bool, integral floats or strings
    y_proba : (n, C) float64 or float32, any strides; or (n,) or (n, 1), the probability of `pos_label`
    sample_weight : (n,), or None
    pos_label : with one column the label whose probability it is; None: 1, or the greater of two numbers
    labels : with several columns all labels there are
    scale_by_half : True, False, or "auto", which is True for fewer than three classes

    Returns
    -------
    float. The sum over the classes of (p - t)^2, halved as `scale_by_half` says.

    Raises
    ------
    ValueError, and warns (rows that do not sum to one), as scikit-learn does; NaN and infinities are errors.
    """
    p = _floats(y_proba)
    if not (isinstance(scale_by_half, (bool, np.bool_)) or _is_text(scale_by_half, "auto")):
        raise _Elsewhere
    if p.ndim == 1 or (p.ndim == 2 and p.shape[1] == 1):
        y, p = _labels(y_true), p.reshape(-1)
        positive = _is_positive(y, pos_label)
        weight = _weights(sample_weight, len(y))
        _same_length(p, y)
        _probabilities(p)
        return _finite(mse(p, positive, sample_weight=weight)) * (1 if scale_by_half else 2)
    classes, index = _encoded(y_true, labels)
    weight = _weights(sample_weight, len(index))
    _same_length(p, index)
    if p.ndim != 2 or p.shape[1] != len(classes) or not _is_sorted(labels, classes):
        raise _Elsewhere
    if not _probabilities(p):
        warnings.warn(_NOT_ONE, UserWarning, stacklevel=3)
    score = _finite(brier_from_probabilities(p, index, sample_weight=weight, ignore_index=None))
    half = len(classes) < 3 if isinstance(scale_by_half, str) else scale_by_half
    return score / 2 if half else score


@_or_theirs
def hinge_loss(y_true: Any, pred_decision: Any, *, labels: Any = None, sample_weight: Any = None) -> float:
    """Mean hinge loss of decision values: `sklearn.metrics.hinge_loss`.

    Parameters
    ----------
    y_true : (n,) labels: integers, bool, integral floats or strings
    pred_decision : (n,) decision values, positive for the greater of two labels; or (n, C), one a class: the
        loss of Crammer and Singer. float64 or float32, any strides
    labels : all labels there are, where y_true may lack some
    sample_weight : (n,), or None

    Returns
    -------
    float.

    Raises
    ------
    ValueError as scikit-learn does; NaN and infinities are errors.
    """
    s = _floats(pred_decision)
    classes, index = _encoded(y_true, labels)
    weight = _weights(sample_weight, len(index))
    _same_length(s, index)
    _check_finite(s)
    if len(classes) > 2:
        if s.ndim != 2 or s.shape[1] != len(classes):
            raise _Elsewhere
        return _finite(multiclass_hinge(s, index, sample_weight=weight, ignore_index=None))
    if s.ndim != 1 and (s.ndim != 2 or s.shape[1] != 1):
        raise _Elsewhere
    if labels is not None:
        classes, index = _encoded(y_true, None)  # which side a label is on, the labels met decide
    return _finite(hinge(s.reshape(-1), index == 1, sample_weight=weight))


@_or_theirs
def accuracy_score(y_true: Any, y_pred: Any, *, normalize: bool = True, sample_weight: Any = None) -> float:
    """Share of labels that are right: `sklearn.metrics.accuracy_score`.

    Parameters
    ----------
    y_true, y_pred : (n,) labels of one kind: integers or bool, integral floats, or strings
    normalize : True for the share, False for their number (or weight)
    sample_weight : (n,), or None

    Returns
    -------
    float.

    Raises
    ------
    ValueError as scikit-learn does: labels of two kinds, lengths that differ, nothing at all.
    """
    y, predicted = _labels(y_true), _labels(y_pred)
    _same_length(y, predicted)
    if _kind(y) != _kind(predicted):
        raise _Elsewhere
    return _share(y == predicted, _weights(sample_weight, len(y)), normalize)


@_or_theirs
def zero_one_loss(y_true: Any, y_pred: Any, *, normalize: bool = True, sample_weight: Any = None) -> float:
    """Share of labels that are wrong: `sklearn.metrics.zero_one_loss`.

    Parameters, returns and errors (ValueError) are those of `accuracy_score`; `normalize=False` gives the
    number (or weight) of the wrong ones.
    """
    y, predicted = _labels(y_true), _labels(y_pred)
    _same_length(y, predicted)
    if _kind(y) != _kind(predicted):
        raise _Elsewhere
    return _share(y != predicted, _weights(sample_weight, len(y)), normalize)


@_or_theirs
def top_k_accuracy_score(
    y_true: Any,
    y_score: Any,
    *,
    k: int = 2,
    normalize: bool = True,
    sample_weight: Any = None,
    labels: Any = None,
) -> float:
    """Share of rows whose label is among the k largest scores: `sklearn.metrics.top_k_accuracy_score`.

    Parameters
    ----------
    y_true : (n,) labels: integers, bool, integral floats or strings
    y_score : (n, C) scores, the columns in the sorted order of the labels; of equal scores the last class
        stands before the others, as in scikit-learn
    k : how many
    normalize : True for the share, False for their number (or weight)
    sample_weight : (n,), or None
    labels : all labels there are, sorted, where y_true may lack some

    Returns
    -------
    float. The classes before the true one are counted: nothing is sorted.

    Raises
    ------
    ValueError, and warns (a k that is always right), as scikit-learn does; NaN and infinities are errors.
    """
    if isinstance(k, (bool, np.bool_)) or not isinstance(k, (int, np.integer)) or k < 1:
        raise _Elsewhere
    how = _reduction(normalize)
    s = _floats(y_score)
    classes, index = _encoded(y_true, labels)
    weight = _weights(sample_weight, len(index))
    _same_length(s, index)
    if len(classes) < 3 or s.ndim != 2 or s.shape[1] != len(classes) or k >= len(classes):
        raise _Elsewhere
    if not _is_sorted(labels, classes):
        raise _Elsewhere
    _check_finite(s)
    return _finite(
        top_k_accuracy(
            s, index, k=int(k), ties="last", ignore_index=None, reduction=how, sample_weight=weight
        )
    )


# ---- regression ------------------------------------------------------------------------------------------


@_or_theirs
def mean_squared_error(
    y_true: Any, y_pred: Any, *, sample_weight: Any = None, multioutput: Any = "uniform_average"
) -> Any:
    """Mean squared error: `sklearn.metrics.mean_squared_error`.

    Parameters
    ----------
    y_true, y_pred : (n,) or (n, outputs) numbers
    sample_weight : (n,), or None
    multioutput : "uniform_average", "raw_values" for one value an output, or (outputs,) weights

    Returns
    -------
    float, or an array of shape (outputs,).

    Raises
    ------
    ValueError as scikit-learn does: shapes that differ, NaN and infinities, other `multioutput`.
    """
    return _regression(mse, y_true, y_pred, sample_weight, multioutput)


@_or_theirs
def root_mean_squared_error(
    y_true: Any, y_pred: Any, *, sample_weight: Any = None, multioutput: Any = "uniform_average"
) -> Any:
    """Root of the mean squared error of each output: `sklearn.metrics.root_mean_squared_error`.

    Parameters, returns and errors (ValueError) are those of `mean_squared_error`.
    """
    return _regression(mse, y_true, y_pred, sample_weight, multioutput, root=True)


@_or_theirs
def mean_absolute_error(
    y_true: Any, y_pred: Any, *, sample_weight: Any = None, multioutput: Any = "uniform_average"
) -> Any:
    """Mean absolute error: `sklearn.metrics.mean_absolute_error`.

    Parameters, returns and errors (ValueError) are those of `mean_squared_error`.
    """
    return _regression(mae, y_true, y_pred, sample_weight, multioutput)


@_or_theirs
def mean_absolute_percentage_error(
    y_true: Any, y_pred: Any, *, sample_weight: Any = None, multioutput: Any = "uniform_average"
) -> Any:
    """Mean error as a fraction of y_true: `sklearn.metrics.mean_absolute_percentage_error`.

    Parameters, returns and errors (ValueError) are those of `mean_squared_error`. |y_true| below float64's
    epsilon counts as that.
    """
    return _regression(mape, y_true, y_pred, sample_weight, multioutput)


@_or_theirs
def mean_pinball_loss(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    alpha: float = 0.5,
    multioutput: Any = "uniform_average",
) -> Any:
    """Mean pinball loss of the alpha-quantile: `sklearn.metrics.mean_pinball_loss`.

    Parameters, returns and errors (ValueError) are those of `mean_squared_error`; `alpha` lies in [0, 1].
    """
    if type(alpha) is not float or not 1e-30 < alpha < 1:
        raise _Elsewhere
    return _regression(quantile, y_true, y_pred, sample_weight, multioutput, q=alpha)


@_or_theirs
def mean_squared_log_error(
    y_true: Any, y_pred: Any, *, sample_weight: Any = None, multioutput: Any = "uniform_average"
) -> Any:
    """Mean squared difference of log(1 + y): `sklearn.metrics.mean_squared_log_error`.

    Parameters, returns and errors (ValueError) are those of `mean_squared_error`; a value <= -1 is an error
    too.
    """
    return _regression(msle, y_true, y_pred, sample_weight, multioutput, above=-1)


@_or_theirs
def root_mean_squared_log_error(
    y_true: Any, y_pred: Any, *, sample_weight: Any = None, multioutput: Any = "uniform_average"
) -> Any:
    """Root of `mean_squared_log_error` of each output: `sklearn.metrics.root_mean_squared_log_error`.

    Parameters, returns and errors (ValueError) are those of `mean_squared_log_error`.
    """
    return _regression(msle, y_true, y_pred, sample_weight, multioutput, root=True, above=-1)


# ---- scorers ---------------------------------------------------------------------------------------------


class _Recipe(NamedTuple):
    function: Callable[..., Any]
    sign: int
    response: str | tuple[str, ...] = "predict"


_RECIPES = {
    "accuracy": _Recipe(accuracy_score, 1),
    "neg_brier_score": _Recipe(brier_score_loss, -1, "predict_proba"),
    "neg_log_loss": _Recipe(log_loss, -1, "predict_proba"),
    "neg_mean_absolute_error": _Recipe(mean_absolute_error, -1),
    "neg_mean_absolute_percentage_error": _Recipe(mean_absolute_percentage_error, -1),
    "neg_mean_squared_error": _Recipe(mean_squared_error, -1),
    "neg_mean_squared_log_error": _Recipe(mean_squared_log_error, -1),
    "neg_root_mean_squared_error": _Recipe(root_mean_squared_error, -1),
    "neg_root_mean_squared_log_error": _Recipe(root_mean_squared_log_error, -1),
    "top_k_accuracy": _Recipe(top_k_accuracy_score, 1, ("decision_function", "predict_proba")),
}


class Scorers(Mapping[str, Any]):
    """scikit-learn's names of scorers -> scorers made of the functions here, by `make_scorer`."""

    def __getitem__(self, name: str) -> Any:
        recipe = _RECIPES[name]
        return _make_scorer(
            recipe.function, greater_is_better=recipe.sign > 0, response_method=recipe.response
        )

    def __iter__(self) -> Iterator[str]:
        return iter(_RECIPES)

    def __len__(self) -> int:
        return len(_RECIPES)


scorers = Scorers()


def scorer(loss: Any, **parameters: Any) -> Any:
    """A scorer of scikit-learn by any loss: minus its mean over the rows that an estimator is tested on.

    Parameters
    ----------
    loss : a loss, its name, or one with parameters fixed (`fl.focal.bind(gamma=3)`)
    **parameters : its own

    Returns
    -------
    A picklable callable `(estimator, X, y, sample_weight=None)`. A loss of raw scores is given
    `decision_function`, one of probabilities `predict_proba`, one of numbers `predict`; of class labels it is
    given their places in `estimator.classes_`.

    Raises
    ------
    TypeError
        What is no loss; a parameter that it does not have.
    ValueError
        A parameter outside its domain; when called, a label that is none of the estimator's classes.

    >>> import fastloss as fl
    >>> from fastloss.sklearn import scorer
    >>> class Certain:
    ...     classes_ = np.array(["cat", "dog"])
    ...     def decision_function(self, X):
    ...         return X[:, 1] - X[:, 0]
    >>> score = scorer(fl.focal.bind(gamma=2.0))
    >>> round(score(Certain(), np.array([[0.0, 2.0], [1.0, 0.0]]), ["dog", "cat"]), 4)
    -0.0122
    """
    if isinstance(loss, str):
        if loss not in losses:
            raise ValueError(f"loss = {loss!r} is not one of {', '.join(losses)}")
        loss = losses[loss]
    if not isinstance(loss, Loss):
        raise TypeError(f"loss is {loss!r}: it must be a loss of fastloss or its name")
    return _LossScorer(loss.bind(**parameters))


class _LossScorer:
    def __init__(self, loss: Loss) -> None:
        self.loss = loss

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        loss, facts = self.loss, self.loss.facts
        binary = facts.target == "binary"
        if not (loss._rowwise or binary):
            raw = np.asarray(estimator.predict(X))
            of_log = link_of(facts.inverse_link, loss._fixed) == "log"
            with np.errstate(divide="ignore", invalid="ignore"):  # of a rate, whose logarithm the loss takes
                raw = np.log(raw) if of_log else raw
            return -float(loss(raw, y, sample_weight=sample_weight))
        if binary and len(estimator.classes_) > 2:
            raise ValueError(
                f"{loss.__name__} is of two classes, the estimator has {len(estimator.classes_)}"
            )
        labels = np.asarray(y)
        places = np.minimum(np.searchsorted(estimator.classes_, labels), len(estimator.classes_) - 1)
        for at in np.flatnonzero(estimator.classes_[places] != labels)[:1]:
            raise ValueError(f"y[{at}] = {labels.tolist()[at]!r} is none of the classes of the estimator")
        scores = estimator.decision_function(X) if facts.scores == "raw" else estimator.predict_proba(X)
        if facts.scores == "log-probabilities":
            with np.errstate(divide="ignore"):
                scores = np.log(scores)
        if loss._rowwise and scores.ndim == 1:  # of two classes the score of the second alone
            scores = np.stack([np.zeros_like(scores), scores], 1)
        if binary and scores.ndim == 2:
            scores = scores[:, 1]
        if "labels" in loss._keywords:
            loss = loss.bind(labels="01")
        return -float(loss(scores, places, sample_weight=sample_weight))

    def __repr__(self) -> str:
        return f"scorer({self.loss!r})"


# ---- what is ordinary, and what is scikit-learn's --------------------------------------------------------


def _plain(value: Any) -> np.ndarray:
    """An ndarray that shares the memory of the argument where it can, if that is dense and ordinary."""
    kind = type(value)
    if kind not in (np.ndarray, np.memmap, list, tuple) and kind.__module__.partition(".")[0] != "pandas":
        raise _Elsewhere
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise _Elsewhere from error
    if not array.dtype.isnative or array.size == 0:
        raise _Elsewhere
    return array


def _floats(value: Any) -> np.ndarray:
    """Scores or probabilities of rows: float32 and float64 as they are, small integers as float64."""
    array = _plain(value)
    if array.ndim not in (1, 2):
        raise _Elsewhere
    if array.dtype in (np.float32, np.float64):
        return array
    if array.dtype.kind not in "biu" or _spread(array)[1] > _EXACT or _spread(array)[0] < -_EXACT:
        raise _Elsewhere
    return array.astype(np.float64)


def _spread(array: np.ndarray) -> tuple[int, int]:
    return int(array.min()), int(array.max())


def _kind(labels: np.ndarray) -> str:
    return "text" if labels.dtype.kind in "UO" else "number"


def _labels(value: Any) -> np.ndarray:
    """Labels (n,): integers or bool, integral floats as integers, or strings."""
    array = _plain(value)
    if array.ndim != 1:
        raise _Elsewhere
    if array.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            whole = array.astype(np.int64)
        if array.itemsize > 8 or not (whole == array).all() or max(map(abs, _spread(whole))) > _EXACT:
            raise _Elsewhere
        return whole
    if array.dtype.kind == "O":
        if not all(type(label) is str for label in array):
            raise _Elsewhere
        return array
    if array.dtype.kind == "b":
        return array.view(np.int8)
    if array.dtype.kind not in "iuU" or array.dtype == np.uint64:
        raise _Elsewhere
    if (
        array.dtype.kind == "U"
        and isinstance(value, (list, tuple))
        and not all(isinstance(label, str) for label in value)
    ):
        raise _Elsewhere  # NumPy wrote the numbers among them as strings
    return array


def _encoded(y_true: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """The sorted classes, of `labels` where given, and for each label which it is."""
    y = _labels(y_true)
    if labels is None:
        return _indexed(y)
    known = _labels(labels)
    if _kind(known) != _kind(y):
        raise _Elsewhere
    classes = np.unique(known)
    if _kind(y) == "number" and int(classes[-1]) - int(classes[0]) == len(classes) - 1:
        low, high = _spread(y)  # the usual labels, without a search
        if low < classes[0] or high > classes[-1]:
            raise _Elsewhere
        return classes, y if classes[0] == 0 else y.astype(np.int64) - int(classes[0])
    index = np.searchsorted(classes, y)
    if not (classes.take(index, mode="clip") == y).all():
        raise _Elsewhere
    return classes, index


def _indexed(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """np.unique(y, return_inverse=True), which need not sort small integers."""
    if _kind(y) == "number":
        low, high = _spread(y)
        if high - low <= 4 * len(y) + 1024:
            from_low = y if low == 0 else y.astype(np.int64) - low
            met = np.zeros(high - low + 1, bool)
            met[from_low] = True
            if met.all():
                return np.arange(low, high + 1), from_low
            return np.flatnonzero(met) + low, (np.cumsum(met) - 1)[from_low]
    classes, index = np.unique(y, return_inverse=True)
    return classes, index


def _is_sorted(labels: Any, classes: np.ndarray) -> bool:
    """Whether `labels`, where given, are the classes in their order."""
    if labels is None:
        return True
    given = _labels(labels)
    return len(given) == len(classes) and bool((given == classes).all())


def _is_text(value: Any, text: str) -> bool:
    return isinstance(value, str) and value == text


def _is_positive(y: np.ndarray, pos_label: Any) -> np.ndarray:
    """Which of at most two labels are the positive one."""
    classes, index = _indexed(y)
    if len(classes) > 2:
        raise _Elsewhere
    if pos_label is None:
        if _kind(y) == "text":
            raise _Elsewhere
        met = set(classes.tolist())
        positive = 1 if met <= {0, 1} or met <= {-1, 1} else classes[-1]
    else:
        if isinstance(pos_label, str) != (_kind(y) == "text"):
            raise _Elsewhere
        if not isinstance(pos_label, (str, int, float, np.integer, np.floating, np.bool_)):
            raise _Elsewhere
        positive = pos_label
    return (classes == positive)[index]


def _weights(value: Any, n: int) -> np.ndarray | None:
    """sample_weight (n,), finite, not negative and not all zero; or None."""
    if value is None:
        return None
    w = _plain(value)
    if w.shape != (n,) or w.dtype.kind not in "biuf" or w.dtype == np.float16 or w.itemsize > 8:
        raise _Elsewhere
    total = w.sum(dtype=np.float64)
    if not (w.min() >= 0 and 0 < total < math.inf):
        raise _Elsewhere
    return w


def _same_length(a: np.ndarray, b: np.ndarray) -> None:
    if len(a) != len(b):
        raise _Elsewhere


def _reduction(normalize: Any) -> str:
    if not isinstance(normalize, (bool, np.bool_)):
        raise _Elsewhere
    return "mean" if normalize else "sum"


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise _Elsewhere
    return value


def _share(hits: np.ndarray, weight: np.ndarray | None, normalize: Any) -> float:
    how = _reduction(normalize)
    if weight is None:
        count = int(np.count_nonzero(hits))
        return count / len(hits) if how == "mean" else float(count)
    w = weight.astype(np.float64, copy=False)
    hit = float(w @ hits)
    return hit / float(w.sum()) if how == "mean" else hit


def _blocks(array: np.ndarray) -> Iterator[np.ndarray]:
    """Rows that fit the cache together."""
    rows = max(1, _BLOCK * len(array) // array.size)
    for begin in range(0, len(array), rows):
        yield array[begin : begin + rows]


def _probabilities(p: np.ndarray) -> bool:
    """Whether each row sums to one, to scikit-learn's tolerance; without a copy.

    What is no probability, NaN too, goes to scikit-learn, which says so.
    """
    tolerance = math.sqrt(np.finfo(p.dtype).eps)
    normalised = True
    for block in _blocks(p):
        if not (block.min() >= 0 and block.max() <= 1):
            raise _Elsewhere
        if p.ndim == 2 and normalised:
            sums = block.sum(axis=1)
            normalised = bool((np.abs(sums - 1) <= 1e-8 + tolerance).all())
    return normalised


def _check_finite(array: np.ndarray) -> None:
    for block in _blocks(array):
        if not (block.min() > -math.inf and block.max() < math.inf):
            raise _Elsewhere


def _regression(
    loss: Loss,
    y_true: Any,
    y_pred: Any,
    sample_weight: Any,
    multioutput: Any,
    *,
    root: bool = False,
    above: float = -math.inf,
    **parameters: Any,
) -> Any:
    """The mean of an elementwise loss over the rows, for each output, and what `multioutput` makes of it."""
    true, pred = _numbers(y_true), _numbers(y_pred)
    _same_length(true, pred)
    if true.size != pred.size:
        raise _Elsewhere
    weight = _weights(sample_weight, len(pred))
    outputs = pred.size // len(pred)
    shape = (len(pred),) if outputs == 1 else pred.shape
    pred = pred.astype(_common(y_true, y_pred), copy=False)
    true, pred = true.reshape(shape), pred.reshape(shape)
    if weight is not None and not weight.all():
        _check_within(true, above)  # the loss does not look at rows of weight 0
        _check_within(pred, above)
    share, dtype = _shares_of_outputs(multioutput, outputs), _common(y_true, y_pred, sample_weight)
    if outputs == 1 or (
        share is None and not root and isinstance(multioutput, str) and multioutput == "uniform_average"
    ):
        mean = _finite(loss(pred, true, sample_weight=weight, **parameters))
        mean = math.sqrt(mean) if root else mean
        return np.array([mean], dtype) if _is_text(multioutput, "raw_values") else mean
    means = _of_each_output(loss, pred, true, weight, parameters)
    if not np.isfinite(means).all():
        raise _Elsewhere
    means = np.sqrt(means) if root else means
    if _is_text(multioutput, "raw_values"):
        return means.astype(dtype)
    return float(np.average(means, weights=share))


def _numbers(value: Any) -> np.ndarray:
    """Targets or predictions of a regression: numbers of one or more outputs."""
    array = _plain(value)
    if array.ndim not in (1, 2) or array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise _Elsewhere
    if array.dtype == np.float16 or (
        array.dtype.kind in "iu" and array.itemsize == 8 and max(map(abs, _spread(array))) > _EXACT
    ):
        raise _Elsewhere
    return array


def _common(*arrays: Any) -> np.dtype:
    """The precision scikit-learn chooses: lists and integers have no say."""
    dtypes = [np.asarray(array).dtype for array in arrays if hasattr(array, "dtype")]
    floats = [dtype for dtype in dtypes if dtype.kind == "f"]
    return np.result_type(*floats) if floats else np.dtype(np.float64)


def _shares_of_outputs(multioutput: Any, outputs: int) -> np.ndarray | None:
    if isinstance(multioutput, str):
        if multioutput not in ("raw_values", "uniform_average"):
            raise _Elsewhere
        return None
    share = _weights(multioutput, outputs)
    if share is None or outputs == 1:
        raise _Elsewhere
    return share


def _of_each_output(
    loss: Loss, pred: np.ndarray, true: np.ndarray, weight: np.ndarray | None, parameters: dict[str, Any]
) -> np.ndarray:
    """The mean of each column, in float64, over blocks of rows: one pass over row-major arrays."""
    total = np.zeros(pred.shape[1])
    begin = 0
    for block in _blocks(pred):
        rows = slice(begin, begin + len(block))
        values = loss(block, true[rows], reduction="none", **parameters)
        if weight is None:
            total += values.sum(axis=0, dtype=np.float64)
        else:  # weighted in float64: a float32 loss times a small weight may round to 0
            with np.errstate(invalid="ignore", over="ignore"):  # 0 * inf is scikit-learn's to judge
                total += weight[rows].astype(np.float64, copy=False) @ values
        begin += len(block)
    return total / (len(pred) if weight is None else weight.sum(dtype=np.float64))


def _check_within(array: np.ndarray, above: float) -> None:
    for block in _blocks(array):
        if not (block.min() > above and block.max() < math.inf):
            raise _Elsewhere
