"""Every loss and metric once more, for the libraries that do not have it: a formula in an array namespace.

A formula takes the namespace (NumPy, torch or JAX: benchmarks/contenders.py) and the arrays, and gives a loss
for each row or element. Its decorator says how the arrays are drawn, by name beyond the second, and which
libraries have the loss themselves:

    torch           the mean, from torch.nn.functional
    optax           unreduced; only where it goes another way than the formula
    scipy           unreduced, from scipy.special
    sklearn         an object of sklearn._loss.loss; with sklearn_weight=2 it halves the loss
    sklearn_metric  the mean, from sklearn.metrics
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import fastloss as fl

Array = Any
Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


class Formula(NamedTuple):
    family: str
    values: Callable[..., Any]
    draws: dict[str, Draw]
    options: dict[str, Any]  # keyword arguments of fastloss, where the formula has not its defaults
    theirs: dict[str, Any]

    @property
    def is_metric(self) -> bool:
        return self.family.endswith("metrics")


FORMULAS: dict[str, Formula] = {}
THEIRS = ("torch", "optax", "scipy", "sklearn", "sklearn_weight", "sklearn_metric")


def formula(family: str, *draws: Draw, options: dict[str, Any] | None = None, **keywords: Any) -> Any:
    theirs = {library: keywords.pop(library) for library in THEIRS if library in keywords}
    named = dict(zip(("pred", "target"), draws)) | keywords

    def keep(values: Callable[..., Any]) -> Callable[..., Any]:
        FORMULAS[values.__name__] = Formula(family, values, named, options or {}, theirs)
        return values

    return keep


FAMILIES = ("regression", "binary", "rows", "metrics", "binary metrics")
regression, binary, rows, metrics, binary_metrics = (functools.partial(formula, name) for name in FAMILIES)


def names(*families: str) -> list[str]:
    return [name for name, about in FORMULAS.items() if about.family in families]


# ---- the arrays ----


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.standard_normal(shape, np.float32)


def logits(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return 3 * normal(rng, shape)  # some rows are confident, some are not


def positive(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.random(shape, np.float32) * np.float32(1.5) + np.float32(0.5)


def counts(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.integers(5, size=shape, dtype=np.int8).astype(np.float32)


def bits(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.integers(2, size=shape, dtype=np.int8).astype(np.float32)


def signs(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return 2 * bits(rng, shape) - 1


def inside(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Clear of 0 and 1, where the libraries clip in different ways."""
    return rng.random(shape, np.float32) * np.float32(0.98) + np.float32(0.01)


