"""Where a model starts and what its raw scores mean: best constants, inverse links.

The intercept of a loss is the constant raw score that minimises its weighted mean over the targets, or where
that is infinite the score of a share of 1e-15. Each function here takes `(target, sample_weight=None,
**parameters of the loss)`; an element of weight 0 counts for nothing, whatever its target. Inverse links
carry raw scores to the scale of the target.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fastloss import _check, _core
from fastloss._losses.primitives import sigmoid, softmax

_LARGEST = float(np.finfo(np.float64).max)
# Where all targets are of one class, or all counts 0, the best score is infinite and no tree could be added
# to it. A share then counts as this one, as in LightGBM.
_LEAST_SHARE = 1e-15
_GREATEST_LOG_ODDS = math.log1p(-_LEAST_SHARE) - math.log(_LEAST_SHARE)

# y, weights > 0 and the loss's own parameters, those that are arrays one an element of y.
Solver = Callable[..., float]
_BY_GRADIENT: set[Solver] = set()


def by_gradient(solve: Solver) -> Solver:
    """Marks a solver that no formula gives: it takes the gradient of its loss before y."""
    _BY_GRADIENT.add(solve)
    return solve


# ---- elementwise losses --------------------------------------------------------------------------------


def best_constant(
    loss: Any, solve: Solver, target: Any, sample_weight: Any = None, **parameters: Any
) -> float:
    """The intercept of an elementwise loss: `solve` finds it from the targets that count."""
    loss._own(parameters)  # no keyword but the loss's own
    t = _check.as_array("target", target)
    # The loss itself says what is wrong with targets, weights and arrays of parameters.
    loss(np.broadcast_to(0.0, t.shape), t, sample_weight=sample_weight, reduction="sum", **parameters)
    w = _check.spread_weights(sample_weight, t.shape)
    counts = w > 0
    y, w = t[counts].astype(np.float64), w[counts]
    w = _check.of_normal_sum(w)
    if not y.size:
        return _check.mean_of_nothing()
    if np.isnan(y).any():
        return math.nan
    own = _defaults(loss._declaration) | parameters
    for key, value in own.items():
        if np.ndim(value):
            own[key] = np.broadcast_to(_check.as_array(key, value), t.shape)[counts]
    given = (loss.grad,) if solve in _BY_GRADIENT else ()
    with np.errstate(all="ignore"):
        return float(solve(*given, y, w, **own))


def _defaults(declaration: Callable[..., Any]) -> dict[str, Any]:
    return {
        p.name: p.default
        for p in inspect.signature(declaration).parameters.values()
        if p.kind is p.KEYWORD_ONLY
    }


def mean(y: np.ndarray, w: np.ndarray) -> float:
    return (w * y).sum() / w.sum()


def log_mean(y: np.ndarray, w: np.ndarray, **_: Any) -> float:
    return np.log(mean(y, w) or _LEAST_SHARE)


def log_share(share: Any) -> np.ndarray:
    """The log of the shares of classes, finite for one that has none."""
    return np.log(np.maximum(share, _LEAST_SHARE))


def log_ratio(positive: float, negative: float) -> float:
    """The log odds of two weights, finite where one of them is 0."""
    return np.clip(np.log(positive / negative), -_GREATEST_LOG_ODDS, _GREATEST_LOG_ODDS)


def weighted_quantile(y: np.ndarray, w: np.ndarray, q: Any) -> float:
    """The least target up to which at least the share q of the weight lies.

    With one q an element the mean loss rises from c on if the weight up to c is at least sum(w q).
    """
    order = np.argsort(y, kind="stable")
    reached = np.cumsum(w[order])
    first = np.searchsorted(reached, (w * q).sum() if np.ndim(q) else q * reached[-1])
    return y[order[min(first, len(y) - 1)]]


def median(y: np.ndarray, w: np.ndarray) -> float:
    return weighted_quantile(y, w, 0.5)


def median_of_percentages(y: np.ndarray, w: np.ndarray) -> float:
    return median(y, w / np.maximum(abs(y), np.finfo(np.float64).eps))


@by_gradient
def smoothed_median(grad: Callable[..., Any], y: np.ndarray, w: np.ndarray, beta: float) -> float:
    return root(grad, y, w, beta=beta) if beta > 0 else median(y, w)


def mean_of_logs(y: np.ndarray, w: np.ndarray) -> float:
    return np.expm1(mean(np.log1p(y), w))


def log_rate(y: np.ndarray, w: np.ndarray, log_input: bool) -> float:
    """With log_input=False the rate: y log(x + 1e-8) puts it 1e-8 below the mean."""
    return log_mean(y, w) if log_input else max(mean(y, w) - 1e-8, 0.0)


def mean_by_precision(y: np.ndarray, w: np.ndarray, var: Any) -> float:
    return mean(y, w / np.maximum(var, 1e-6))


def logit(y: np.ndarray, w: np.ndarray, pos_weight: Any, label_smoothing: float) -> float:
    s = y * (1 - label_smoothing) + label_smoothing / 2
    return log_ratio((w * pos_weight * s).sum(), (w * (1 - s)).sum())


def clipped_mean(y: np.ndarray, w: np.ndarray, eps: Any) -> float:
    e = np.finfo(np.float64).eps if eps == "dtype" else eps
    return np.clip(mean(y, w), e, 1 - e)


@by_gradient
def focal_logit(
    grad: Callable[..., Any], y: np.ndarray, w: np.ndarray, alpha: float | None, gamma: float
) -> float:
    share = w if alpha is None else w * (y * alpha + (1 - y) * (1 - alpha))
    ones, zeros = (share * y).any(), (share * (1 - y)).any()
    if not (ones and zeros):
        return (int(ones) - int(zeros)) * _GREATEST_LOG_ODDS
    return root(grad, y, w, -_GREATEST_LOG_ODDS, _GREATEST_LOG_ODDS, alpha=alpha, gamma=gamma)


def majority(y: np.ndarray, w: np.ndarray, labels: str) -> float:
    return np.sign(w[y > 0].sum() - w[y <= 0].sum())


def mean_sign(y: np.ndarray, w: np.ndarray, labels: str) -> float:
    return mean(np.where(y > 0, 1.0, -1.0), w)


def zero(y: np.ndarray, w: np.ndarray, labels: str) -> float:
    return 0.0


def log_odds(y: np.ndarray, w: np.ndarray, labels: str) -> float:
    return log_ratio(w[y > 0].sum(), w[y <= 0].sum())


def half_log_odds(y: np.ndarray, w: np.ndarray, labels: str) -> float:
    return log_odds(y, w, labels) / 2


@by_gradient
def root(
    grad: Callable[..., Any],
    y: np.ndarray,
    w: np.ndarray,
    low: float | None = None,
    high: float | None = None,
    **parameters: Any,
) -> float:
    """The least constant whose summed gradient is not negative, between the least and greatest target.

    By bisection over the floats in their order: after at most 64 passes no float is left between.
    """
    out, weight = np.empty(y.shape), None if (w == w[0]).all() else w

    def slope(rank: int) -> float:
        constant = np.broadcast_to(_float_of(rank), y.shape)
        return grad(constant, y, sample_weight=weight, reduction="sum", out=out, **parameters).sum()

    below = _rank_of(max(-_LARGEST, y.min() if low is None else low))
    above = _rank_of(min(_LARGEST, y.max() if high is None else high))
    first = slope(below)
    if np.isnan(first + slope(above)):
        return math.nan
    if first >= 0:
        return _float_of(below)
    while above - below > 1:
        middle = (below + above) // 2
        if slope(middle) < 0:
            below = middle
        else:
            above = middle
    return _float_of(above)


def _rank_of(x: float) -> int:
    """The place of a float among all of them in their order, 0 at 0."""
    magnitude = int(np.float64(abs(x)).view(np.int64))
    return magnitude if x >= 0 else -magnitude


def _float_of(rank: int) -> float:
    magnitude = float(np.int64(abs(rank)).view(np.float64))
    return magnitude if rank >= 0 else -magnitude


# ---- losses of class scores ----------------------------------------------------------------------------


def _class_sums(
    target: Any, sample_weight: Any, n_classes: int | None, class_weight: Any, ignore_index: int | None
) -> tuple[np.ndarray, float, np.ndarray]:
    """What each class has of the weighted targets, the weight of the rows that count, and class_weight."""
    t = _check.as_array("target", target)
    if t.dtype.kind in "OUST":
        raise TypeError(_check.of_words("target", t))
    weight = _check.class_weight(class_weight)
    if not _core.is_supported(t.dtype):
        raise TypeError(
            f"target has dtype {t.dtype}: it must hold integer labels, or soft targets as {_check.FLOATS}"
        )
    if t.dtype.kind in "iub" or t.shape == (0,):  # NumPy makes an empty list float64
        keep = np.ones(t.shape, bool) if ignore_index is None else t != ignore_index
        largest = int(t[keep].max()) if keep.any() else -1
        if n_classes is None:
            n_classes = largest + 1 if weight is None else len(weight)
        for at in np.argwhere(keep & ((t < 0) | (t >= n_classes)))[:1]:
            where = ", ".join(map(str, at))
            raise ValueError(f"target[{where}] = {t[tuple(at)]} is out of range for {n_classes} classes")
        s = _ratios(sample_weight, t.shape)[keep]
        mass = np.bincount(t[keep].astype(np.int64), weights=s, minlength=n_classes)
    elif t.ndim == 0:
        raise ValueError("target is a scalar: soft targets need a class axis, shape (..., C)")
    else:
        n_classes = t.shape[-1]
        for at in np.argwhere(t < 0)[:1]:
            where = ", ".join(map(str, at))
            raise ValueError(f"target[{where}] = {t[tuple(at)]} is negative: soft targets must be >= 0")
        s = _ratios(sample_weight, t.shape[:-1])
        mass = (s[s > 0][:, None] * t[s > 0].astype(np.float64)).sum(0)
    if weight is not None and len(weight) != n_classes:
        raise ValueError(f"class_weight has {len(weight)} entries, {n_classes} classes: one each is needed")
    return mass, s.sum(), np.ones(n_classes) if weight is None else weight


def _ratios(sample_weight: Any, shape: tuple[int, ...]) -> np.ndarray:
    return _check.of_normal_sum(_check.spread_weights(sample_weight, shape))


def class_mass(
    target: Any,
    sample_weight: Any = None,
    n_classes: int | None = None,
    class_weight: Any = None,
    ignore_index: int | None = -100,
) -> np.ndarray:
    """The mean effective target, summing to 1: what each class has of it."""
    mass, _, weight = _class_sums(target, sample_weight, n_classes, class_weight, ignore_index)
    q = weight * mass
    return q / q.sum() if q.sum() != 0 else np.full(len(q), _check.mean_of_nothing())


def log_priors(
    target: Any,
    sample_weight: Any = None,
    *,
    n_classes: int | None = None,
    class_weight: Any = None,
    label_smoothing: float = 0.0,
    ignore_index: int | None = -100,
    logit_scale: float = 1.0,
) -> np.ndarray:
    """log of the mean effective target, over logit_scale: the constant scores that minimise the mean."""
    e = _check.fraction("label_smoothing", label_smoothing)
    scale = _check.positive("logit_scale", logit_scale)
    mass, total, weight = _class_sums(target, sample_weight, n_classes, class_weight, ignore_index)
    q = weight * ((1 - e) * mass + e / max(len(mass), 1) * total)
    if q.sum() == 0:
        return np.full(len(q), _check.mean_of_nothing())
    return log_share(q / q.sum()) / scale


def simplex_minimiser(slope: Callable[[np.ndarray], np.ndarray], mass: np.ndarray) -> np.ndarray:
    """log of the p, summing to 1, that minimises sum(mass * psi(p)) for a convex, falling psi.

    `slope` is psi', rising and <= 0 on (0, 1). There mass psi'(p) is one number, -level, for every class:
    a bisection for the level holds one for each p. A class without mass has the least share.
    """
    mass = np.asarray(mass, np.float64)
    if np.isnan(mass).any():
        return np.full(mass.shape, np.nan)
    m, which = np.unique(mass, return_inverse=True)
    count = np.bincount(which.ravel()).astype(np.float64)
    heavy = m > 0
    log_p = np.full(m.shape, log_share(0.0))
    if count[heavy].sum() == 1:
        log_p[heavy] = 0.0
        return log_p[which.ravel()]

    def at(level: float) -> np.ndarray:
        """p where the slope is -level / mass; 1 where it nowhere is so small."""
        goal = -level / m[heavy]
        below, above = np.zeros(goal.shape, np.int64), np.full(goal.shape, _rank_of(1.0), np.int64)
        while (above - below > 1).any():
            middle = below + (above - below) // 2
            rises = slope(middle.view(np.float64)) < goal
            below, above = np.where(rises, middle, below), np.where(rises, above, middle)
        return above.view(np.float64)

    with np.errstate(all="ignore"):
        below, above = 0, _rank_of(_LARGEST)
        while above - below > 1:
            middle = (below + above) // 2
            if (count[heavy] * at(_float_of(middle))).sum() > 1:
                below = middle
            else:
                above = middle
        p = at(_float_of(above))
    log_p[heavy] = log_share(p / (count[heavy] * p).sum())
    return log_p[which.ravel()]


# ---- inverse links -------------------------------------------------------------------------------------


def link_of(inverse_link: Callable[..., Any] | None, parameters: Mapping[str, Any]) -> str | None:
    """The name of the link whose inverse it is, if it is one of "identity" and "log"."""
    if inverse_link is rate:
        return "log" if parameters.get("log_input", True) else "identity"
    return "identity" if inverse_link is identity else "log" if inverse_link is exponential else None


def identity(raw: Any) -> np.ndarray:
    """The raw score is the prediction."""
    return _check.scores("raw", raw)


def probabilities(raw: Any, *, axis: int = -1) -> np.ndarray:
    """softmax(raw)."""
    return softmax_of(raw, axis, lambda x: x)


def softmax_of(raw: Any, axis: int, transform: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """softmax of transformed raw scores, of their dtype; half formats are transformed in float32."""
    x = _check.scores("raw", raw)
    axis, _ = _check.class_axis("raw", x, _check.named_axis(axis, raw, "raw"))
    arithmetic = np.float64 if x.dtype == np.float64 else np.float32
    return softmax(transform(x.astype(arithmetic, copy=False)), axis=axis).astype(x.dtype, copy=False)


def exponential(raw: Any) -> np.ndarray:
    """The raw score is the log of the mean."""
    with np.errstate(all="ignore"):
        return np.exp(_check.scores("raw", raw))


def rate(raw: Any, *, log_input: bool = True) -> np.ndarray:
    return exponential(raw) if log_input else identity(raw)


def probability(raw: Any) -> np.ndarray:
    """The raw score is the log odds of the class 1."""
    return sigmoid(_check.scores("raw", raw))


def probability_of_half(raw: Any) -> np.ndarray:
    """The raw score is half the log odds of the class 1."""
    x = _check.scores("raw", raw)
    with np.errstate(over="ignore"):
        return sigmoid(x + x)


def probability_between(raw: Any) -> np.ndarray:
    """The raw score runs from -1 to 1 as the probability from 0 to 1."""
    x = _check.scores("raw", raw)
    return np.clip((x + 1) / 2, 0, 1)
