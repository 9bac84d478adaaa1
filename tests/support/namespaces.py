"""What the formulas are made of (formulas.py), in NumPy, torch and mpmath."""

import operator
from types import SimpleNamespace

import mpmath
import numpy as np

SHARED = "clip exp expm1 log log1p sinh sqrt where"


def namespace(module, **own):
    return SimpleNamespace(**({name: getattr(module, name) for name in SHARED.split()} | own))


# --- NumPy: each function to a few units of the last place ------------------------------------------------


def times(c, a):
    return np.where(c == 0, 0, c * a)


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-abs(x)))


def sigmoid(x):
    e = np.exp(-abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def numpy_namespace(real):
    """For arrays of the type `real`."""
    return namespace(np, number=real, times=times, softplus=softplus, sigmoid=sigmoid)


# --- torch ------------------------------------------------------------------------------------------------


def torch_namespace():
    import torch

    softplus = lambda x: -torch.nn.functional.logsigmoid(-x)  # noqa: E731 (torch's own is x above 20)
    return namespace(torch, number=float, times=operator.mul, softplus=softplus, sigmoid=torch.sigmoid)


# --- mpmath: numbers, or arrays of numbers ------------------------------------------------------------------


def each(function):
    """For one number or, elementwise, for an array of them."""
    return lambda *arrays: np.frompyfunc(function, len(arrays), 1)(*arrays)


def mp_clip(x, low, high):
    return each(lambda v: max(v, low) if high is None else min(max(v, low), high))(x)


MP = SimpleNamespace(
    **{name: each(getattr(mpmath, name)) for name in ("exp", "expm1", "log", "log1p", "sinh", "sqrt")},
    clip=mp_clip,
    where=each(lambda condition, a, b: a if condition else b),
    number=mpmath.mpf,
    times=each(lambda c, a: c and c * a),
    softplus=each(lambda x: mpmath.log1p(mpmath.exp(x)) if x < 0 else x + mpmath.log1p(mpmath.exp(-x))),
    sigmoid=each(lambda x: 1 / (1 + mpmath.exp(-x))),
)
