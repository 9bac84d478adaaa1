"""The libraries that fastloss is measured against, on every loss and metric of benchmarks/formulas.py.

Where a library has the loss it is called by its own name, elsewhere the formula is evaluated in its arrays:
by torch with autograd, by JAX compiled. NumPy has no gradient but those that were written by hand for
`python -m fastloss bench`; neither have SciPy and sklearn.metrics.
"""

from __future__ import annotations

import functools
import importlib.util
import math
import operator
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

import fastloss as fl
from benchmarks.formulas import FORMULAS, Formula, signs
from fastloss._command.bench import NUMPY, Array, Calls, Case
from tests.support import reference

THREADS = os.cpu_count() or 1
POOL = ThreadPoolExecutor(THREADS)
FUNCTIONS = "amax arccos argmax clip cos exp floor log log1p logaddexp sqrt sum where"


@dataclass(frozen=True, eq=False)
class Problem(Case):
    """A loss or metric on one set of arrays; what comes after the second goes by keyword."""

    more: dict[str, Array]

    @property
    def formula(self) -> Formula:
        return FORMULAS[self.loss]

    @property
    def positional(self) -> tuple[Array, ...]:
        return (self.pred,) if self.target is None else (self.pred, self.target)

    @property
    def inputs(self) -> tuple[Array, ...]:
        return self.positional + tuple(self.more.values())

    @property
    def input_bytes(self) -> int:
        return sum(array.nbytes for array in self.inputs if array.dtype.kind not in "iub")


def make_problem(loss: str, shape: tuple[int, ...], dtype: Any = np.float32) -> Problem:
    rng = np.random.default_rng(0)
    draws = FORMULAS[loss].draws
    arrays = {name: draw(rng, shape) for name, draw in draws.items()}
    arrays = {name: a.astype(dtype) if a.dtype.kind == "f" else a for name, a in arrays.items()}
    pred, target = arrays.pop("pred"), arrays.pop("target", None)
    return Problem(loss, pred, target, np.zeros_like(pred), arrays)


# ---- the contenders ----


def namespace(module: Any, pick: Callable[..., Any], **own: Callable[..., Any]) -> SimpleNamespace:
    """What the formulas are made of, for targets that are labels; beside the common functions, the fastest
    form that a library has."""

    def hot(scores: Any, labels: Any) -> Any:
        return labels[:, None] == module.arange(scores.shape[1])

    return SimpleNamespace(
        **{name: getattr(module, name) for name in FUNCTIONS.split()},
        expm1=lambda x: module.exp(x) - 1,
        times=operator.mul,
        number=float,
        math=math,
        hot=hot,
        dense=lambda scores, labels: hot(scores, labels) * module.asarray(1, dtype=scores.dtype),
        pick=pick,
        at=pick,
        expect=lambda values, labels: values,
        mass=lambda labels: 1,
        **own,
    )


def numpy_namespace() -> SimpleNamespace:
    def pick(scores: Any, labels: Any) -> Any:
        return scores[np.arange(len(scores)), labels]

    def log_softmax(x: Any) -> Any:
        shifted = x - x.max(-1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))

    def softmax(x: Any) -> Any:
        powers = np.exp(x - x.max(-1, keepdims=True))
        return powers / powers.sum(-1, keepdims=True)

    def surprisal(x: Any, labels: Any) -> Any:
        shifted = x - x.max(-1, keepdims=True)
        true = pick(shifted, labels)
        return np.log(np.exp(shifted, out=shifted).sum(-1)) - true

    return namespace(
        np,
        pick,
        mean=np.mean,
        log_softmax=log_softmax,
        softmax=softmax,
        surprisal=surprisal,
        sigmoid=lambda x: 1 / (1 + np.exp(-x)),
        softplus=lambda x: np.logaddexp(0, x),
    )


def fastloss_calls(case: Problem) -> Calls:
    function, options = getattr(fl, case.loss), case.more | case.formula.options
    forward = functools.partial(function, *case.positional, **options)
    if case.formula.is_metric:
        return value_only(forward)
    gradient = functools.partial(function.value_and_grad, *case.positional, out=case.out, **options)
    return Calls(forward, gradient)


def value_only(forward: Callable[[], Any]) -> Calls:
    return Calls(forward, None)  # type: ignore[arg-type]


def numpy_calls(case: Problem) -> Calls:
    if case.loss in NUMPY:
        forward, gradient = (functools.partial(f, case.pred, case.target) for f in NUMPY[case.loss])
        return Calls(forward, functools.partial(gradient, out=case.out))
    xp, formula = numpy_namespace(), case.formula.values
    return value_only(lambda: np.mean(formula(xp, *case.positional, **case.more)))