def cosines(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return 2 * inside(rng, shape) - 1


def shares(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    values = np.exp(normal(rng, shape))
    return values / values.sum(-1, keepdims=True)


def log_shares(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.log(shares(rng, shape))


def labels(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.integers(shape[-1], size=shape[:-1])


def sides(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return signs(rng, shape[:-1])


# ---- elementwise, regression ----


@regression(
    normal,
    normal,
    torch=lambda F, x, y: F.mse_loss(x, y),
    sklearn=lambda loss, x: loss.HalfSquaredError(),
    sklearn_weight=2,
)
def mse(xp: Any, x: Array, y: Array) -> Array:
    return (x - y) ** 2


@regression(normal, normal, sklearn=lambda loss, x: loss.HalfSquaredError())
def half_squared(xp: Any, x: Array, y: Array) -> Array:
    return (x - y) ** 2 / 2


@regression(
    normal, normal, torch=lambda F, x, y: F.l1_loss(x, y), sklearn=lambda loss, x: loss.AbsoluteError()
)
def mae(xp: Any, x: Array, y: Array) -> Array:
    return xp.abs(x - y)


@regression(
    normal,
    normal,
    torch=lambda F, x, y: F.huber_loss(x, y),
    optax=lambda losses, x, y: losses.huber_loss(x, y),
    scipy=lambda special, x, y: special.huber(1, x - y),
    sklearn=lambda loss, x: loss.HuberLoss(delta=1.0),
)
def huber(xp: Any, x: Array, y: Array) -> Array:
    a = xp.abs(x - y)
    return xp.where(a <= 1, a**2 / 2, a - 0.5)


@regression(normal, normal, torch=lambda F, x, y: F.smooth_l1_loss(x, y))
def smooth_l1(xp: Any, x: Array, y: Array) -> Array:
    return huber(xp, x, y)


@regression(normal, normal, scipy=lambda special, x, y: special.pseudo_huber(1, x - y))
def pseudo_huber(xp: Any, x: Array, y: Array) -> Array:
    square = (x - y) ** 2
    return square / (1 + xp.sqrt(1 + square))


@regression(normal, normal)
def log_cosh(xp: Any, x: Array, y: Array) -> Array:
    return xp.logaddexp(x - y, y - x) - math.log(2)


@regression(normal, normal, options={"q": 0.75}, sklearn=lambda loss, x: loss.PinballLoss(quantile=0.75))
def quantile(xp: Any, x: Array, y: Array) -> Array:
    r = x - y
    return xp.where(r > 0, 0.25 * r, -0.75 * r)


@regression(normal, normal, options={"tau": 0.75})
def expectile(xp: Any, x: Array, y: Array) -> Array:
    r = x - y
    return xp.where(r > 0, 0.25 * r**2, 0.75 * r**2)


@regression(normal, normal)
def epsilon_insensitive(xp: Any, x: Array, y: Array) -> Array:
    return xp.clip(xp.abs(x - y) - 0.1, 0, None)


@regression(normal, normal)
def squared_epsilon_insensitive(xp: Any, x: Array, y: Array) -> Array:
    return epsilon_insensitive(xp, x, y) ** 2


@regression(positive, positive, sklearn_metric=lambda metrics, x, y: metrics.mean_squared_log_error(y, x))
def msle(xp: Any, x: Array, y: Array) -> Array:
    return (xp.log1p(x) - xp.log1p(y)) ** 2


@regression(
    normal, positive, sklearn_metric=lambda metrics, x, y: metrics.mean_absolute_percentage_error(y, x)
)
def mape(xp: Any, x: Array, y: Array) -> Array:
    return xp.abs(x - y) / xp.clip(xp.abs(y), 2.0**-52, None)


@regression(
    normal,
    counts,
    torch=lambda F, x, y: F.poisson_nll_loss(x, y),
    sklearn=lambda loss, x: loss.HalfPoissonLoss(),
)
def poisson(xp: Any, x: Array, y: Array) -> Array:
    return xp.exp(x) - y * x


@regression(normal, positive, sklearn=lambda loss, x: loss.HalfGammaLoss())
def gamma(xp: Any, x: Array, y: Array) -> Array:
    return x + y * xp.exp(-x)


@regression(normal, positive, sklearn=lambda loss, x: loss.HalfTweedieLoss(power=1.5))
def tweedie(xp: Any, x: Array, y: Array) -> Array:
    return 2 * xp.exp(0.5 * x) + 2 * y * xp.exp(-0.5 * x)


@regression(normal, normal, var=positive, torch=lambda F, x, y, var: F.gaussian_nll_loss(x, y, var))
def gaussian_nll(xp: Any, x: Array, y: Array, var: Array) -> Array:
    v = xp.clip(var, 1e-6, None)
    return (xp.log(v) + (x - y) ** 2 / v) / 2


# ---- elementwise, binary ----


@binary(
    normal,
    bits,
    torch=lambda F, x, y: F.binary_cross_entropy_with_logits(x, y),
    optax=lambda losses, x, y: losses.sigmoid_binary_cross_entropy(x, y),
    sklearn=lambda loss, x: loss.HalfBinomialLoss(),
)
def binary_cross_entropy_with_logits(xp: Any, x: Array, y: Array) -> Array:
    return xp.softplus(x) - x * y


@binary(
    inside,
    bits,
    torch=lambda F, x, y: F.binary_cross_entropy(x, y),
    sklearn_metric=lambda metrics, x, y: metrics.log_loss(y, x),
)
def binary_cross_entropy(xp: Any, x: Array, y: Array) -> Array:
    p = xp.clip(x, 2.0**-23, 1 - 2.0**-23)
    return -y * xp.log(p) - (1 - y) * xp.log1p(-p)


@binary(normal, bits, optax=lambda losses, x, y: losses.sigmoid_focal_loss(x, y, gamma=2.0))
def binary_focal(xp: Any, x: Array, y: Array) -> Array:
    p = xp.sigmoid(x)
    p_t = y * p + (1 - y) * (1 - p)
    return (1 - p_t) ** 2 * binary_cross_entropy_with_logits(xp, x, y)


@binary(normal, signs, sklearn_metric=lambda metrics, x, y: metrics.hinge_loss(y, x))
def hinge(xp: Any, x: Array, y: Array) -> Array:
    return xp.clip(1 - y * x, 0, None)


@binary(normal, signs)
def squared_hinge(xp: Any, x: Array, y: Array) -> Array:
    return hinge(xp, x, y) ** 2


@binary(normal, signs)
def perceptron(xp: Any, x: Array, y: Array) -> Array:
    return xp.clip(-y * x, 0, None)


@binary(normal, signs, torch=lambda F, x, y: F.soft_margin_loss(x, y))
def soft_margin(xp: Any, x: Array, y: Array) -> Array:
    return xp.softplus(-y * x)


@binary(normal, signs)
def modified_huber(xp: Any, x: Array, y: Array) -> Array:
    z = y * x
    return xp.where(z < -1, -4 * z, xp.clip(1 - z, 0, None) ** 2)


@binary(normal, signs, sklearn=lambda loss, x: loss.ExponentialLoss())
def exponential(xp: Any, x: Array, y: Array) -> Array:
    return xp.exp(-y * x)


# ---- rows of class scores ----


@rows(
    logits,
    labels,
    torch=lambda F, x, y: F.cross_entropy(x, y),
    optax=lambda losses, x, y: losses.softmax_cross_entropy_with_integer_labels(x, y),
    sklearn=lambda loss, x: loss.HalfMultinomialLoss(n_classes=x.shape[1]),
)
def cross_entropy(xp: Any, x: Array, y: Array) -> Array:
    return xp.cross_entropy(x, y)


@rows(log_shares, labels, torch=lambda F, x, y: F.nll_loss(x, y))
def nll(xp: Any, x: Array, y: Array) -> Array:
    return -xp.pick(x, y)


@rows(
    shares, labels, sklearn_metric=lambda metrics, x, y: metrics.log_loss(y, x, labels=np.arange(x.shape[1]))
)
def log_loss(xp: Any, x: Array, y: Array) -> Array:
    return -xp.log(xp.clip(xp.pick(x, y), 2.0**-23, 1 - 2.0**-23))


@rows(logits, labels)
def focal(xp: Any, x: Array, y: Array) -> Array:
    loss = cross_entropy(xp, x, y)
    return (1 - xp.exp(-loss)) ** 2 * loss


@rows(
    logits,
    labels,
    optax=lambda losses, x, y: losses.poly_loss_cross_entropy(
        x, (y[:, None] == np.arange(x.shape[1])).astype(x.dtype), epsilon=1.0
    ),
)
def poly_cross_entropy(xp: Any, x: Array, y: Array) -> Array:
    loss = cross_entropy(xp, x, y)
    return loss + 1 - xp.exp(-loss)


@rows(logits, labels)
def generalized_cross_entropy(xp: Any, x: Array, y: Array) -> Array:
    return (1 - xp.exp(-0.7 * cross_entropy(xp, x, y))) / 0.7


@rows(logits, labels)
def brier(xp: Any, x: Array, y: Array) -> Array:
    return brier_from_probabilities(xp, xp.softmax(x), y)


@rows(shares, labels)
def brier_from_probabilities(xp: Any, x: Array, y: Array) -> Array:
    return xp.sum((x - xp.hot(x, y) * 1.0) ** 2, axis=-1)


@rows(
    log_shares,
    shares,
    torch=lambda F, x, t: F.kl_div(x, t, reduction="batchmean"),
    optax=lambda losses, x, t: losses.kl_divergence(x, t),
)
def kl_div(xp: Any, x: Array, t: Array) -> Array:
    return xp.sum(t * (xp.log(t) - x), axis=-1)


@rows(logits, shares, torch=lambda F, x, t: F.kl_div(F.log_softmax(x, 1), t, reduction="batchmean"))
def kl_div_with_logits(xp: Any, x: Array, t: Array) -> Array:
    return kl_div(xp, xp.log_softmax(x), t)


@rows(logits, shares)
def js_div_with_logits(xp: Any, x: Array, t: Array) -> Array:
    log_p = xp.log_softmax(x)
    p = xp.exp(log_p)
    log_m = xp.log((t + p) / 2)
    return xp.sum(t * (xp.log(t) - log_m) + p * (log_p - log_m), axis=-1) / 2


@rows(
    logits,
    labels,
    optax=lambda losses, x, y: losses.multiclass_hinge_loss(x, y),
    sklearn_metric=lambda metrics, x, y: metrics.hinge_loss(y, x, labels=np.arange(x.shape[1])),
)
def multiclass_hinge(xp: Any, x: Array, y: Array) -> Array:
    others = xp.amax(xp.where(xp.hot(x, y), -math.inf, x), axis=-1)
    return xp.clip(1 + others - xp.pick(x, y), 0, None)


@rows(logits, labels)
def categorical_hinge(xp: Any, x: Array, y: Array) -> Array:
    others = xp.amax(xp.where(xp.hot(x, y), 0, x), axis=-1)
    return xp.clip(1 + others - xp.pick(x, y), 0, None)


@rows(logits, labels, torch=lambda F, x, y: F.multi_margin_loss(x, y))
def multi_margin(xp: Any, x: Array, y: Array) -> Array:
    z = 1 + x - xp.pick(x, y)[:, None]
    return xp.sum(xp.where(xp.hot(x, y), 0, xp.clip(z, 0, None)), axis=-1) / x.shape[-1]


@rows(cosines, labels)
def am_softmax(xp: Any, x: Array, y: Array) -> Array:
    return cross_entropy(xp, 30 * xp.where(xp.hot(x, y), x - 0.35, x), y)


@rows(cosines, labels)
def arcface(xp: Any, x: Array, y: Array) -> Array:
    c, cos, sin = xp.pick(x, y), math.cos(0.5), math.sin(0.5)
    psi = xp.where(c > -cos, c * cos - sin * xp.sqrt(1 - c**2), c - 0.5 * sin)
    return cross_entropy(xp, 64 * xp.where(xp.hot(x, y), psi[:, None], x), y)


@rows(cosines, labels)
def l_softmax(xp: Any, x: Array, y: Array) -> Array:
    angle = xp.arccos(xp.pick(x, y))
    k = xp.floor(4 * angle / math.pi)
    psi = (1 - 2 * (k % 2)) * xp.cos(4 * angle) - 2 * k
    return cross_entropy(xp, 30 * xp.where(xp.hot(x, y), psi[:, None], x), y)


@rows(logits, labels)
def sm_softmax(xp: Any, x: Array, y: Array) -> Array:
    return cross_entropy(xp, xp.where(xp.hot(x, y), x - 0.35, x), y)


# ---- vectors ----


@rows(
    normal,
    normal,
    torch=lambda F, x, y: 1 - F.cosine_similarity(x, y).mean(),
    optax=lambda losses, x, y: losses.cosine_distance(x, y),
)
def cosine_distance(xp: Any, x: Array, y: Array) -> Array:
    norms = xp.sum(x**2, axis=-1) * xp.sum(y**2, axis=-1)
    return 1 - xp.sum(x * y, axis=-1) / xp.sqrt(norms)


@rows(normal, normal, y=sides, torch=lambda F, x1, x2, y: F.cosine_embedding_loss(x1, x2, y))
def cosine_embedding(xp: Any, x1: Array, x2: Array, y: Array) -> Array:
    distance = cosine_distance(xp, x1, x2)
    return xp.where(y > 0, distance, xp.clip(1 - distance, 0, None))


# ---- metrics ----


@metrics(logits, labels, sklearn_metric=lambda metrics, x, y: metrics.accuracy_score(y, x.argmax(1)))
def accuracy(xp: Any, x: Array, y: Array) -> Array:
    return xp.argmax(x, axis=-1) == y


@metrics(logits, labels, sklearn_metric=lambda metrics, x, y: metrics.zero_one_loss(y, x.argmax(1)))
def zero_one(xp: Any, x: Array, y: Array) -> Array:
    return xp.argmax(x, axis=-1) != y


@metrics(
    logits,
    labels,
    options={"k": 5},
    sklearn_metric=lambda metrics, x, y: metrics.top_k_accuracy_score(
        y, x, k=5, labels=np.arange(x.shape[1])
    ),
)
def top_k_accuracy(xp: Any, x: Array, y: Array) -> Array:
    return xp.sum(x > xp.pick(x, y)[:, None], axis=-1) < 5


@binary_metrics(normal, bits, sklearn_metric=lambda metrics, x, y: metrics.accuracy_score(y, x > 0))
def binary_accuracy(xp: Any, x: Array, y: Array) -> Array:
    return (x > 0) == (y > 0)


@metrics(logits, labels, torch=lambda F, x, y: F.cross_entropy(x, y).exp())
def perplexity(xp: Any, x: Array, y: Array) -> Array:
    return xp.exp(xp.mean(cross_entropy(xp, x, y)))


@metrics(logits)
def entropy(xp: Any, x: Array) -> Array:
    log_p = xp.log_softmax(x)
    return -xp.sum(xp.exp(log_p) * log_p, axis=-1)


assert FORMULAS.keys() == fl.losses.keys() | fl.metrics.keys()  # nothing goes unmeasured
