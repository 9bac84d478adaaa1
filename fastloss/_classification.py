"""Losses of class scores: `(..., C)` against labels `(...)` or soft targets `(..., C)`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastloss import _check, _core
from fastloss._core import Parameters
from fastloss._loss import SoftmaxLoss
from fastloss._primitives import softmax


class Rows(NamedTuple):
    """What one pass of cross entropy knows of each row."""

    loss: np.ndarray
    logsumexp: np.ndarray
    entropy: np.ndarray
    correct: np.ndarray


class CrossEntropy(SoftmaxLoss):
    """cross_entropy, which can also say what else it knows of a row."""

    def rows(self, logits: Any, target: Any, *, n_threads: Any = None, axis: int = -1,
             **parameters: Any) -> Rows:
        """Loss, logsumexp, entropy (nats) and correctness of each row, unweighted, in one call.

        `correct`: the target, or the argmax of a soft target, is the first argmax of the row. An ignored row
        has loss 0 and correct False, and the rest real; a NaN row is never correct.

        >>> import numpy as np, fastloss as fl
        >>> rows = fl.cross_entropy.rows(np.array([[2.0, 0.0], [0.0, 0.0]]), np.array([0, 1]))
        >>> rows.correct, rows.entropy.round(4)
        (array([ True, False]), array([0.3653, 0.6931]))
        """
        p = self._parameters(None, None, **parameters) if parameters else self._default
        n_threads = _check.n_threads(n_threads)
        result = _core.facts(logits, target, p, axis, n_threads)
        if result is None:
            x, t, *_, axis = _check.prepare(self._names, True, True, logits, target, p, None, None, None,
                                            None, axis)
            result = _core.facts(x, t, p, axis, n_threads)
        return Rows(*result)


def _log_priors(target: Any, sample_weight: Any = None, *, n_classes: int | None = None,
                class_weight: Any = None, label_smoothing: float = 0.0, ignore_index: int | None = -100,
                logit_scale: float = 1.0) -> np.ndarray:
    """log of the mean effective target, over logit_scale: the constant scores that minimise the mean."""
    t = _check.as_array("target", target)
    e, weight = _check.fraction("label_smoothing", label_smoothing), _check.class_weight(class_weight)
    scale = _check.positive("logit_scale", logit_scale)
    if t.dtype.kind in "iub" or t.size == 0:
        keep = np.ones(t.shape, bool) if ignore_index is None else t != ignore_index
        largest = int(t[keep].max()) if keep.any() else -1
        if n_classes is None:
            n_classes = largest + 1 if weight is None else len(weight)
        for at in np.argwhere(keep & ((t < 0) | (t >= n_classes)))[:1]:
            where = ", ".join(map(str, at))
            raise ValueError(f"target[{where}] = {t[tuple(at)]} is out of range for {n_classes} classes")
        s = _check.spread_weights(sample_weight, t.shape)[keep]
        mass = np.bincount(t[keep].astype(np.int64), weights=s, minlength=n_classes)
    else:
        n_classes = t.shape[-1]
        for at in np.argwhere(t < 0)[:1]:
            where = ", ".join(map(str, at))
            raise ValueError(f"target[{where}] = {t[tuple(at)]} is negative: soft targets must be >= 0")
        s = _check.spread_weights(sample_weight, t.shape[:-1])
        mass = (s[..., None] * t.astype(np.float64)).reshape(-1, n_classes).sum(0)
    if weight is not None and len(weight) != n_classes:
        raise ValueError(f"class_weight has {len(weight)} entries, {n_classes} classes: one each is needed")
    w = np.ones(n_classes) if weight is None else weight
    q = w * ((1 - e) * mass + e / max(n_classes, 1) * s.sum())
    if not q.sum() > 0:
        return np.full(n_classes, _check.mean_of_nothing())
    with np.errstate(divide="ignore"):
        return np.log(q / q.sum()) / scale


def _probabilities(raw: Any, *, axis: int = -1, logit_scale: float = 1.0,
                   softcap: float | None = None) -> np.ndarray:
    """softmax of the transformed logits."""
    u = _check.scores("raw", raw)
    if logit_scale != 1:
        u = u * _check.positive("logit_scale", logit_scale)
    if softcap is not None:
        cap = _check.positive("softcap", softcap)
        u = cap * np.tanh(u / cap)
    return softmax(u, axis=axis)


def _cross_entropy(logits: Any, target: Any, *, class_weight: Any = None, label_smoothing: float = 0.0,
                   ignore_index: int | None = -100, z_loss: float = 0.0, softcap: float | None = None,
                   logit_scale: float = 1.0) -> Parameters:
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

    >>> import numpy as np, fastloss as fl
    >>> logits = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0]])
    >>> round(fl.cross_entropy(logits, np.array([0, 1])), 6)
    0.251264
    >>> grad = np.empty_like(logits)
    >>> value, grad = fl.cross_entropy.value_and_grad(logits, np.array([0, 1]), out=grad)
    >>> grad.round(4)
    array([[-0.1674,  0.1224,  0.045 ],
           [ 0.0226, -0.0453,  0.0226]])
    """
    return Parameters(
        class_weight=_check.class_weight(class_weight),
        label_smoothing=_check.fraction("label_smoothing", label_smoothing),
        ignore_index=_check.integer_or_none("ignore_index", ignore_index),
        z_loss=_check.non_negative("z_loss", z_loss),
        softcap=0.0 if softcap is None else _check.positive("softcap", softcap),
        logit_scale=_check.positive("logit_scale", logit_scale),
    )


_cross_entropy.__name__ = _cross_entropy.__qualname__ = "cross_entropy"
cross_entropy = CrossEntropy(_cross_entropy, -1, soft=True, intercept=_log_priors,
                             inverse_link=_probabilities)