def torch_calls(case: Problem) -> Calls:
    import torch
    from torch.nn import functional

    def mean(values: Any) -> Any:
        return values.mean() if values.is_floating_point() else values.count_nonzero() / values.numel()

    xp = namespace(
        torch,
        lambda scores, labels: scores.gather(1, labels[:, None])[:, 0],
        mean=mean,
        log_softmax=lambda x: functional.log_softmax(x, -1),
        softmax=lambda x: functional.softmax(x, -1),
        surprisal=functools.partial(functional.cross_entropy, reduction="none"),
        sigmoid=torch.sigmoid,
        softplus=functional.softplus,
    )
    own, formula = case.formula.theirs.get("torch"), case.formula.values
    pred, *rest = (torch.from_numpy(array) for array in case.positional)
    more = {name: torch.from_numpy(array) for name, array in case.more.items()}

    def loss(scores: Any) -> Any:
        if own:
            return own(functional, scores, *rest, **more)
        return mean(formula(xp, scores, *rest, **more))

    leaf = pred.detach().requires_grad_()

    def gradient() -> tuple[Any, Any]:
        value = loss(leaf)
        (grad,) = torch.autograd.grad(value, leaf)
        return value.detach(), grad

    forward = functools.partial(loss, pred)
    return value_only(forward) if case.formula.is_metric else Calls(forward, gradient)


def jax_calls(case: Problem, own: Callable[..., Any] | None = None) -> Calls:
    """Compiled once, before it is timed. XLA takes the threads of the process and cannot write in place."""
    import jax
    from jax import numpy as jnp

    if case.pred.dtype == np.float64:
        jax.config.update("jax_enable_x64", True)

    def pick(scores: Any, labels: Any) -> Any:
        return jnp.take_along_axis(scores, labels[:, None], axis=1)[:, 0]

    xp = namespace(
        jnp,
        pick,
        mean=jnp.mean,
        log_softmax=jax.nn.log_softmax,
        softmax=jax.nn.softmax,
        surprisal=lambda x, labels: jax.nn.logsumexp(x, axis=1) - pick(x, labels),
        sigmoid=jax.nn.sigmoid,
        softplus=jax.nn.softplus,
    )
    values = own or functools.partial(case.formula.values, xp)
    positional, more = jax.device_put(case.positional), jax.device_put(case.more)

    def loss(*positional: Any, **more: Any) -> Any:
        return jnp.mean(values(*positional, **more))

    forward, gradient = jax.jit(loss), jax.jit(jax.value_and_grad(loss))

    def value() -> Any:
        return forward(*positional, **more).block_until_ready()

    if case.formula.is_metric:
        return value_only(value)
    return Calls(value, lambda: jax.block_until_ready(gradient(*positional, **more)))


def optax_calls(case: Problem) -> Calls:
    from optax import losses

    return jax_calls(case, functools.partial(case.formula.theirs["optax"], losses))


def scipy_calls(case: Problem) -> Calls:
    from scipy import special

    if case.loss != "cross_entropy":
        own = case.formula.theirs["scipy"]
        return value_only(lambda: np.mean(own(special, *case.positional)))
    logits, labels, grad = case.pred, case.target, case.out
    rows = np.arange(len(labels))

    def forward() -> Any:
        return -np.mean(special.log_softmax(logits, axis=1)[rows, labels])

    def gradient() -> tuple[Any, Array]:
        log_p = special.log_softmax(logits, axis=1)
        np.exp(log_p, out=grad)
        grad[rows, labels] -= 1
        grad[...] /= len(labels)
        return -np.mean(log_p[rows, labels]), grad

    return Calls(forward, gradient)


def sklearn_calls(case: Problem) -> Calls:
    """What its linear models and gradient boosting run on; private, but there is no public way in. Else its
    metric, which is for small data and says so by its speed."""
    theirs = case.formula.theirs
    if "sklearn" not in theirs:
        from sklearn import metrics

        return value_only(functools.partial(theirs["sklearn_metric"], metrics, *case.positional))
    from sklearn._loss import loss as module

    loss, n = theirs["sklearn"](module, case.pred), len(case.pred)
    target = case.target > 0 if case.formula.draws["target"] is signs else case.target
    target = target.astype(case.pred.dtype)
    # It returns a loss a row and leaves the mean to its weights.
    weights = np.full(n, theirs.get("sklearn_weight", 1) / n, case.pred.dtype)
    losses = np.empty(n, case.pred.dtype)
    options = {"sample_weight": weights, "loss_out": losses, "n_threads": THREADS}

    def forward() -> Any:
        return loss.loss(target, case.pred, **options).sum()

    def gradient() -> tuple[Any, Array]:
        loss.loss_gradient(target, case.pred, gradient_out=case.out, **options)
        return losses.sum(), case.out

    return Calls(forward, gradient)


