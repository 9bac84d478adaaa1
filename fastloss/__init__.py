"""fastloss: the loss functions of machine learning on the CPU, exact and as fast as the memory allows."""

from fastloss._classification import cross_entropy
from fastloss._config import __version__, show_config
from fastloss._loss import losses
from fastloss._primitives import gather_log_softmax, log_softmax, logsumexp, softmax
from fastloss._regression import mse

__all__ = [
    "__version__",
    "cross_entropy",
    "gather_log_softmax",
    "log_softmax",
    "logsumexp",
    "losses",
    "mse",
    "show_config",
    "softmax",
]

# Doctest collectors look at functions and classes, not at objects: they find the losses here.
__test__ = {thing.__name__: thing.__doc__ for thing in (*losses.values(), gather_log_softmax)}
