"""Losses of class scores: `(..., C)` against labels `(...)` or soft targets `(..., C)`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastloss import _check, _core
from fastloss._core import CORRECT, ENTROPY, LOGSUMEXP, VALUE, Parameters, Plan
from fastloss._declared import Tally
from fastloss._loss import SoftmaxLoss, rowwise
from fastloss._losses.intercepts import (
    _class_sums,
    class_mass,
    exponential,
    identity,
    log_priors,
    log_share,
    probabilities,
    simplex_minimiser,
    softmax_of,
)
from fastloss._losses.primitives import log_softmax


class Rows(NamedTuple):
    """What one pass of cross entropy knows of each row."""

    loss: np.ndarray
    logsumexp: np.ndarray
    entropy: np.ndarray
    correct: np.ndarray


class CrossEntropy(SoftmaxLoss):
    """cross_entropy, which can also say what else it knows of a row."""

    def rows(
        self, logits: Any, target: Any, *, n_threads: Any = None, axis: int = -1, **parameters: Any
    ) -> Rows:
        """Loss, logsumexp, entropy (nats) and correctness of each row, unweighted, in one call.

        `correct`: the target, or the argmax of a soft target, is the first argmax of the row. An ignored row
        has loss 0 and correct False, and the rest real; a NaN row is never correct.

        >>> import numpy as np, fastloss as fl
        >>> rows = fl.cross_entropy.rows(np.array([[2.0, 0.0], [0.0, 0.0]]), np.array([0, 1]))
        >>> rows.correct, rows.entropy.round(4)
        (array([ True, False]), array([0.3653, 0.6931]))
        """
        known = [*sorted(self._keywords), "axis", "n_threads"]
        _check.keywords(f"{self.__name__}.rows", parameters, known)
        return Rows(
            *self._computed(self._rows_plan, (logits, target), {**parameters, "axis": axis}, None, n_threads)
        )

    def _follow(self, plan: Plan) -> None:
        super()._follow(plan)
        self._rows_plan = plan.giving((VALUE, LOGSUMEXP, ENTROPY, CORRECT), _core.AS_IT_IS)
        # With the sums of the loss; entropies take a second look at each row, three times the time.
        self._tally_plans = {
            entropies: plan.giving(
                (VALUE, LOGSUMEXP, CORRECT, *((ENTROPY,) if entropies else ())), _core.TALLY
            )
            for entropies in (False, True)
        }

    def _tally_with_rows(
        self,
        args: tuple[Any, Any],
        parameters: dict[str, Any],
        sample_weight: Any,
        n_threads: Any,
        entropies: bool,
    ) -> tuple[Any, ...]:
        """What the mean is made of, and of each row its logsumexp, whether it is correct, and its entropy."""
        total, divisor, counted, logsumexp, correct, *entropy = self._computed(
            self._tally_plans[entropies], args, dict(parameters), sample_weight, n_threads
        )
        return Tally((total,), divisor, counted), logsumexp, correct, *entropy


def _log_shares(
    target: Any,
    sample_weight: Any = None,
    *,
    n_classes: int | None = None,
    class_weight: Any = None,
    ignore_index: int | None = -100,
) -> np.ndarray:
    """log of the mean effective target."""
    return log_priors(
        target, sample_weight, n_classes=n_classes, class_weight=class_weight, ignore_index=ignore_index
    )


def _shares(
    target: Any,
    sample_weight: Any = None,
    *,
    n_classes: int | None = None,
    class_weight: Any = None,
    ignore_index: int | None = -100,
) -> np.ndarray:
    """The mean effective target, made to sum to 1."""
    return class_mass(target, sample_weight, n_classes, class_weight, ignore_index)


def _focal_minimiser(
    target: Any,
    sample_weight: Any = None,
    *,
    gamma: float = 2.0,
    n_classes: int | None = None,
    class_weight: Any = None,
    ignore_index: int | None = -100,
) -> np.ndarray:
    g = _check.non_negative("gamma", gamma)

    def slope(p: np.ndarray) -> np.ndarray:
        return (1 - p) ** (g - 1) * (g * np.log(p) - (1 - p) / p)

    return simplex_minimiser(slope, class_mass(target, sample_weight, n_classes, class_weight, ignore_index))


def _poly_minimiser(
    target: Any,
    sample_weight: Any = None,
    *,
    epsilon: float = 1.0,
    n_classes: int | None = None,
    class_weight: Any = None,
    ignore_index: int | None = -100,
) -> np.ndarray:
    e = _check.at_least("epsilon", epsilon, -1)
    mass = class_mass(target, sample_weight, n_classes, class_weight, ignore_index)
    return simplex_minimiser(lambda p: -1 / p - e, mass)


def _generalized_minimiser(
    target: Any,
    sample_weight: Any = None,
    *,
    q: float = 0.7,
    n_classes: int | None = None,
    class_weight: Any = None,
    ignore_index: int | None = -100,
) -> np.ndarray:
    """log p, p_c proportional to mass_c^(1 / (1 - q)); at q = 1 the first most frequent class has it all."""
    power, y = _check.fraction("q", _check.positive("q", q)), _check.labels_alone("target", target)
    mass = class_mass(y, sample_weight, n_classes, class_weight, ignore_index)
    if mass.size == 0 or np.isnan(mass).any():
        return mass
    if power == 1:
        return log_share(np.arange(len(mass)) == mass.argmax())
    with np.errstate(divide="ignore"):
        return np.maximum(log_softmax(np.log(mass / mass.max()) / (1 - power)), log_share(0.0))


def _mean_target(
    target: Any, sample_weight: Any = None, *, n_classes: int | None = None, ignore_index: int | None = -100
) -> np.ndarray:
    """The mean target as it is: soft targets need not sum to 1."""
    mass, total, _ = _class_sums(target, sample_weight, n_classes, None, ignore_index)
    return mass / total if total > 0 else np.full(len(mass), _check.mean_of_nothing())


def _brier_minimiser(
    target: Any, sample_weight: Any = None, *, n_classes: int | None = None, ignore_index: int | None = -100
) -> np.ndarray:
    """log of the point of the simplex that is nearest to the mean target.

    Held, Wolfe and Crowder, Validation of subgradient optimization (1974).
    """
    t = _mean_target(target, sample_weight, n_classes=n_classes, ignore_index=ignore_index)
    if t.size and abs(t.sum() - 1) > 1e-12:
        falling = np.sort(t)[::-1]
        levels = (np.cumsum(falling) - 1) / np.arange(1, len(t) + 1)
        t = np.maximum(t - levels[np.count_nonzero(falling > levels) - 1], 0)
    return log_share(t)


def _capped_priors(
    target: Any,
    sample_weight: Any = None,
    *,
    n_classes: int | None = None,
    class_weight: Any = None,
    label_smoothing: float = 0.0,
    ignore_index: int | None = -100,
    logit_scale: float = 1.0,
    softcap: float | None = None,
    z_loss: float = 0.0,
) -> np.ndarray:
    """log_priors through the scale and the cap.

    Their logsumexp is 0, so that no z_loss moves them. Where the cap cannot reach them, they are shifted and
    clipped to it: by the shift of the least loss, found on a grid that is made finer three times.
    """
    z = _check.non_negative("z_loss", z_loss)
    priors = log_priors(
        target,
        sample_weight,
        n_classes=n_classes,
        class_weight=class_weight,
        label_smoothing=label_smoothing,
        ignore_index=ignore_index,
    )
    scale = _check.positive("logit_scale", logit_scale)
    if softcap is None or priors.size == 0:
        return priors / scale
    cap = _check.positive("softcap", softcap)
    reach = cap * (1 - 1e-6)

    def clipped(shift: np.ndarray) -> np.ndarray:
        return np.clip(priors + shift[:, None], -reach, reach)

    if -priors.min() <= reach:
        return cap * np.arctanh(priors / cap) / scale
    low, high = 0.0, -priors.min()
    for _ in range(3):
        shifts = np.linspace(low, high, 257)
        u = clipped(shifts)
        norm = u.max(1) + np.log(np.exp(u - u.max(1, keepdims=True)).sum(1))
        best = int((norm + z * norm**2 - u @ np.exp(priors)).argmin())
        low, high = shifts[max(best - 1, 0)], shifts[min(best + 1, 256)]
    return cap * np.arctanh(clipped(np.array([(low + high) / 2]))[0] / cap) / scale


def _probabilities(
    raw: Any, *, axis: int = -1, logit_scale: float = 1.0, softcap: float | None = None
) -> np.ndarray:
    """softmax of the transformed logits."""
    scale = _check.positive("logit_scale", logit_scale)
    cap = None if softcap is None else _check.positive("softcap", softcap)
    return softmax_of(raw, axis, lambda x: scale * x if cap is None else cap * np.tanh(scale * x / cap))


@rowwise(
    target="labels or soft",
    kind=CrossEntropy,
    intercept=_capped_priors,
    inverse_link=_probabilities,
    softmax_hessian=True,
)
def cross_entropy(
    logits: Any,
    target: Any,
    *,
    class_weight: Any = None,
    label_smoothing: float = 0.0,
    ignore_index: int | None = -100,
    z_loss: float = 0.0,
    softcap: float | None = None,
    logit_scale: float = 1.0,
) -> Parameters:
    """Softmax cross entropy of logits against integer labels or soft targets, fused.

    With u = logit_scale * logits (or softcap * tanh(logit_scale * logits / softcap)), L = logsumexp(u),
    p = softmax(u) and the effective target q of mass Q:

        loss = Q L - sum(q u) + z_loss L^2     gradient by u: Q p - q + 2 z_loss L p

    Parameters
    ----------
    logits : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
    target : (...) integers or bool, the labels; or (..., C) floating, soft targets >= 0 that need not sum
        to 1
    class_weight : (C,) finite, >= 0; multiplies q. With labels "mean" divides by the sum of the weights of
        the labels
    label_smoothing : e in [0, 1]; q becomes (1 - e) q + e / C, times class_weight
    ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
    z_loss : >= 0; adds z_loss * L^2 to each row
    softcap : None, or > 0
    logit_scale : > 0, an inverse temperature
    reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
        shape of the rows or of their leading axes

    Returns
    -------
    float in nats, or with reduction="none" an array of the shape of the rows.

    Raises
    ------
    ValueError
        A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
        negative soft targets or weights; a parameter outside its domain.
    TypeError
        A dtype that is not read; a masked array.

    NaN or +inf in a row makes that row NaN and no other. A logit of -inf is a class of probability 0: its
    loss is inf where it is the target, and it contributes nothing elsewhere. The mean of nothing is nan with
    a RuntimeWarning.

    Bridle, Probabilistic interpretation of feedforward classification network outputs (1990); label
    smoothing: Szegedy et al., Rethinking the Inception architecture (2016); z-loss: de Brebisson and
    Vincent, The z-loss (2016).

    >>> import math, numpy as np, fastloss as fl
    >>> logits = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0]])
    >>> round(fl.cross_entropy(logits, np.array([0, 1])), 6)
    0.251264
    >>> grad = np.empty_like(logits)
    >>> value, grad = fl.cross_entropy.value_and_grad(logits, np.array([0, 1]), out=grad)
    >>> grad.round(4)
    array([[-0.1674,  0.1224,  0.045 ],
           [ 0.0226, -0.0453,  0.0226]])
    >>> round(value / math.log(2), 6)  # bits a row: of a language model, bits per token
    0.362498
    """
    return Parameters(
        class_weight=_check.class_weight(class_weight),
        label_smoothing=_check.fraction("label_smoothing", label_smoothing),
        ignore_index=_check.integer_or_none("ignore_index", ignore_index),
        softmax={
            "z_loss": _check.non_negative("z_loss", z_loss),
            "softcap": 0.0 if softcap is None else _check.positive("softcap", softcap),
            "logit_scale": _check.positive("logit_scale", logit_scale),
        },
    )


@rowwise(
    target="labels or soft",
    intercept=_log_shares,
    inverse_link=exponential,
    scores="log-probabilities",
    of_logits="cross_entropy",
)
def nll(
    log_probs: Any, target: Any, *, class_weight: Any = None, ignore_index: int | None = -100
) -> Parameters:
    """Negative log-likelihood of log-probabilities: minus the entry of the true class.

    With the effective target q (class_weight at the label, or class_weight times the soft target):

        loss = -sum(q * log_probs)     gradient -q

    `cross_entropy` of logits is faster than this of `log_softmax`, and keeps confident rows exact.

    Parameters
    ----------
    log_probs : (..., C) float64, float32, float16 or bfloat16, any strides; taken as they are, not normalised
    target : (...) integers or bool, the labels; or (..., C) floating, soft targets >= 0
    class_weight : (C,) finite, >= 0; with labels "mean" divides by the sum of the weights of the labels
    ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
    reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
        shape of the rows or of their leading axes

    Returns
    -------
    float in nats, or with reduction="none" an array of the shape of the rows.

    Raises
    ------
    ValueError
        A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
        negative soft targets or weights.
    TypeError
        A dtype that is not read; a masked array.

    Only the entries where q > 0 are looked at: a NaN there makes its row NaN, -inf makes its loss inf. The
    mean of nothing is nan with a RuntimeWarning.

    `intercept` gives the log of the mean target, the best constant among log-probabilities.

    Fisher, On the mathematical foundations of theoretical statistics (1922).

    >>> import numpy as np, fastloss as fl
    >>> log_probs = np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]]))
    >>> value, grad = fl.nll.value_and_grad(log_probs, np.array([0, 1]))
    >>> round(value, 6)
    0.289909
    >>> grad
    array([[-0.5,  0. ,  0. ],
           [ 0. , -0.5,  0. ]])
    """
    return Parameters(
        class_weight=_check.class_weight(class_weight),
        ignore_index=_check.integer_or_none("ignore_index", ignore_index),
    )


@rowwise(
    target="labels or soft",
    hessian=True,
    intercept=_shares,
    inverse_link=identity,
    scores="probabilities",
    of_logits="cross_entropy",
)
def log_loss(
    probs: Any,
    target: Any,
    *,
    class_weight: Any = None,
    ignore_index: int | None = -100,
    eps: float | str = "dtype",
) -> Parameters:
    """Log loss of probabilities, clipped to [eps, 1 - eps] and never renormalised.

    With the effective target q (class_weight at the label, or class_weight times the soft target) and
    c = clip(probs, eps, 1 - eps):

        loss = -sum(q log c)     gradient -q / c     diagonal Hessian q / c^2

    The value is scikit-learn's. The gradient is taken at the clipped probability, not zeroed, so that a
    probability of 0 can be learnt away from. `cross_entropy` of logits needs no clipping.

    Parameters
    ----------
    probs : (..., C) float64, float32, float16 or bfloat16, any strides; rows should sum to 1
    target : (...) integers or bool, the labels; or (..., C) floating, soft targets >= 0
    class_weight : (C,) finite, >= 0; with labels "mean" divides by the sum of the weights of the labels
    ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
    eps : "dtype", the epsilon of the dtype of `probs`; or a number in [0, 0.5), 0 for no clipping
    reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
        shape of the rows or of their leading axes

    Returns
    -------
    float in nats, or with reduction="none" an array of the shape of the rows.

    Raises
    ------
    ValueError
        A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
        negative soft targets or weights; a parameter outside its domain.
    TypeError
        A dtype that is not read; a masked array.

    Only the entries where q > 0 are looked at: a NaN there makes its row NaN. The mean of nothing is nan
    with a RuntimeWarning.

    `intercept` gives the mean target, the best constant among probabilities.

    Good, Rational decisions (1952).

    >>> import numpy as np, fastloss as fl
    >>> probs = np.array([[0.228, 0.619, 0.153]])
    >>> round(fl.log_loss(probs, np.array([1])), 4)
    0.4797
    >>> value, grad = fl.log_loss.value_and_grad(probs, np.array([1]))
    >>> grad.round(4)
    array([[ 0.    , -1.6155,  0.    ]])
    """
    return Parameters(
        clip=_check.clip("eps", eps),
        class_weight=_check.class_weight(class_weight),
        ignore_index=_check.integer_or_none("ignore_index", ignore_index),
    )


@rowwise(target="labels or soft", hessian=True, intercept=_focal_minimiser, inverse_link=probabilities)
def focal(
    logits: Any, target: Any, *, gamma: float = 2.0, class_weight: Any = None, ignore_index: int | None = -100
) -> Parameters:
    """Focal loss of logits: cross entropy that counts well classified rows less.

    With p = softmax(logits) and the effective target q (class_weight at the label, or class_weight times the
    soft target):

        loss = sum(q (1 - p)^gamma (-log p))

        a_c = q_c (1 - p_c)^(gamma - 1) (gamma p_c log p_c - (1 - p_c))        A = sum(a)
        b_c = p_c da_c/dp_c                                                   B = sum(b)
        gradient a_j - p_j A     diagonal Hessian b_j (1 - 2 p_j) - p_j (1 - p_j) A + p_j^2 B

    gamma = 0 is cross entropy. The diagonal of the Hessian may be negative.

    Parameters
    ----------
    logits : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
    target : (...) integers or bool, the labels; or (..., C) floating, soft targets >= 0
    gamma : >= 0, how much less
    class_weight : (C,) finite, >= 0 (the paper's alpha); with labels "mean" divides by the sum of the weights
        of the labels
    ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
    reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
        shape of the rows or of their leading axes

    Returns
    -------
    float in nats, or with reduction="none" an array of the shape of the rows.

    Raises
    ------
    ValueError
        A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
        negative soft targets or weights; a parameter outside its domain.
    TypeError
        A dtype that is not read; a masked array.

    NaN or +inf in a row makes that row NaN and no other. A logit of -inf where the target is 0 contributes
    nothing. The mean of nothing is nan with a RuntimeWarning.

    Lin et al., Focal loss for dense object detection (2017).

    >>> import numpy as np, fastloss as fl
    >>> logits = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0]])
    >>> value, grad = fl.focal.value_and_grad(logits, np.array([0, 1]))
    >>> round(value, 6)
    0.023228
    >>> grad.round(4)
    array([[-0.0491,  0.0359,  0.0132],
           [ 0.0005, -0.0011,  0.0005]])
    """
    power = _check.non_negative("gamma", gamma)
    return Parameters(
        {"gamma": power},
        kernel="focal_of_squares" if power == 2 else None,
        class_weight=_check.class_weight(class_weight),
        ignore_index=_check.integer_or_none("ignore_index", ignore_index),
    )


@rowwise(target="labels or soft", intercept=_poly_minimiser, inverse_link=probabilities)
def poly_cross_entropy(
    logits: Any,
    target: Any,
    *,
    epsilon: float = 1.0,
    class_weight: Any = None,
    ignore_index: int | None = -100,
) -> Parameters:
    """Poly-1 cross entropy of logits: cross entropy with another first coefficient of its series in 1 - p.

    With p = softmax(logits) and the effective target q of mass Q (class_weight at the label, or class_weight
    times the soft target t):

        loss = sum(q (epsilon (1 - p) - log p))     gradient Q p_j - q_j - epsilon p_j (q_j - sum(q p))

    epsilon = 0 is cross entropy, -1 takes the first term of the series away.

    Parameters
    ----------
    logits : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
    target : (...) integers or bool, the labels; or (..., C) floating, soft targets >= 0
    epsilon : >= -1
    class_weight : (C,) finite, >= 0; with labels "mean" divides by the sum of the weights of the labels
    ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
    reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
        shape of the rows or of their leading axes

    Returns
    -------
    float, or with reduction="none" an array of the shape of the rows.

    Raises
    ------
    ValueError
        A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
        negative soft targets or weights; a parameter outside its domain.
    TypeError
        A dtype that is not read; a masked array.

    NaN or +inf in a row makes that row NaN and no other. A logit of -inf where the target is 0 contributes
    nothing. The mean of nothing is nan with a RuntimeWarning.

    Leng et al., PolyLoss: a polynomial expansion perspective of classification loss functions (2022).

    >>> import numpy as np, fastloss as fl
    >>> logits = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0]])
    >>> value, grad = fl.poly_cross_entropy.value_and_grad(logits, np.array([0, 1]))
    >>> round(value, 6)
    0.463922
    >>> grad.round(4)
    array([[-0.2787,  0.2038,  0.075 ],
           [ 0.0432, -0.0865,  0.0432]])
    """
    return Parameters(
        {"epsilon": _check.at_least("epsilon", epsilon, -1)},
        class_weight=_check.class_weight(class_weight),
        ignore_index=_check.integer_or_none("ignore_index", ignore_index),
    )


# Its best constant may have all gradients near 0, where no tree would ever grow.
@rowwise(target="labels", intercept=_generalized_minimiser, inverse_link=probabilities, start=_log_shares)
def generalized_cross_entropy(
    logits: Any, target: Any, *, q: float = 0.7, class_weight: Any = None, ignore_index: int | None = -100
) -> Parameters:
    """Generalised cross entropy of logits, (1 - p_y^q) / q: robust to wrong labels, since it is bounded.

    With p = softmax(logits), y the label and w_y its class weight:

        loss = w_y (1 - p_y^q) / q     gradient w_y p_y^q (p_j - [j = y])

    q = 1 is 1 - p_y, half the absolute error of the probabilities; towards 0 it becomes cross entropy.

    Parameters
    ----------
    logits : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
    target : (...) integers or bool, the labels
    q : in (0, 1]
    class_weight : (C,) finite, >= 0; "mean" divides by the sum of the weights of the labels
    ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
    reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
        shape of the rows or of their leading axes

    Returns
    -------
    float, or with reduction="none" an array of the shape of the rows.

    Raises
    ------
    ValueError
        A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
        negative weights; a parameter outside its domain.
    TypeError
        Soft targets; a dtype that is not read; a masked array.

    NaN or +inf in a row makes that row NaN and no other. A logit of -inf at the label costs 1 / q, without a
    gradient. The mean of nothing is nan with a RuntimeWarning.

    Zhang and Sabuncu, Generalized cross entropy loss for training deep neural networks with noisy labels
    (2018).

    >>> import numpy as np, fastloss as fl
    >>> logits = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0]])
    >>> value, grad = fl.generalized_cross_entropy.value_and_grad(logits, np.array([0, 1]))
    >>> round(value, 6)
    0.223226
    >>> grad.round(4)
    array([[-0.1258,  0.092 ,  0.0338],
           [ 0.0212, -0.0424,  0.0212]])
    """
    return Parameters(
        {"q": _check.fraction("q", _check.positive("q", q))},
        class_weight=_check.class_weight(class_weight),
        ignore_index=_check.integer_or_none("ignore_index", ignore_index),
    )


@rowwise(target="labels or soft", intercept=_brier_minimiser, inverse_link=probabilities)
def brier(logits: Any, target: Any, *, ignore_index: int | None = -100) -> Parameters:
    """Brier score of logits: the squared distance of softmax(logits) from the target, summed over classes.

    With p = softmax(logits), t the target (one-hot for a label) and d = 2 (p - t):

        loss = sum((p - t)^2)     gradient p_j (d_j - sum(p d))

    In [0, 2] for labels; no half, and a sum, not a mean, over the classes.

    Parameters
    ----------
    logits : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
    target : (...) integers or bool, the labels; or (..., C) floating, soft targets >= 0
    ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
    reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
        shape of the rows or of their leading axes

    Returns
    -------
    float, or with reduction="none" an array of the shape of the rows.

    Raises
    ------
    ValueError
        A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
        negative soft targets or weights.
    TypeError
        A dtype that is not read; a masked array.

    NaN or +inf in a row makes that row NaN and no other; -inf is a class of probability 0. The mean of
    nothing is nan with a RuntimeWarning.

    Brier, Verification of forecasts expressed in terms of probability (1950).

    >>> import numpy as np, fastloss as fl
    >>> logits = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0]])
    >>> value, grad = fl.brier.value_and_grad(logits, np.array([0, 1]))
    >>> round(value, 6)
    0.096181
    >>> grad.round(4)
    array([[-0.1198,  0.0978,  0.022 ],
           [ 0.0056, -0.0112,  0.0056]])
    """
    return Parameters(ignore_index=_check.integer_or_none("ignore_index", ignore_index))


@rowwise(
    target="labels or soft",
    intercept=_mean_target,
    inverse_link=identity,
    scores="probabilities",
    reads_all_scores=True,
    of_logits="brier",
)
def brier_from_probabilities(probs: Any, target: Any, *, ignore_index: int | None = -100) -> Parameters:
    """Brier score of probabilities: sum((probs - t)^2) over the classes, t one-hot for a label.

    gradient 2 (probs - t). No half, and a sum, not a mean, over the classes.

    Parameters
    ----------
    probs : (..., C) float64, float32, float16 or bfloat16, any strides; taken as they are, not normalised
    target : (...) integers or bool, the labels; or (..., C) floating, soft targets >= 0
    ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
    reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
        shape of the rows or of their leading axes

    Returns
    -------
    float, or with reduction="none" an array of the shape of the rows.

    Raises
    ------
    ValueError
        A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
        negative soft targets or weights.
    TypeError
        A dtype that is not read; a masked array.

    NaN in a row makes that row NaN and no other. The mean of nothing is nan with a RuntimeWarning.

    Brier, Verification of forecasts expressed in terms of probability (1950).

    >>> import numpy as np, fastloss as fl
    >>> probs = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]])
    >>> value, grad = fl.brier_from_probabilities.value_and_grad(probs, np.array([0, 1]))
    >>> round(value, 6)
    0.1
    >>> grad.round(4)
    array([[-0.3,  0.2,  0.1],
           [ 0.1, -0.2,  0.1]])
    """
    return Parameters(ignore_index=_check.integer_or_none("ignore_index", ignore_index))
