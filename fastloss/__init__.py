"""fastloss: the loss functions of machine learning on the CPU, exact and as fast as the memory allows."""

from importlib.util import find_spec as _find_spec

if _find_spec("fastloss._core") is None:
    raise ImportError(f"fastloss is not built in {__path__[0]}: pip install . where its setup.py is")

from fastloss._config import __version__, show_config
from fastloss._loss import Loss, losses
from fastloss._losses.binary import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    binary_focal,
    exponential,
    hinge,
    modified_huber,
    perceptron,
    soft_margin,
    squared_hinge,
)
from fastloss._losses.classification import (
    brier,
    brier_from_probabilities,
    cross_entropy,
    focal,
    generalized_cross_entropy,
    log_loss,
    nll,
    poly_cross_entropy,
)
from fastloss._losses.divergences import js_div_with_logits, kl_div, kl_div_with_logits
from fastloss._losses.margins import (
    am_softmax,
    arcface,
    categorical_hinge,
    l_softmax,
    multi_margin,
    multiclass_hinge,
    sm_softmax,
)
from fastloss._losses.metrics import (
    accuracy,
    binary_accuracy,
    entropy,
    perplexity,
    top_k_accuracy,
    zero_one,
)
from fastloss._losses.primitives import (
    gather_log_softmax,
    log_sigmoid,
    log_softmax,
    logsumexp,
    sigmoid,
    softmax,
    softplus,
)
from fastloss._losses.regression import (
    epsilon_insensitive,
    expectile,
    gamma,
    gaussian_nll,
    half_squared,
    huber,
    log_cosh,
    mae,
    mape,
    mse,
    msle,
    poisson,
    pseudo_huber,
    quantile,
    smooth_l1,
    squared_epsilon_insensitive,
    tweedie,
)
from fastloss._losses.vectors import cosine_distance, cosine_embedding
from fastloss._metric import metrics

# Last: the registry lists the losses in the order in which they are imported.
from fastloss._streaming.accumulator import Accumulator  # isort: skip
from fastloss._streaming.evaluate import evaluate  # isort: skip

__all__ = [
    "Accumulator",
    "Loss",
    "__version__",
    "accuracy",
    "am_softmax",
    "arcface",
    "binary_accuracy",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "binary_focal",
    "brier",
    "brier_from_probabilities",
    "categorical_hinge",
    "cosine_distance",
    "cosine_embedding",
    "cross_entropy",
    "entropy",
    "epsilon_insensitive",
    "evaluate",
    "expectile",
    "exponential",
    "focal",
    "gamma",
    "gather_log_softmax",
    "gaussian_nll",
    "generalized_cross_entropy",
    "half_squared",
    "hinge",
    "huber",
    "js_div_with_logits",
    "kl_div",
    "kl_div_with_logits",
    "l_softmax",
    "log_cosh",
    "log_loss",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "losses",
    "mae",
    "mape",
    "metrics",
    "modified_huber",
    "mse",
    "msle",
    "multi_margin",
    "multiclass_hinge",
    "nll",
    "perceptron",
    "perplexity",
    "poisson",
    "poly_cross_entropy",
    "pseudo_huber",
    "quantile",
    "show_config",
    "sigmoid",
    "sm_softmax",
    "smooth_l1",
    "soft_margin",
    "softmax",
    "softplus",
    "squared_epsilon_insensitive",
    "squared_hinge",
    "top_k_accuracy",
    "tweedie",
    "zero_one",
]

# Doctest collectors look at functions and classes, not at objects: they find the objects here.
__test__ = {
    thing.__name__: thing.__doc__ for thing in (*losses.values(), *metrics.values(), gather_log_softmax)
}
