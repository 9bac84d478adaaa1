"""The libraries fastloss is measured against: those of `python -m fastloss bench`, and SciPy, scikit-learn
and JAX where they are installed."""

from __future__ import annotations

import functools
import importlib.util
import os
from typing import Any

import numpy as np

from fastloss._bench import CONTENDERS, Array, Calls, Case, Contender, Loss, make_case, prepare


def scipy_calls(case: Case, threads: int | None) -> Calls:
    from scipy.special import log_softmax

    logits, labels, grad = case.pred, case.target, case.out
    rows = np.arange(len(labels))

    def forward() -> Any:
        return -np.mean(log_softmax(logits, axis=1)[rows, labels])

    def gradient() -> tuple[Any, Array]:
        log_p = log_softmax(logits, axis=1)
        np.exp(log_p, out=grad)
        grad[rows, labels] -= 1
        grad[...] /= len(labels)
        return -np.mean(log_p[rows, labels]), grad

    return Calls(forward, gradient)


def sklearn_calls(case: Case, threads: int | None) -> Calls:
    """What its linear models and gradient boosting run on; private, but there is no public way in."""
    from sklearn._loss.loss import HalfMultinomialLoss, HalfSquaredError

    pred, target = case.pred, case.target.astype(case.pred.dtype)
    n = len(pred)
    # It returns a loss a row and leaves the mean to its weights. Its squared error is halved.
    if case.loss == "cross_entropy":
        loss, weight = HalfMultinomialLoss(n_classes=pred.shape[1]), 1 / n
    else:
        loss, weight = HalfSquaredError(), 2 / n
    weights = np.full(n, weight, pred.dtype)
    losses = np.empty(n, pred.dtype)
    options = {"sample_weight": weights, "loss_out": losses, "n_threads": threads or os.cpu_count()}

    def forward() -> Any:
        return loss.loss(target, pred, **options).sum()

    def gradient() -> tuple[Any, Array]:
        loss.loss_gradient(target, pred, gradient_out=case.out, **options)
        return losses.sum(), case.out

    return Calls(forward, gradient)


def jax_calls(case: Case, threads: int | None) -> Calls:
    """Compiled once, before it is timed. XLA takes the threads of the process and cannot write in place."""
    import jax
    from jax import numpy as jnp

    if case.pred.dtype == np.float64:
        jax.config.update("jax_enable_x64", True)

    def cross_entropy(logits: Any, labels: Any) -> Any:
        true = jnp.take_along_axis(logits, labels[:, None], axis=1)[:, 0]
        return jnp.mean(jax.nn.logsumexp(logits, axis=1) - true)

    def mse(pred: Any, target: Any) -> Any:
        return jnp.mean((pred - target) ** 2)

    loss = {"cross_entropy": cross_entropy, "mse": mse}[case.loss]
    pred, target = jax.device_put(case.pred), jax.device_put(case.target)
    forward, gradient = jax.jit(loss), jax.jit(jax.value_and_grad(loss))
    return Calls(
        lambda: forward(pred, target).block_until_ready(),
        lambda: jax.block_until_ready(gradient(pred, target)),
    )


def available(loss: str) -> dict[str, Contender]:
    found = dict(CONTENDERS)
    if importlib.util.find_spec("scipy") and loss == "cross_entropy":  # it has nothing to say to mse
        found["SciPy"] = scipy_calls
    if importlib.util.find_spec("sklearn"):
        found["scikit-learn"] = sklearn_calls
    if importlib.util.find_spec("jax"):
        found["JAX"] = jax_calls
    return found


cached_case = functools.lru_cache(maxsize=1)(make_case)  # the large ones take 300 MB: hold one at a time


@functools.lru_cache(maxsize=1)
def calls(name: str, loss: Loss, shape: tuple[int, ...]) -> Calls:
    return prepare(cached_case(loss, shape), {name: available(loss)[name]}, threads=None)[name]
