"""The losses of torch.nn.functional: each call as one of fastloss.

A function here checks and translates; `drop_in` makes it the loss, and hands on to torch what it refuses.
What a docstring says of shapes and domains is what the kernels take, and a rule only under `strict()`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

import fastloss as fl
from fastloss import _check
from fastloss._loss import losses as _losses
from fastloss.torch._dropin import drop_in
from fastloss.torch._fused_call import (
    FIRST,
    MINUS_FIRST,
    SECOND,
    Elsewhere,
    FusedCall,
    array,
    memory,
    scores,
    strict,
)

F = torch.nn.functional

_POISSON_EPS, _LEAST_VARIANCE = 1e-8, 1e-6
# torch takes any number for a log-probability.
_NLL, _KL_DIV = (_losses[name]._of_any_scores() for name in ("nll", "kl_div"))


def _refuse_deprecated(size_average: bool | None, reduce: bool | None) -> None:
    if size_average is reduce is None:
        return
    for name, value in (("size_average", size_average), ("reduce", reduce)):
        if value is not None:
            raise ValueError(
                f"{name} = {value!r} is deprecated in torch and not taken here: "
                'reduction = "mean", "sum" or "none" says it'
            )


def _promoted(fused: FusedCall) -> FusedCall:
    """With the value in the wider dtype of input and target; in float64 torch computes it as well."""
    given = fused.arrays[0].dtype
    dtype = given
    for each in (fused.arrays[1], fused.parameters.get("sample_weight"), fused.parameters.get("var")):
        if isinstance(each, np.ndarray) and each.dtype != given and each.dtype.kind in "fV":  # V: bfloat16
            dtype = np.promote_types(dtype, each.dtype)
    if dtype == given or strict.on:
        return fused
    if dtype.itemsize > 4:
        raise TypeError(f"an argument has dtype {dtype}, input has dtype {given}, in which kernels compute")
    return fused._replace(dtype=dtype)


# ---- losses of class scores ----------------------------------------------------------------------------


def _rows(
    which: Any,
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    inplace: bool,
    soft: bool = False,
    **parameters: Any,
) -> FusedCall:
    """A loss of labels, or of soft targets; torch's class axis is the second, or the only one."""
    x, t = scores("input", input), array("target", target)
    if x.ndim == 0:
        raise ValueError("input has shape (): it needs an axis of classes")
    if target.is_floating_point() and not soft:
        raise TypeError(f"target has dtype {target.dtype}: it must hold integer labels")
    if t.ndim != x.ndim - (not target.is_floating_point()):
        raise ValueError(
            f"target has dtype {target.dtype} and shape {t.shape}, input has shape {x.shape}: "
            "labels are integers without the class axis" + (", soft targets have that shape" if soft else "")
        )
    if weight is not None:
        parameters["class_weight"] = array("weight", weight)
    return _promoted(FusedCall(which, ((input, FIRST),), (x, t), parameters, 1 if x.ndim > 1 else 0, inplace))


@drop_in(F.cross_entropy, same=(), axis=1)
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    *,
    inplace: bool = False,
) -> FusedCall:
    """torch.nn.functional.cross_entropy: softmax cross entropy of logits against labels or probabilities.

    input : (N, C), (N, C, d1, ...) or (C,) logits
    target : (N), (N, d1, ...) or () integer labels, or probabilities >= 0 of the shape of `input`
    weight : (C,), >= 0
    ignore_index, reduction, label_smoothing : as in torch
    inplace : write the gradient over `input`

    A label out of range is torch's IndexError; under `strict()`, or with `inplace`, a ValueError before
    anything is written.
    """
    _refuse_deprecated(size_average, reduce)
    if ignore_index >= 0 and isinstance(target, Tensor) and target.is_floating_point():
        raise ValueError(
            f"ignore_index = {ignore_index} names a label, target has dtype {target.dtype} and "
            "holds probabilities: leave it out"
        )
    return _rows(
        fl.cross_entropy,
        input,
        target,
        weight,
        inplace,
        soft=True,
        ignore_index=ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


@drop_in(F.nll_loss, same=(), axis=1)
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    *,
    inplace: bool = False,
) -> FusedCall:
    """torch.nn.functional.nll_loss: minus the log-probability of the label.

    input : (N, C), (N, C, d1, ...) or (C,) log-probabilities
    target : (N), (N, d1, ...) or () integer labels
    weight : (C,), >= 0
    ignore_index, reduction : as in torch
    inplace : write the gradient over `input`

    `cross_entropy` of logits is faster than this of `log_softmax`.
    """
    _refuse_deprecated(size_average, reduce)
    return _rows(_NLL, input, target, weight, inplace, ignore_index=ignore_index, reduction=reduction)


