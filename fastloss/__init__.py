"""fastloss: the loss functions of machine learning on the CPU, exact and as fast as the memory allows."""

from importlib.util import find_spec as _find_spec

if _find_spec("fastloss._core") is None:
    raise ImportError(f"fastloss is not built in {__path__[0]}: pip install . where its setup.py is")

import fastloss._losses  # noqa: F401  the families: their losses and metrics enter the registries
from fastloss._config import __version__, show_config
from fastloss._loss import Loss, losses
from fastloss._losses.primitives import (
    gather_log_softmax,
    log_sigmoid,
    log_softmax,
    logsumexp,
    sigmoid,
    softmax,
    softplus,
)
from fastloss._metric import metrics
from fastloss._streaming.accumulator import Accumulator
from fastloss._streaming.evaluate import evaluate

__all__ = [
    "Accumulator",
    "Loss",
    "__version__",
    "evaluate",
    "gather_log_softmax",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "losses",
    "metrics",
    "show_config",
    "sigmoid",
    "softmax",
    "softplus",
]

# Each loss and metric under its name: __init__.pyi, which editors and type checkers read, lists them.
__all__ += [*losses, *metrics]
globals().update(losses, **metrics)
