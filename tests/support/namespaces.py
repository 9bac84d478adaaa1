"""What the formulas are made of (formulas.py), in NumPy, torch and mpmath. Targets are dense."""

import math
from types import SimpleNamespace

import mpmath
import numpy as np

SHARED = "amax arccos clip cos exp expm1 floor log log1p sinh sqrt sum tanh where"


def of_masses(xp):
    """What a namespace has to say about a target, here a mass for each class."""
    xp.times = lambda c, a: xp.where(c == 0, 0, c * a)
    xp.at = lambda x, t: x
    xp.expect = lambda v, t: xp.times(t, v).sum(-1)
    xp.surprisal = lambda x, t: -xp.log_softmax(x)
    xp.mass = lambda t: t.sum(-1)
    xp.hot = lambda x, t: t > 0
    xp.pick = lambda x, t: xp.where(t > 0, x, 0).sum(-1)
    xp.dense = lambda x, t: t
    return xp


def namespace(module, **own):
    return of_masses(SimpleNamespace(**{name: getattr(module, name) for name in SHARED.split()}, **own))


# --- NumPy: each function to a few units of the last place ------------------------------------------------


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-abs(x)))


def sigmoid(x):
    e = np.exp(-abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def softmax(u):
    e = np.exp(u - u.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def logsumexp(u):
    m = u.max(-1, keepdims=True)
    return (m + np.log(np.exp(u - m).sum(-1, keepdims=True)))[..., 0]


def log_softmax(u):
    m = u.max(-1, keepdims=True)
    return (u - m) - np.log(np.exp(u - m).sum(-1, keepdims=True))


def numpy_namespace(real):
    """For arrays of the type `real`."""
    return namespace(
        np,
        number=real,
        math=np,
        sigmoid=sigmoid,
        softplus=softplus,
        softmax=softmax,
        log_softmax=log_softmax,
        logsumexp=logsumexp,
    )


# --- torch ------------------------------------------------------------------------------------------------


def torch_namespace():
    import torch

    return namespace(
        torch,
        number=float,
        math=math,
        sigmoid=torch.sigmoid,
        softplus=lambda x: -torch.nn.functional.logsigmoid(-x),  # torch's softplus is x above 20
        softmax=lambda x: x.softmax(-1),
        log_softmax=lambda x: x.log_softmax(-1),
        logsumexp=lambda x: x.logsumexp(-1),
    )


# --- mpmath: numbers, or NumPy's arrays of them -------------------------------------------------------------


def each(function):
    """For a number or, elementwise, for arrays."""
    return lambda *arrays: np.frompyfunc(function, len(arrays), 1)(*arrays)


def mp_clip(x, low, high):
    return each(lambda v: max(v, low) if high is None else min(max(v, low), high))(x)


def mp_softmax(x):
    e = MP.exp(x)
    return e / e.sum(-1, keepdims=True)


MP = of_masses(
    SimpleNamespace(
        **{
            name: each(getattr(mpmath, name))
            for name in "cos exp expm1 floor log log1p sinh sqrt tanh".split()
        },
        arccos=each(mpmath.acos),
        amax=np.amax,
        clip=mp_clip,
        sum=np.sum,
        where=each(lambda condition, a, b: a if condition else b),
        number=mpmath.mpf,
        math=mpmath,
        sigmoid=each(lambda x: 1 / (1 + mpmath.exp(-x))),
        softplus=each(lambda x: mpmath.log1p(mpmath.exp(x)) if x < 0 else x + mpmath.log1p(mpmath.exp(-x))),
        softmax=mp_softmax,
        log_softmax=lambda x: MP.log(mp_softmax(x)),
        logsumexp=lambda x: MP.log(MP.exp(x).sum(-1)),
    )
)