@drop_in(F.multi_margin_loss, same=(), axis=1)
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    *,
    inplace: bool = False,
) -> FusedCall:
    """torch.nn.functional.multi_margin_loss: each other class pays for its own margin.

    input : (N, C) or (C,) scores
    target : (N) or () integer labels
    p : 1 or 2
    margin : > 0
    weight : (C,), >= 0
    inplace : write the gradient over `input`
    """
    _refuse_deprecated(size_average, reduce)
    return _rows(
        fl.multi_margin,
        input,
        target,
        weight,
        inplace,
        p=p,
        margin=margin,
        ignore_index=None,
        reduction=reduction,
    )


@drop_in(F.kl_div)
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
    *,
    inplace: bool = False,
) -> FusedCall:
    """torch.nn.functional.kl_div: elementwise t (log t - input), t the target or exp(target).

    input : log-probabilities of any shape
    target : of that shape, >= 0 or with `log_target` logarithms
    reduction : "mean" (over elements), "batchmean" (the sum over the length of the first axis), "sum", "none"
    inplace : write the gradient over `input`

    An element whose t is 0 adds 0, whatever its log-probability (in torch nan at -inf).
    """
    _refuse_deprecated(size_average, reduce)
    x, t = scores("input", input), array("target", target)
    how: dict[str, Any] = dict(reduction=reduction, log_target=log_target)
    if x.size and reduction == "batchmean":
        how |= dict(reduction="mean", normalizer=x.shape[0] if x.ndim else 1)
    elif x.size and reduction == "mean":
        how |= dict(normalizer=x.size)
    elif reduction == "batchmean":
        how |= dict(reduction="mean")
    if reduction == "none" or x.ndim == 0:  # rows of one class
        x, t = x[..., np.newaxis], t[..., np.newaxis]
    return _promoted(FusedCall(_KL_DIV, ((input, FIRST),), (x, t), how, x.ndim - 1, inplace))


# ---- elementwise losses --------------------------------------------------------------------------------


def _residual(
    which: Any, input: Tensor, target: Tensor, weight: Tensor | None, inplace: bool, **parameters: Any
) -> FusedCall:
    """A loss of input - target: the gradients by the two are opposite."""
    x, t = scores("input", input), memory("target", target)
    if weight is not None:
        w = parameters["sample_weight"] = array("weight", weight)
        if w.shape != x.shape:
            raise ValueError(
                f"weight has shape {w.shape}, input has shape {x.shape}: they must match exactly"
            )
    return FusedCall(which, ((input, FIRST), (target, MINUS_FIRST)), (x, t), parameters, inplace=inplace)


@drop_in(F.mse_loss, by=("input", "target"))
def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
    *,
    inplace: bool = False,
) -> FusedCall:
    """torch.nn.functional.mse_loss: (input - target)^2.

    input, target : tensors of one shape, both differentiable
    weight : of that shape, >= 0; "mean" divides by its sum
    inplace : write the gradient over `input`
    """
    _refuse_deprecated(size_average, reduce)
    return _promoted(_residual(fl.mse, input, target, weight, inplace, reduction=reduction))


@drop_in(F.l1_loss, by=("input", "target"))
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
    *,
    inplace: bool = False,
) -> FusedCall:
    """torch.nn.functional.l1_loss: |input - target|.

    input, target : tensors of one shape, both differentiable
    weight : of that shape, >= 0; "mean" divides by its sum
    inplace : write the gradient over `input`
    """
    _refuse_deprecated(size_average, reduce)
    return _promoted(_residual(fl.mae, input, target, weight, inplace, reduction=reduction))