@functools.cache
def installed(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


def available(loss: str) -> dict[str, Callable[[Problem], Calls]]:
    theirs = FORMULAS[loss].theirs
    found = {"fastloss": fastloss_calls, "NumPy": numpy_calls}
    if installed("scipy") and ("scipy" in theirs or loss == "cross_entropy"):
        found["SciPy"] = scipy_calls
    if installed("sklearn") and theirs.keys() & {"sklearn", "sklearn_metric"}:
        found["scikit-learn"] = sklearn_calls
    if installed("torch"):
        found["torch"] = torch_calls
    if installed("jax"):
        found["JAX"] = jax_calls
    if installed("optax") and "optax" in theirs:
        found["optax"] = optax_calls
    return found


def gives_gradient(name: str, loss: str) -> bool:
    formula = FORMULAS[loss]
    exceptions = {
        "NumPy": loss in NUMPY,
        "SciPy": loss == "cross_entropy",
        "scikit-learn": "sklearn" in formula.theirs,
    }
    return not formula.is_metric and exceptions.get(name, True)


def entries(losses: Iterable[str]) -> list[tuple[str, str, str]]:
    """Loss, contender and what is asked of it: the parameters of a benchmark."""
    return [
        (loss, name, what)
        for loss in losses
        for name in available(loss)
        for what in Calls._fields
        if what == "forward" or gives_gradient(name, loss)
    ]


# ---- right before fast ----


@functools.lru_cache(maxsize=1)
def exact(case: Problem) -> tuple[float, Array | None]:
    """Mean and gradient in float64, from the oracles of the tests (metrics: from the formula). In blocks of
    rows, as the oracles take twenty temporaries."""
    options = {} if case.pred.ndim == 1 else {"axis": -1, "real": np.float64}
    width = case.pred.size // len(case.pred)
    step = max(1, 2**16 // width)
    grad = None if case.formula.is_metric else np.empty(case.pred.shape, np.float64)
    xp = numpy_namespace()

    def block(start: int) -> float:
        at = slice(start, start + step)
        positional = [array[at] for array in case.positional]
        more = {name: array[at] for name, array in case.more.items()}
        if grad is None:
            return np.sum(case.formula.values(xp, positional[0].astype(np.float64), *positional[1:]))
        found = getattr(reference, case.loss)(*positional, **more, **case.formula.options, **options)
        grad[at] = found.grad / len(case.pred)
        return found.loss.sum()

    if case.loss == "perplexity":  # the one that is no mean
        return float(case.formula.values(xp, case.pred.astype(np.float64), case.target)), None
    total = sum(POOL.map(block, range(0, len(case.pred), step)))
    return float(total) / len(case.pred), grad


def check(case: Problem, name: str, values: Iterable[Any], grad: Any = None) -> None:
    """Raise AssertionError unless the answers are those of float64, to the rounding of the arithmetic."""
    compute = 2.0**-52 if case.pred.dtype == np.float64 else 2.0**-23
    stored = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
    value, exact_grad = exact(case)
    for found in values:
        message = f"{name}: {case.label}"
        np.testing.assert_allclose(np.asarray(found, np.float64), value, 200 * compute, err_msg=message)
    if grad is None:
        return
    grad = np.asarray(grad)
    # p - 1 cancels in a confident row: entries are as exact as the largest, not each by itself.
    largest = max(exact_grad.max(), -exact_grad.min())
    atol = max(stored[grad.dtype.name], 16 * compute) * largest
    wrong = 0
    for start in range(0, len(grad), 2**16):
        part = exact_grad[start : start + 2**16]
        difference = abs(grad[start : start + 2**16].astype(np.float64) - part)
        wrong += np.count_nonzero(~(difference <= atol + 200 * compute * abs(part)))
    # Where a difference falls on a kink, rounding decides on its side: one in a million may.
    assert wrong <= grad.size / 1e6, f"{name}: {case.label}: {wrong} entries of the gradient are wrong"


def prepare(case: Problem, contenders: Iterable[str]) -> dict[str, Calls]:
    """The calls of every contender, each after both of its answers were found right."""
    makers = available(case.loss)
    calls = {name: makers[name](case) for name in contenders}
    for name, pair in calls.items():
        if pair.gradient is None:
            check(case, name, [pair.forward()])
        else:
            value, grad = pair.gradient()
            check(case, name, [value, pair.forward()], grad)
    return calls


# The large ones take 300 MB: hold one at a time.
cached_problem = functools.lru_cache(maxsize=1)(make_problem)


@functools.lru_cache(maxsize=1)
def calls(name: str, loss: str, shape: tuple[int, ...], shrink: int = 1) -> Calls:
    case = cached_problem(loss, (shape[0] // shrink, *shape[1:]))
    return prepare(case, [name])[name]
