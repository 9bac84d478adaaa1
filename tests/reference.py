"""Oracles: every loss once more, straight from its formula, on a dense target and with no care for speed.

They compute in `real`: float64 judges float32 and the half formats, longdouble judges float64. Row
losses move the class axis to the end and return `Rows`, unreduced; `reduced` applies weights and the
reduction. The `*_bounds` functions turn TRUST.md P6 into one number an entry: how far a result in
arithmetic of epsilon `eps` may lie from the oracle, the oracle's own rounding included.
"""

from types import SimpleNamespace
from typing import NamedTuple

import mpmath
import numpy as np


class Rows(NamedTuple):
    loss: np.ndarray
    grad: np.ndarray
    hess: np.ndarray
    hvp: np.ndarray
    share: np.ndarray  # what a row adds to the normaliser of a mean, before sample_weight


# --- formulas ---------------------------------------------------------------------------------------


def softmax(u):
    e = np.exp(u - u.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def logsumexp(u):
    m = u.max(-1, keepdims=True)
    return (m + np.log(np.exp(u - m).sum(-1, keepdims=True)))[..., 0]


def log_softmax(u):
    m = u.max(-1, keepdims=True)
    return (u - m) - np.log(np.exp(u - m).sum(-1, keepdims=True))


def entropy(u):
    p, log_p = softmax(u), log_softmax(u)
    return -np.where(p == 0, 0, p * log_p).sum(-1)


def dense_target(target, classes, class_weight=None, label_smoothing=0, ignore_index=-100, real=np.float64):
    """(q, share, kept): the effective target, the row's part of the normaliser, whether it counts."""
    w = np.ones(classes, real) if class_weight is None else np.asarray(class_weight).astype(real)
    e = real(label_smoothing)
    if target.dtype.kind not in "iub":
        rows = target.shape[:-1]
        return w * (target.astype(real) * (1 - e) + e / classes), np.ones(rows, real), np.ones(rows, bool)
    kept = np.ones(target.shape, bool) if ignore_index is None else target != ignore_index
    hot = (target[..., None] == np.arange(classes)) * w
    share = hot.sum(-1) * kept
    return ((1 - e) * hot + e / classes * w) * kept[..., None], share, kept


def transform(x, softcap, logit_scale):
    """u(x) and its first two derivatives."""
    k = x.dtype.type(logit_scale)
    if softcap is None:
        return k * x, np.full_like(x, k), np.zeros_like(x)
    s = x.dtype.type(softcap)
    t = np.tanh(k * x / s)
    d = k * (2 / (np.exp(k * x / s) + np.exp(-k * x / s))) ** 2
    return s * t, d, -2 * k / s * t * d


def _softmax_parts(logits, target, vector, axis, real, softcap=None, logit_scale=1, z_loss=0, **options):
    x = np.moveaxis(np.asarray(logits).astype(real), axis, -1)
    target = np.asarray(target)
    soft = target.dtype.kind not in "iub"
    o = SimpleNamespace(z=real(z_loss), soft=soft, capped=softcap is not None, scaled=logit_scale != 1)
    o.q, o.share, o.kept = dense_target(
        np.moveaxis(target, axis, -1) if soft else target, x.shape[-1], real=real, **options
    )
    o.u, o.d, o.d2 = transform(x, softcap, logit_scale)
    o.v = np.zeros_like(x) if vector is None else np.moveaxis(np.asarray(vector).astype(real), axis, -1)
    o.Q, o.p, o.L = o.q.sum(-1, keepdims=True), softmax(o.u), logsumexp(o.u)[..., None]
    o.A = o.Q + 2 * o.z * o.L
    o.qu = np.where(o.q == 0, 0, o.q * o.u)
    o.g = o.Q * o.p - o.q + 2 * o.z * o.L * o.p
    return o


def cross_entropy(logits, target, *, vector=None, axis=-1, real=np.float64, **options):
    with np.errstate(all="ignore"):
        o = _softmax_parts(logits, target, vector, axis, real, **options)
        loss = (o.Q * o.L)[..., 0] - o.qu.sum(-1) + (o.z * o.L**2)[..., 0]
        hess = o.d**2 * (o.A * o.p * (1 - o.p) + 2 * o.z * o.p**2) + o.g * o.d2
        dv = o.d * o.v
        mean = (o.p * dv).sum(-1, keepdims=True)
        hvp = o.d * (o.A * o.p * (dv - mean) + 2 * o.z * o.p * mean) + o.g * o.d2 * o.v
    every = [np.moveaxis(np.where(o.kept[..., None], a, 0), -1, axis) for a in (o.d * o.g, hess, hvp)]
    return Rows(np.where(o.kept, loss, 0), *every, o.share)


def mse(pred, target, *, real=np.float64):
    r = np.asarray(pred).astype(real) - np.asarray(target).astype(real)
    return Rows(r * r, 2 * r, np.full_like(r, 2), None, np.ones_like(r))


# --- reductions -------------------------------------------------------------------------------------


def weights_of(loss, sample_weight):
    """sample_weight has the shape of the loss or of its leading axes."""
    w = np.ones(()) if sample_weight is None else np.asarray(sample_weight)
    return np.broadcast_to(w.reshape(w.shape + (1,) * (loss.ndim - w.ndim)).astype(loss.dtype), loss.shape)


def reduced(rows, *, reduction="mean", sample_weight=None, normalizer=None, axis=None):
    """(value, grad, hess, hvp) as the API gives them. `axis` is the class axis, None if elementwise."""
    w = weights_of(rows.loss, sample_weight)
    values = np.where(w == 0, 0, w * np.where(w == 0, 0, rows.loss))
    factor, value = w, values
    if reduction == "sum":
        value = values.sum()
    elif reduction == "mean":
        by = (w * rows.share).sum() if normalizer is None else normalizer
        value = values.sum() / by if by else np.nan
        factor = w / by if by else np.zeros_like(w)
    factor = factor if axis is None else np.expand_dims(factor, axis)
    scaled = [
        a if a is None else np.where(factor == 0, 0, factor * np.where(factor == 0, 0, a)) for a in rows[1:4]
    ]
    return (value, *scaled)


# --- bounds -----------------------------------------------------------------------------------------


def cross_entropy_bounds(logits, target, eps, *, vector=None, axis=-1, real=np.float64, **options):
    """First-order error bounds on what `cross_entropy` returns, as P6 states them.

    relative error of p_c: eps (E_c), E = 3 + |u - max|, three more for weight, normaliser and Q. A scale
    rounds its product once more (|u - max| again), a softcap adds 4 max|u| and the rounding of d. All
    terms of the loss are >= 0; at the row maximum the gradient is a difference of sums over the *others*.
    """

    def plus(a):  # inf * 0: a class of probability zero adds no error
        return np.where(np.isnan(a), 0, a)

    with np.errstate(all="ignore"):
        o = _softmax_parts(logits, target, vector, axis, real, **options)
        m = o.u.max(-1, keepdims=True)
        t, top = m - o.u, np.arange(o.u.shape[-1]) == o.u.argmax(-1)[..., None]
        biggest = np.where(np.isfinite(o.u), abs(o.u), 0).max(-1, keepdims=True)
        E = 6 + t * (2 if o.scaled else 1) + (4 * biggest + 8 if o.capped else 0)
        spread = plus(E * o.p).sum(-1, keepdims=True)
        L_error = 4 + 2 * abs(m) + (4 * biggest if o.capped else 0)
        gap = np.where(top, np.inf, t).min(-1, keepdims=True)  # margin: 0 unless the mass lies at the maximum
        margin = np.where((o.q * top).sum(-1, keepdims=True) > 0, np.where(np.isfinite(gap), gap, 0), 0)
        ce = o.Q * o.L - o.qu.sum(-1, keepdims=True)
        loss = (E * 0 + 8 + margin * (2 if o.scaled else 1) + (4 * biggest if o.capped else 0))[..., :1] * ce
        loss = eps * (loss + o.z * (2 * abs(o.L) * L_error + 3 * o.L**2))
        loss += 8 * np.finfo(real).eps * (o.Q * abs(o.L) + abs(o.qu).sum(-1, keepdims=True))

        others = plus(np.where(top, 0, E * o.p)).sum(-1, keepdims=True)
        core = np.where(top, 6 * (o.Q - o.q) + o.Q * others, plus(E * o.Q * o.p) + 4 * o.q)
        g = eps * (core + 2 * o.z * plus((abs(o.L) * E + L_error) * o.p))
        g += 8 * np.finfo(real).eps * (o.Q * o.p + o.q)
        A, A_error = o.Q + 2 * o.z * abs(o.L), 2 * o.z * L_error
        curve = abs(o.g * o.d2) * eps * (12 + 4 * biggest) + g * abs(o.d2)
        hess = (
            curve
            + eps * o.d**2 * plus((2 * A * (E + spread) + A_error) * o.p * (1 - o.p) + 4 * o.z * E * o.p**2)
            + 8 * np.finfo(real).eps * A * o.p
        )
        dv = abs(o.d * o.v)
        mean, mean_error = (o.p * dv).sum(-1, keepdims=True), plus(E * o.p * dv).sum(-1, keepdims=True)
        hvp = curve * abs(o.v) + eps * abs(o.d) * plus(
            o.p * ((E * A + A_error) * (dv + mean) + A * mean_error + 2 * o.z * (E * mean + mean_error))
        )
    every = [np.moveaxis(np.where(o.kept[..., None], a, 0), -1, axis) for a in (abs(o.d) * g, hess, hvp)]
    return Rows(np.where(o.kept, loss[..., 0], 0), *every, o.share)


def mse_bounds(pred, target, eps, *, real=np.float64):
    """A product or square: 10 eps, relative."""
    r = mse(pred, target, real=real)
    return Rows(*(10 * eps * abs(a) for a in r[:3]), None, r.share)


# --- where cancellation would drown a dense formula -----------------------------------------------------


def hard_row(x, y):
    """Loss and gradient of rows (n, C) with labels y, each entry to full relative accuracy of x.dtype."""
    at = y[:, None]
    e = np.exp(x - np.take_along_axis(x, at, 1))
    np.put_along_axis(e, at, 0, 1)
    others = e.sum(-1)
    grad = e / (1 + others)[:, None]
    np.put_along_axis(grad, at, (-others / (1 + others))[:, None], 1)
    return np.log1p(others), grad


def hard_row_mp(x, y, digits=80):
    """The same for one row, in as many digits as it takes; lists of mpf."""
    with mpmath.workdps(digits):
        e = [mpmath.exp(mpmath.mpf(float(v)) - mpmath.mpf(float(x[y]))) for v in x]
        others = mpmath.fsum(v for c, v in enumerate(e) if c != y)
        grad = [(-others if c == y else v) / (1 + others) for c, v in enumerate(e)]
        return mpmath.log1p(others), grad