@drop_in(F.smooth_l1_loss, by=("input", "target"))
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
    *,
    inplace: bool = False,
) -> FusedCall:
    """torch.nn.functional.smooth_l1_loss: r^2 / (2 beta) where |r| < beta, else |r| - beta / 2.

    input, target : tensors of one shape, both differentiable
    beta : >= 0; 0 is l1_loss
    inplace : write the gradient over `input`
    """
    _refuse_deprecated(size_average, reduce)
    return _promoted(_residual(fl.smooth_l1, input, target, None, inplace, reduction=reduction, beta=beta))


@drop_in(F.huber_loss, by=("input", "target"))
def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
    *,
    inplace: bool = False,
) -> FusedCall:
    """torch.nn.functional.huber_loss: r^2 / 2 where |r| < delta, else delta (|r| - delta / 2).

    input, target : tensors of one shape, both differentiable
    delta : > 0
    weight : of that shape, >= 0; "mean" divides by the number of elements, as torch does for this loss
    inplace : write the gradient over `input`
    """
    fused = _residual(fl.huber, input, target, weight, inplace, reduction=reduction, delta=delta)
    return fused if weight is None else _over_all(fused)


def _over_all(fused: FusedCall) -> FusedCall:
    """Where a weight does not change what "mean" divides by."""
    if fused.parameters["reduction"] == "mean" and fused.arrays[0].size:
        fused.parameters["normalizer"] = fused.arrays[0].size
    return fused


def _binary(
    which: Any, input: Tensor, target: Tensor, weight: Tensor | None, inplace: bool, **parameters: Any
) -> FusedCall:
    """A loss of elements whose weight is broadcast."""
    x, t = scores("input", input), array("target", target)
    fused = FusedCall(which, ((input, FIRST),), (x, t), parameters, inplace=inplace)
    if weight is None:
        return fused
    parameters["sample_weight"] = np.broadcast_to(array("weight", weight), x.shape)
    return _over_all(fused)


@drop_in(F.binary_cross_entropy)
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    *,
    inplace: bool = False,
) -> FusedCall:
    """torch.nn.functional.binary_cross_entropy: of probabilities against labels or probabilities.

    input : probabilities of any shape
    target : of that shape, in [0, 1]
    weight : >= 0, broadcast to that shape; "mean" divides by the number of elements
    inplace : write the gradient over `input`

    What is no probability, nan too, is torch's RuntimeError; under `strict()`, or with `inplace`, a
    ValueError. One of exactly 0 or 1 on the wrong side costs 100, as in torch, which then computes the loss.
    `binary_cross_entropy_with_logits` is exact there.
    """
    _refuse_deprecated(size_average, reduce)
    fused = _binary(fl.binary_cross_entropy, input, target, weight, inplace, reduction=reduction, eps=0)

    def elsewhere() -> Elsewhere:
        return Elsewhere(
            target=target.to(input.dtype), weight=None if weight is None else weight.to(input.dtype)
        )

    def finish(value: Any) -> Any:
        if np.isinf(value).any() or _is_beyond(*fused.arrays):  # wrong and certain, which costs 100 in torch
            raise elsewhere()
        return value

    if not (inplace or strict.on):
        return fused._replace(finish=finish)
    if _has_certain(fused.arrays[0]) or _is_beyond(*fused.arrays):  # before anything is written
        raise elsewhere()
    return fused


def _is_beyond(probs: np.ndarray, target: np.ndarray) -> bool:
    """Whether one is wrong and so small that the gradient overflows, or the cost is more than 100."""
    least = math.exp(-100) if probs.dtype == np.float64 else 2.0**-126
    return bool(
        probs.size
        and probs.min() < least
        and probs.shape == target.shape
        and (target[probs < least] > 0).any()
    )


def _has_certain(probs: np.ndarray) -> bool:
    """Whether a probability is 0 or 1; an error where one is outside."""
    if not probs.size:
        return False
    low, high = probs.min(), probs.max()
    if not (low >= 0 and high <= 1):
        for at in np.argwhere(~((probs >= 0) & (probs <= 1)))[:1]:
            raise ValueError(
                f"input{at.tolist() or ''} = {float(probs[tuple(at)]):.6g} is no probability: "
                "it must be in [0, 1]"
            )
    return bool(low == 0 or high == 1)


