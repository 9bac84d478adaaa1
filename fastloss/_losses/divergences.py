"""Divergences of class distributions: `(..., C)` scores against soft targets `(..., C)`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastloss import _check
from fastloss._core import Parameters
from fastloss._loss import SoftmaxLoss, rowwise
from fastloss._losses.intercepts import (
    class_mass,
    exponential,
    log_priors,
    log_share,
    probabilities,
    softmax_of,
)
from fastloss._losses.primitives import logsumexp, sigmoid, softmax, softplus


def _log_mean_target(
    target: Any, sample_weight: Any = None, *, log_target: bool = False, temperature: float = 1.0
) -> np.ndarray:
    """temperature times the log of the mean target."""
    scale = _check.positive("temperature", temperature)
    t = _check.soft_alone("target", target)
    if _check.flag("log_target", log_target):
        with np.errstate(over="ignore"):
            t = np.exp(t.astype(np.float64))
    return scale * log_priors(t, sample_weight)


def _tempered(raw: Any, *, axis: int = -1, temperature: float = 1.0) -> np.ndarray:
    """softmax(raw / temperature)."""
    scale = _check.positive("temperature", temperature)
    return softmax_of(raw, axis, lambda x: x / scale)


@rowwise(
    target="soft",
    intercept=_log_mean_target,
    inverse_link=exponential,
    scores="log-probabilities",
    of_logits="kl_div_with_logits",
)
def kl_div(log_probs: Any, target: Any, *, log_target: bool = False) -> Parameters:
    """Kullback-Leibler divergence KL(target || probs) of log-probabilities, summed over classes.

    With t the target, or exp(target) with `log_target`:

        loss = sum(t (log t - log_probs))     gradient -t

    The mean is over rows: torch's "batchmean" in two dimensions.

    Parameters
    ----------
    log_probs : (..., C) float64, float32, float16 or bfloat16, any strides; taken as they are, not normalised
    target : (..., C) floating, >= 0, need not sum to 1; with `log_target` any logarithms
    log_target : whether `target` holds logarithms
    reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
        shape of the rows or of their leading axes

    Returns
    -------
    float in nats, or with reduction="none" an array of the shape of the rows.

    Raises
    ------
    ValueError
        Shapes that do not fit; a negative target or weight, before anything is written.
    TypeError
        Labels; a dtype that is not read; a masked array.

    A class of t = 0 adds 0, whatever its log-probability, NaN too. NaN elsewhere makes its row NaN; -inf
    where t > 0 makes its loss inf. The mean of nothing is nan with a RuntimeWarning.

    `intercept` gives the log of the mean target, the best constant among log-probabilities.

    Kullback and Leibler, On information and sufficiency (1951).

    >>> import numpy as np, fastloss as fl
    >>> log_probs = np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]]))
    >>> target = np.array([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]])
    >>> value, grad = fl.kl_div.value_and_grad(log_probs, target)
    >>> round(value, 6)
    0.256526
    >>> grad
    array([[-0.25, -0.25,  0.  ],
           [ 0.  , -0.5 ,  0.  ]])
    """
    return Parameters(log_target=_check.flag("log_target", log_target))


@rowwise(
    target="soft",
    kernel="cross_entropy",
    kind=SoftmaxLoss,
    intercept=_log_mean_target,
    inverse_link=_tempered,
)
def kl_div_with_logits(
    logits: Any, target: Any, *, log_target: bool = False, temperature: float = 1.0
) -> Parameters:
    """Kullback-Leibler divergence KL(target || softmax(logits / T)), times T^2: distillation.

    With p = softmax(logits / T), t the target (exp(target) with `log_target`) of mass Q:

        loss = T^2 sum(t (log t - log p))     gradient T (Q p - t)     diagonal Hessian Q p (1 - p)

    and H v = Q p (v - <p, v>). The temperature divides these logits only: soften the teacher's yourself. The
    factor T^2 keeps the gradient at the scale it has at T = 1.

    Parameters
    ----------
    logits : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
    target : (..., C) floating, >= 0, need not sum to 1; with `log_target` any logarithms
    log_target : whether `target` holds logarithms
    temperature : T > 0
    reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
        shape of the rows or of their leading axes

    Returns
    -------
    float in nats times T^2, or with reduction="none" an array of the shape of the rows.

    Raises
    ------
    ValueError
        Shapes that do not fit; a negative target or weight, before anything is written; a parameter outside
        its domain.
    TypeError
        Labels; a dtype that is not read; a masked array.

    NaN or +inf in a row of logits makes that row NaN and no other. A class of t = 0 adds 0 where its logit is
    -inf too; t > 0 makes the loss inf there. The mean of nothing is nan with a RuntimeWarning.

    Kullback and Leibler, On information and sufficiency (1951); Hinton, Vinyals and Dean, Distilling the
    knowledge in a neural network (2015).

    >>> import numpy as np, fastloss as fl
    >>> logits = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0]])
    >>> target = np.array([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]])
    >>> value, grad = fl.kl_div_with_logits.value_and_grad(logits, target, temperature=2.0)
    >>> round(value, 6)
    1.212207
    >>> grad.round(4)
    array([[ 0.0065, -0.1928,  0.1863],
           [ 0.1543, -0.3086,  0.1543]])
    """
    scale = _check.positive("temperature", temperature)
    return Parameters(
        log_target=_check.flag("log_target", log_target),
        softmax={
            "divergence": True,
            "logit_scale": _check.positive("1 / temperature", 1 / scale),
            "factor": scale * scale,
        },
    )


def _js_minimiser(target: Any, sample_weight: Any = None, *, beta: float = 0.5) -> np.ndarray:
    """log of the p, summing to 1, that minimises the mean; a class that no target has gets the least.

    At the minimum G = mean(softplus(log(beta t) - log((1 - beta) p))) is one number, level, for each class.
    G is convex in log p; with its tangents in place of it, logsumexp(log p) is convex in the level, so that
    Newton's method finds the level from below. Then the tangents are drawn anew.
    """
    b = _check.inside("beta", beta)
    t = _check.soft_alone("target", target)
    mass = class_mass(t, sample_weight)
    if not mass.sum() > 0:
        return mass
    s = _check.spread_weights(sample_weight, t.shape[:-1])
    used = mass > 0
    result = np.full(mass.shape, log_share(0.0))
    with np.errstate(all="ignore"):
        odds = np.log(t[s > 0].astype(np.float64)[:, used]) + np.log(b) - np.log1p(-b)
        s, log_p = s[s > 0] / s.sum(), np.log(mass[used])
        for _ in range(100):
            r = odds - log_p
            G, steepness = s @ softplus(r), s @ sigmoid(r)
            start = log_p + G / steepness
            level, more = (start * steepness).max(), np.inf
            while abs(more) > 1e-15 * abs(level):
                tangent = start - level / steepness
                more = logsumexp(tangent) / (softmax(tangent) / steepness).sum()
                level += more
            before, log_p = log_p, start - level / steepness
            if (abs(log_p - before) <= 1e-10 * (1 + abs(log_p))).all():
                break
    result[used] = log_p
    return result


@rowwise(target="soft", intercept=_js_minimiser, inverse_link=probabilities)
def js_div_with_logits(logits: Any, target: Any, *, beta: float = 0.5) -> Parameters:
    """Jensen-Shannon divergence of softmax(logits) from the target, bounded and, at beta = 1/2, symmetric.

    With p = softmax(logits), t the target, m = beta t + (1 - beta) p and g = (1 - beta) log(p / m):

        loss = beta KL(t || m) + (1 - beta) KL(p || m)     gradient p_j (g_j - sum(p g))

    At beta = 1/2 in [0, log 2]. Towards 0, loss / beta becomes KL(t || p), towards 1 loss / (1 - beta)
    becomes KL(p || t).

    Parameters
    ----------
    logits : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
    target : (..., C) floating, >= 0; rows should sum to 1
    beta : in (0, 1), the share of the target in m
    reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
        shape of the rows or of their leading axes

    Returns
    -------
    float in nats, or with reduction="none" an array of the shape of the rows.

    Raises
    ------
    ValueError
        Shapes that do not fit; a negative target or weight, before anything is written; a parameter outside
        its domain.
    TypeError
        Labels; a dtype that is not read; a masked array.

    NaN or +inf in a row of logits makes that row NaN and no other; -inf is a class of p = 0, whose loss is
    finite. The mean of nothing is nan with a RuntimeWarning.

    Lin, Divergence measures based on the Shannon entropy (1991); Englesson and Azizpour, Generalized
    Jensen-Shannon divergence loss for learning with noisy labels (2021).

    >>> import numpy as np, fastloss as fl
    >>> logits = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0]])
    >>> target = np.array([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]])
    >>> value, grad = fl.js_div_with_logits.value_and_grad(logits, target)
    >>> round(value, 6)
    0.045932
    >>> grad.round(4)
    array([[ 0.0141, -0.0286,  0.0145],
           [ 0.0076, -0.0153,  0.0076]])
    """
    return Parameters({"beta": _check.inside("beta", beta)})
