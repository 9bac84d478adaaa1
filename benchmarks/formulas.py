"""Every loss and metric as it is measured: how its arrays are drawn, and how each library computes it.

The formulas are those of tests/support/formulas.py, in the arrays of NumPy, torch and JAX (contenders.py has
the namespaces). An idiom stands here where users write a loss shorter than its general formula, or less
exactly. Arrays beyond the second go by name. The libraries that have the loss themselves are called by:

    torch           the mean, from torch.nn.functional
    optax           unreduced; only where it goes another way than the formula
    scipy           unreduced, from scipy.special
    sklearn         an object of sklearn._loss.loss; with sklearn_weight=2 it halves the loss
    sklearn_metric  the mean, from sklearn.metrics
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import fastloss as fl
from tests.support import formulas

Array = Any
Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


class Formula(NamedTuple):
    family: str
    values: Callable[..., Any]
    draws: dict[str, Draw]
    options: dict[str, Any]  # keyword arguments of fastloss and the formula, if not the defaults
    theirs: dict[str, Any]

    @property
    def is_metric(self) -> bool:
        return self.family.endswith("metrics")


FORMULAS: dict[str, Formula] = {}
THEIRS = ("torch", "optax", "scipy", "sklearn", "sklearn_weight", "sklearn_metric")


def measure(
    family: str,
    name: str,
    *draws: Draw,
    idiom: Callable[..., Any] | None = None,
    options: dict[str, Any] | None = None,
    **keywords: Any,
) -> None:
    theirs = {library: keywords.pop(library) for library in THEIRS if library in keywords}
    named, own = dict(zip(("pred", "target"), draws)) | keywords, options or {}
    values = idiom or functools.partial(getattr(formulas, name), **own)
    FORMULAS[name] = Formula(family, values, named, own, theirs)


FAMILIES = ("regression", "binary", "rows", "metrics", "binary metrics")
regression, binary, rows, metrics, binary_metrics = (functools.partial(measure, name) for name in FAMILIES)


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


# ---- idioms ----


def pseudo_huber(xp: Any, x: Array, y: Array) -> Array:
    square = (x - y) ** 2
    return square / (1 + xp.sqrt(1 + square))


def log_cosh(xp: Any, x: Array, y: Array) -> Array:
    return xp.logaddexp(x - y, y - x) - xp.math.log(2)


def msle(xp: Any, x: Array, y: Array) -> Array:
    return (xp.log1p(x) - xp.log1p(y)) ** 2


def binary_cross_entropy_with_logits(xp: Any, x: Array, y: Array) -> Array:
    return xp.softplus(x) - x * y


def binary_cross_entropy(xp: Any, x: Array, y: Array) -> Array:
    p = xp.clip(x, 2.0**-23, 1 - 2.0**-23)
    return -y * xp.log(p) - (1 - y) * xp.log1p(-p)


def binary_focal(xp: Any, x: Array, y: Array) -> Array:
    p = xp.sigmoid(x)
    p_t = y * p + (1 - y) * (1 - p)
    return (1 - p_t) ** 2 * binary_cross_entropy_with_logits(xp, x, y)


# ---- what is measured ----


regression(
    "mse",
    normal,
    normal,
    torch=lambda F, x, y: F.mse_loss(x, y),
    sklearn=lambda loss, x: loss.HalfSquaredError(),
    sklearn_weight=2,
)
regression("half_squared", normal, normal, sklearn=lambda loss, x: loss.HalfSquaredError())
regression(
    "mae", normal, normal, torch=lambda F, x, y: F.l1_loss(x, y), sklearn=lambda loss, x: loss.AbsoluteError()
)
regression(
    "huber",
    normal,
    normal,
    torch=lambda F, x, y: F.huber_loss(x, y),
    optax=lambda losses, x, y: losses.huber_loss(x, y),
    scipy=lambda special, x, y: special.huber(1, x - y),
    sklearn=lambda loss, x: loss.HuberLoss(delta=1.0),
)
regression("smooth_l1", normal, normal, torch=lambda F, x, y: F.smooth_l1_loss(x, y))
regression(
    "pseudo_huber",
    normal,
    normal,
    scipy=lambda special, x, y: special.pseudo_huber(1, x - y),
    idiom=pseudo_huber,
)
regression("log_cosh", normal, normal, idiom=log_cosh)
regression(
    "quantile", normal, normal, options={"q": 0.75}, sklearn=lambda loss, x: loss.PinballLoss(quantile=0.75)
)
regression("expectile", normal, normal, options={"tau": 0.75})
regression("epsilon_insensitive", normal, normal)
regression("squared_epsilon_insensitive", normal, normal)
regression(
    "msle",
    positive,
    positive,
    sklearn_metric=lambda metrics, x, y: metrics.mean_squared_log_error(y, x),
    idiom=msle,
)
regression(
    "mape",
    normal,
    positive,
    sklearn_metric=lambda metrics, x, y: metrics.mean_absolute_percentage_error(y, x),
)
regression(
    "poisson",
    normal,
    counts,
    torch=lambda F, x, y: F.poisson_nll_loss(x, y),
    sklearn=lambda loss, x: loss.HalfPoissonLoss(),
)
regression("gamma", normal, positive, sklearn=lambda loss, x: loss.HalfGammaLoss())
regression("tweedie", normal, positive, sklearn=lambda loss, x: loss.HalfTweedieLoss(power=1.5))
regression(
    "gaussian_nll", normal, normal, var=positive, torch=lambda F, x, y, var: F.gaussian_nll_loss(x, y, var)
)
binary(
    "binary_cross_entropy_with_logits",
    normal,
    bits,
    torch=lambda F, x, y: F.binary_cross_entropy_with_logits(x, y),
    optax=lambda losses, x, y: losses.sigmoid_binary_cross_entropy(x, y),
    sklearn=lambda loss, x: loss.HalfBinomialLoss(),
    idiom=binary_cross_entropy_with_logits,
)
binary(
    "binary_cross_entropy",
    inside,
    bits,
    torch=lambda F, x, y: F.binary_cross_entropy(x, y),
    sklearn_metric=lambda metrics, x, y: metrics.log_loss(y, x),
    idiom=binary_cross_entropy,
)
binary(
    "binary_focal",
    normal,
    bits,
    optax=lambda losses, x, y: losses.sigmoid_focal_loss(x, y, gamma=2.0),
    idiom=binary_focal,
)
binary("hinge", normal, signs, sklearn_metric=lambda metrics, x, y: metrics.hinge_loss(y, x))
binary("squared_hinge", normal, signs)
binary("perceptron", normal, signs)
binary("soft_margin", normal, signs, torch=lambda F, x, y: F.soft_margin_loss(x, y))
binary("modified_huber", normal, signs)
binary("exponential", normal, signs, sklearn=lambda loss, x: loss.ExponentialLoss())
rows(
    "cross_entropy",
    logits,
    labels,
    torch=lambda F, x, y: F.cross_entropy(x, y),
    optax=lambda losses, x, y: losses.softmax_cross_entropy_with_integer_labels(x, y),
    sklearn=lambda loss, x: loss.HalfMultinomialLoss(n_classes=x.shape[1]),
)
rows("nll", log_shares, labels, torch=lambda F, x, y: F.nll_loss(x, y))
rows(
    "log_loss",
    shares,
    labels,
    sklearn_metric=lambda metrics, x, y: metrics.log_loss(y, x, labels=np.arange(x.shape[1])),
    idiom=functools.partial(formulas.log_loss, eps=2.0**-23),
)
rows("focal", logits, labels)
rows(
    "poly_cross_entropy",
    logits,
    labels,
    optax=lambda losses, x, y: losses.poly_loss_cross_entropy(
        x, (y[:, None] == np.arange(x.shape[1])).astype(x.dtype), epsilon=1.0
    ),
)
rows("generalized_cross_entropy", logits, labels)
rows("brier", logits, labels)
rows("brier_from_probabilities", shares, labels)
rows(
    "kl_div",
    log_shares,
    shares,
    torch=lambda F, x, t: F.kl_div(x, t, reduction="batchmean"),
    optax=lambda losses, x, t: losses.kl_divergence(x, t),
)
rows(
    "kl_div_with_logits",
    logits,
    shares,
    torch=lambda F, x, t: F.kl_div(F.log_softmax(x, 1), t, reduction="batchmean"),
)
rows("js_div_with_logits", logits, shares)
rows(
    "multiclass_hinge",
    logits,
    labels,
    optax=lambda losses, x, y: losses.multiclass_hinge_loss(x, y),
    sklearn_metric=lambda metrics, x, y: metrics.hinge_loss(y, x, labels=np.arange(x.shape[1])),
)
rows("categorical_hinge", logits, labels)
rows("multi_margin", logits, labels, torch=lambda F, x, y: F.multi_margin_loss(x, y))
rows("am_softmax", cosines, labels)
rows("arcface", cosines, labels)
rows("l_softmax", cosines, labels)
rows("sm_softmax", logits, labels)
rows(
    "cosine_distance",
    normal,
    normal,
    torch=lambda F, x, y: 1 - F.cosine_similarity(x, y).mean(),
    optax=lambda losses, x, y: losses.cosine_distance(x, y),
)
rows(
    "cosine_embedding", normal, normal, y=sides, torch=lambda F, x1, x2, y: F.cosine_embedding_loss(x1, x2, y)
)
metrics(
    "accuracy", logits, labels, sklearn_metric=lambda metrics, x, y: metrics.accuracy_score(y, x.argmax(1))
)
metrics(
    "zero_one", logits, labels, sklearn_metric=lambda metrics, x, y: metrics.zero_one_loss(y, x.argmax(1))
)
metrics(
    "top_k_accuracy",
    logits,
    labels,
    options={"k": 5},
    sklearn_metric=lambda metrics, x, y: metrics.top_k_accuracy_score(
        y, x, k=5, labels=np.arange(x.shape[1])
    ),
)
binary_metrics(
    "binary_accuracy", normal, bits, sklearn_metric=lambda metrics, x, y: metrics.accuracy_score(y, x > 0)
)
metrics("perplexity", logits, labels, torch=lambda F, x, y: F.cross_entropy(x, y).exp())
metrics("entropy", logits)

assert FORMULAS.keys() == fl.losses.keys() | fl.metrics.keys()  # nothing goes unmeasured
