"""What every loss of rows and of two vectors is held against."""

import ml_dtypes
import numpy as np
import pytest

import fastloss as fl
from support import reference as ref
from support.cases import HESSIANS, LOSSES, VARIANTS, VECTORS
from support.differences import assert_close, difference, differences
from support.layouts import DTYPES, assert_near, compute, eps, real, same_bits

each_variant = pytest.mark.parametrize("name, kind", VARIANTS, ids=["-".join(v) for v in VARIANTS])
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def moved(name, kind, arrays, axis):
    """The arrays with their class axis there instead of last."""
    n = 1 if kind == "labels" else 2
    return [np.ascontiguousarray(np.moveaxis(a, -1, axis)) for a in arrays[:n]] + arrays[n:]


def check(
    name, arrays, axis=-1, vector=None, sample_weight=None, normalizer=None, reduction="mean", **options
):
    """Every method agrees with the oracle within the bounds, and with the others to the bit."""
    loss, oracle = fl.losses[name], getattr(ref, name)
    call = dict(sample_weight=sample_weight, normalizer=normalizer, reduction=reduction, axis=axis)
    dtype, about = arrays[0].dtype, dict(axis=axis, real=real(arrays[0].dtype), **options)
    about |= {} if vector is None else dict(vector=vector)
    value, grad, hess, hvp = ref.reduced(oracle(*arrays, **about), **call)
    bound, *bounds = ref.reduced(oracle.bounds(*arrays, eps(dtype), **about), **call)

    got = loss(*arrays, **call, **options)
    if reduction == "none":
        assert got.shape == value.shape and got.dtype == compute(dtype)
    else:
        assert type(got) is float
    assert_near(got, np.asarray(value), bound + 2 * eps(dtype) * abs(value), compute(dtype), "value")

    beside, grad1 = loss.value_and_grad(*arrays, **call, **options)
    assert same_bits(got, beside), "a value alone is the value beside a gradient"
    assert same_bits(grad1, loss.grad(*arrays, **call, **options))
    results = {"grad": (grad1, grad, bounds[0])}
    if name in HESSIANS:
        grad2, hess1 = loss.grad_and_hess(*arrays, **call, **options)
        assert same_bits(grad1, grad2)
        results["hess"] = (hess1, hess, bounds[1])
    if vector is not None:
        results["hvp"] = (loss.hvp(*arrays, vector, **call, **options), hvp, bounds[2])
    if LOSSES[name].targets == "vectors":
        value2, (first, second) = loss.value_and_grads(*arrays, **call, **options)
        assert same_bits(got, value2) and same_bits(grad1, first)
        exchanged = [arrays[1], arrays[0], *arrays[2:]]
        want = ref.reduced(oracle(*exchanged, **about), **call)[1]
        off = ref.reduced(oracle.bounds(*exchanged, eps(dtype), **about), **call)[1]
        results["second grad"] = (second, want, off)
    largest = float(ml_dtypes.finfo(dtype).max)
    for what, (have, want, off) in results.items():
        assert have.dtype == dtype and have.shape == arrays[0].shape
        want = np.where(abs(want) > largest, np.copysign(np.inf, want), want)  # 1 / p^2 in float16
        assert_near(have, want, off, dtype, what)


def everything(name, arrays, **call):
    """All that the loss can say, as a list of arrays."""
    loss = fl.losses[name]
    value, grad = loss.value_and_grad(*arrays, **call)
    found = [value, loss(*arrays, **call), grad]
    if name in HESSIANS:
        found += loss.grad_and_hess(*arrays, **call)
    if hasattr(loss, "hvp"):
        found.append(loss.hvp(*arrays, arrays[0], **call))
    if name in VECTORS:
        found += loss.value_and_grads(*arrays, **call)[1]
    return found


def assert_same(some, other, what=""):
    assert len(some) == len(other)
    for i, (a, b) in enumerate(zip(some, other)):
        assert same_bits(a, b), f"result {i} {what}"


def differentiate(name, arrays, vector=None, **call):
    loss, (x, *others) = fl.losses[name], arrays
    summed = call | (dict(reduction="sum") if call.get("reduction") == "none" else {})
    value, grad = loss(x, *others, **summed), loss.grad(x, *others, **call)
    assert_close(grad, differences(lambda a: loss(a, *others, **summed), x), value)
    if name in HESSIANS:
        full = differences(lambda a: loss.grad(a, *others, **call), x).reshape(x.size, x.size)
        assert_close(loss.grad_and_hess(x, *others, **call)[1].ravel(), np.diag(full), value)
    if vector is not None:
        along = difference(lambda a: loss.grad(a, *others, **call), x, vector)
        assert_close(loss.hvp(x, *others, vector, **call), along, value)
    if name in VECTORS:
        second = loss.value_and_grads(*arrays, **call)[1][1]
        want = differences(lambda b: loss(x, b, *others[1:], **summed), others[0])
        assert_close(second, want, value)