@drop_in(F.binary_cross_entropy_with_logits)
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
    *,
    inplace: bool = False,
) -> FusedCall:
    """torch.nn.functional.binary_cross_entropy_with_logits: of log odds against labels or probabilities.

    input : log odds of any shape
    target : of that shape, in [0, 1]
    weight : >= 0, broadcast to that shape; "mean" divides by the number of elements
    pos_weight : > 0, broadcast to that shape; multiplies what target 1 costs
    inplace : write the gradient over `input`
    """
    _refuse_deprecated(size_average, reduce)
    which = fl.binary_cross_entropy_with_logits
    fused = _promoted(_binary(which, input, target, weight, inplace, reduction=reduction))
    if pos_weight is not None:
        factor, shape = array("pos_weight", pos_weight), fused.arrays[0].shape
        one_each = factor.ndim == 0 or (shape and factor.shape == shape[-1:])
        fused.parameters["pos_weight"] = factor if one_each else np.broadcast_to(factor, shape)
    return fused


@drop_in(F.multilabel_soft_margin_loss, axis=-1)
def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    *,
    inplace: bool = False,
) -> FusedCall:
    """torch.nn.functional.multilabel_soft_margin_loss: binary cross entropy, the mean over the classes.

    input : (..., C) log odds
    target : of that shape, in [0, 1]
    weight : (C,) or broadcast to that shape, >= 0
    inplace : write the gradient over `input`
    """
    _refuse_deprecated(size_average, reduce)
    which = fl.binary_cross_entropy_with_logits
    fused = _promoted(_binary(which, input, target, weight, inplace, reduction=reduction))
    x, parameters = fused.arrays[0], fused.parameters
    classes = x.shape[-1] if x.ndim else 0
    if not classes:
        raise ValueError(f"input has shape {x.shape}: it needs an axis of classes")
    if reduction not in ("sum", "none"):
        return fused
    if reduction == "sum":
        parameters |= dict(reduction="mean", normalizer=classes)
        return fused
    parameters["sample_weight"] = np.broadcast_to(parameters.get("sample_weight", 1.0) / classes, x.shape)
    return fused._replace(axis=x.ndim - 1, finish=lambda values: values.sum(-1))


@drop_in(F.soft_margin_loss)
def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    *,
    inplace: bool = False,
) -> FusedCall:
    """torch.nn.functional.soft_margin_loss: log(1 + exp(-target input)).

    input : scores of any shape
    target : of that shape, -1 or 1
    inplace : write the gradient over `input`
    """
    _refuse_deprecated(size_average, reduce)
    return _binary(fl.soft_margin, input, target, None, inplace, reduction=reduction)


@drop_in(F.poisson_nll_loss)
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
    *,
    inplace: bool = False,
) -> FusedCall:
    """torch.nn.functional.poisson_nll_loss: exp(input) - target input, or input - target log(input + eps).

    input : log-rates of any shape, or rates with log_input=False
    target : counts, of that shape
    full : adds the Stirling term of each count above 1, target log(target) - target + log(2 pi target) / 2
    eps : 1e-8 where log_input is False
    inplace : write the gradient over `input`
    """
    _refuse_deprecated(size_average, reduce)
    if not log_input and eps != _POISSON_EPS:
        raise ValueError(f"eps = {eps!r} with log_input = False must be {_POISSON_EPS}")
    fused = _binary(fl.poisson, input, target, None, inplace, reduction=reduction, log_input=log_input)
    fused = _promoted(fused)
    if not full:
        return fused
    return fused._replace(finish=lambda value: value + _reduced(_stirling(fused.arrays[1]), reduction))


def _stirling(counts: np.ndarray) -> np.ndarray:
    """Of log(count!), for counts above 1."""
    t = np.where(counts > 1, counts, 1).astype(np.float64)
    return np.where(counts > 1, t * np.log(t) - t + np.log(2 * math.pi * t) / 2, 0)


def _reduced(values: np.ndarray, reduction: str) -> Any:
    return values if reduction == "none" else values.mean() if reduction == "mean" else values.sum()


@drop_in(F.gaussian_nll_loss, by=("input", "target", "var"))
def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
    *,
    inplace: bool = False,
) -> FusedCall:
    """torch.nn.functional.gaussian_nll_loss: (log v + r^2 / v) / 2 with v = max(var, eps).

    input, target : tensors of exactly the same shape, both differentiable
    var : >= 0: a number, or a tensor of that shape, or of it without the last axis, or with one axis of
        length 1; differentiable
    full : adds log(2 pi) / 2
    eps : >= 1e-6, or below the least variance
    inplace : write the gradient over `input`
    """
    x, t = scores("input", input), memory("target", target)
    by = [(input, FIRST), (target, MINUS_FIRST)]
    how: dict[str, Any] = dict(reduction=reduction)
    least = _check.positive("eps", eps)
    if isinstance(var, Tensor):
        how["var"] = _variances(memory("var", var), x.shape, least)
        by.append((var, SECOND))
    else:
        how["var"] = max(_check.non_negative("var", var), least)
        if how["var"] < _LEAST_VARIANCE and not strict.on:
            raise ValueError(f"var = {var!r} with eps = {eps!r} is less than {_LEAST_VARIANCE}")
    scalar = x.ndim == 0  # a number is not taken for an array of variances
    if scalar:
        x, t = x.reshape(1), t.reshape(1)
    constant = 0.0 if not full else math.log(2 * math.pi) / 2 * (x.size if reduction == "sum" else 1)

    def finish(value: Any) -> Any:
        return (value[0] if scalar and reduction == "none" else value) + constant

    return _promoted(FusedCall(fl.gaussian_nll, tuple(by), (x, t), how, inplace=inplace, finish=finish))


def _variances(var: np.ndarray, shape: tuple[int, ...], least: float) -> np.ndarray:
    """One for each element, by torch's rule."""
    if least < _LEAST_VARIANCE and var.size and var.min() < _LEAST_VARIANCE:
        raise ValueError(
            f"eps = {least!r} lets variances be less than {_LEAST_VARIANCE}, where they are "
            "kept here: it must not be less, or the variances not"
        )
    if var.dtype.kind not in "fV":
        raise TypeError(f"var has dtype {var.dtype}: it must be floating")
    differ = [a for a, b in zip(var.shape, shape) if a != b]
    if var.shape == shape[:-1] and var.shape != shape:
        var = var[..., np.newaxis]
    elif var.shape != shape and not (var.ndim == len(shape) and differ == [1]):
        raise ValueError(
            f"var has shape {var.shape}, input has shape {shape}: it must have that shape, or "
            "lack the last axis, or have length 1 along one"
        )
    if least > _LEAST_VARIANCE and not (var < 0).any():  # which is an error
        var = np.maximum(var, var.dtype.type(least))
    return np.broadcast_to(var, shape or (1,))


# ---- losses of two vectors -----------------------------------------------------------------------------


@drop_in(F.cosine_embedding_loss, by=("input1", "input2"), same=("input2",), axis=-1)
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    *,
    inplace: bool = False,
) -> FusedCall:
    """torch.nn.functional.cosine_embedding_loss: 1 - cos where target is 1, max(0, cos - margin) where -1.

    input1, input2 : (N, D) or (D,) tensors of exactly the same shape, both differentiable
    target : (N) or (), 1 or -1
    margin : in [-1, 1]
    inplace : write the gradient by `input1` over it
    """
    _refuse_deprecated(size_average, reduce)
    arrays = scores("input1", input1), memory("input2", input2), array("target", target)
    return FusedCall(
        fl.cosine_embedding,
        ((input1, FIRST), (input2, SECOND)),
        arrays,
        dict(reduction=reduction, margin=margin),
        arrays[0].ndim - 1,
        inplace,
    )


# ---- no kernels yet ------------------------------------------------------------------------------------

ctc_loss = F.ctc_loss
hinge_embedding_loss = F.hinge_embedding_loss
margin_ranking_loss = F.margin_ranking_loss
multilabel_margin_loss = F.multilabel_margin_loss
triplet_margin_loss = F.triplet_margin_loss
triplet_margin_with_distance_loss = F.triplet_margin_with_distance_loss
if hasattr(F, "linear_cross_entropy"):  # torch 2.13
    linear_cross_entropy = F.linear_cross_entropy
