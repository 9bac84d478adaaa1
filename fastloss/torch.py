"""fastloss for torch tensors on the CPU: the names and signatures of torch.nn.functional and torch.nn.

    import fastloss.torch as F

    loss = F.cross_entropy(logits, labels)                # as torch.nn.functional.cross_entropy
    loss = F.cross_entropy(logits, labels, inplace=True)  # and the gradient replaces the logits
    loss.backward()

Value and gradient are made together, and only the gradient is kept for the backward pass, which costs nothing
where the incoming gradient is 1. All functions and modules take one more keyword than torch's:

inplace : the gradient is written over the input, which saves one array of its size. The input must be the
    result of an operation (no leaf), and is spent: its values are gone, and autograd says so if it is used
    again. Nothing is overwritten where no gradient is wanted (`torch.no_grad`, an input that needs none).

The memory of a gradient of 32 MB or more is kept for the next one when it is free; `empty_cache()` gives it
back. `loss` and `Loss` do the same for any other loss of fastloss, whose arguments mean what they mean there.

Tensors are dense, on the CPU, of float32, float64, float16 or bfloat16 (which needs ml_dtypes); the result
has the dtype of the input. What differs from torch is written in docs/torch.md.
"""

from __future__ import annotations

import inspect
import math
from typing import Any

import fastloss as fl
from fastloss import _check
from fastloss._autograd import (
    FIRST,
    MINUS_FIRST,
    SECOND,
    Argument,
    array,
    empty_cache,
    fused,
    scores,
    tensor,
)
from fastloss._loss import Loss as _Loss
from fastloss._loss import ParameterLoss, VectorLoss
from fastloss._loss import losses as _losses
from fastloss._optional import require

require("torch", "torch")

import torch  # noqa: E402
from torch import nn  # noqa: E402

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CosineEmbeddingLoss",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "Loss",
    "MSELoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "NLLLoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cross_entropy",
    "empty_cache",
    "gaussian_nll_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "loss",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
]

_POISSON_EPS, _LEAST_VARIANCE = 1e-8, 1e-6
# torch takes any number for a log-probability.
_NLL, _KL_DIV = (_losses[name]._of_any_scores() for name in ("nll", "kl_div"))


def _refuse_deprecated(size_average: Any, reduce: Any) -> None:
    for name, value in (("size_average", size_average), ("reduce", reduce)):
        if value is not None:
            raise ValueError(f"{name} = {value!r} is deprecated in torch and not taken here: "
                             'reduction = "mean", "sum" or "none" says it')


# ---- losses of class scores ----------------------------------------------------------------------------


def _class_axis(input: Any) -> int:
    """torch's class axis: the second, or the only one."""
    if scores("input", input).ndim == 0:
        raise ValueError("input has shape (): it needs an axis of classes")
    return 1 if input.ndim > 1 else 0


def _rows(which: Any, input: Any, target: Any, weight: Any, inplace: bool, **parameters: Any) -> Any:
    if weight is not None:
        parameters["class_weight"] = array("weight", weight)
    return fused(which, (Argument("input", input, FIRST), Argument("target", target)), inplace=inplace,
                 axis=_class_axis(input), **parameters)


def cross_entropy(input: Any, target: Any, weight: Any = None, size_average: Any = None,
                  ignore_index: int = -100, reduce: Any = None, reduction: str = "mean",
                  label_smoothing: float = 0.0, *, inplace: bool = False) -> Any:
    """torch.nn.functional.cross_entropy: softmax cross entropy of logits against labels or probabilities.

    input : (N, C), (N, C, d1, ...) or (C,) logits
    target : (N), (N, d1, ...) or () integer labels, or probabilities >= 0 of the shape of `input`, by which
        no gradient is computed (pass target.detach())
    weight : (C,), >= 0
    ignore_index, reduction, label_smoothing : as in torch
    inplace : write the gradient over `input`

    Raises ValueError on a label out of range, before anything is written.
    """
    _refuse_deprecated(size_average, reduce)
    if tensor("target", target).is_floating_point() and ignore_index >= 0:
        raise ValueError(f"ignore_index = {ignore_index} names a label, target has dtype {target.dtype} and "
                         "holds probabilities: leave it out")
    return _rows(fl.cross_entropy, input, target, weight, inplace, ignore_index=ignore_index,
                 reduction=reduction, label_smoothing=label_smoothing)


def nll_loss(input: Any, target: Any, weight: Any = None, size_average: Any = None, ignore_index: int = -100,
             reduce: Any = None, reduction: str = "mean", *, inplace: bool = False) -> Any:
    """torch.nn.functional.nll_loss: minus the log-probability of the label.

    input : (N, C), (N, C, d1, ...) or (C,) log-probabilities
    target : (N), (N, d1, ...) or () integer labels
    weight : (C,), >= 0
    ignore_index, reduction : as in torch
    inplace : write the gradient over `input`

    `cross_entropy` of logits is faster than this of `log_softmax`.
    """
    _refuse_deprecated(size_average, reduce)
    if scores("input", input).shape == tensor("target", target).shape and target.is_floating_point():
        raise TypeError(f"target has dtype {target.dtype}: it must hold integer labels")
    return _rows(_NLL, input, target, weight, inplace, ignore_index=ignore_index, reduction=reduction)


def multi_margin_loss(input: Any, target: Any, p: int = 1, margin: float = 1.0, weight: Any = None,
                      size_average: Any = None, reduce: Any = None, reduction: str = "mean", *,
                      inplace: bool = False) -> Any:
    """torch.nn.functional.multi_margin_loss: each other class pays for its own margin.

    input : (N, C) or (C,) scores
    target : (N) or () integer labels
    p : 1 or 2
    margin : > 0
    weight : (C,), >= 0
    inplace : write the gradient over `input`
    """
    _refuse_deprecated(size_average, reduce)
    return _rows(fl.multi_margin, input, target, weight, inplace, p=p, margin=margin, ignore_index=None,
                 reduction=reduction)


def kl_div(input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
           log_target: bool = False, *, inplace: bool = False) -> Any:
    """torch.nn.functional.kl_div: elementwise t (log t - input), t the target or exp(target).

    input : log-probabilities of any shape
    target : of exactly that shape, >= 0 or with `log_target` logarithms; no gradient is computed by it
    reduction : "mean" (over elements), "batchmean" (the sum over the length of the first axis), "sum", "none"
    inplace : write the gradient over `input`

    An element whose t is 0 adds 0, whatever its log-probability (in torch nan at -inf).
    """
    _refuse_deprecated(size_average, reduce)
    how: dict[str, Any] = dict(reduction=reduction)
    if scores("input", input).numel():
        if reduction == "batchmean":
            how = dict(reduction="mean", normalizer=input.shape[0] if input.ndim else 1)
        elif reduction == "mean":
            how = dict(reduction="mean", normalizer=input.numel())
    elif reduction == "batchmean":
        how = dict(reduction="mean")
    arguments = [Argument("input", input, FIRST), Argument("target", target)]
    if reduction == "none" or input.ndim == 0:  # rows of one class
        arguments = [Argument(a.name, tensor(a.name, a.tensor).unsqueeze(-1), a.by) for a in arguments]
    return fused(_KL_DIV, tuple(arguments), inplace=inplace, axis=-1, log_target=log_target, **how)


# ---- elementwise losses --------------------------------------------------------------------------------


def _residual(which: Any, input: Any, target: Any, weight: Any, inplace: bool, **parameters: Any) -> Any:
    """A loss of input - target: the gradients by the two are opposite."""
    if weight is not None:
        if tensor("weight", weight).shape != scores("input", input).shape:
            raise ValueError(f"weight has shape {tuple(weight.shape)}, input has shape {tuple(input.shape)}: "
                             "they must match exactly")
        parameters["sample_weight"] = array("weight", weight)
    arguments = Argument("input", input, FIRST), Argument("target", target, MINUS_FIRST)
    return fused(which, arguments, inplace=inplace, **parameters)


def mse_loss(input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
             weight: Any = None, *, inplace: bool = False) -> Any:
    """torch.nn.functional.mse_loss: (input - target)^2.

    input, target : tensors of exactly the same shape (nothing is broadcast), both differentiable
    weight : of that shape, >= 0; "mean" divides by its sum
    inplace : write the gradient over `input`
    """
    _refuse_deprecated(size_average, reduce)
    return _residual(fl.mse, input, target, weight, inplace, reduction=reduction)


def l1_loss(input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
            weight: Any = None, *, inplace: bool = False) -> Any:
    """torch.nn.functional.l1_loss: |input - target|.

    input, target : tensors of exactly the same shape (nothing is broadcast), both differentiable
    weight : of that shape, >= 0; "mean" divides by its sum
    inplace : write the gradient over `input`
    """
    _refuse_deprecated(size_average, reduce)
    return _residual(fl.mae, input, target, weight, inplace, reduction=reduction)


def smooth_l1_loss(input: Any, target: Any, size_average: Any = None, reduce: Any = None,
                   reduction: str = "mean", beta: float = 1.0, *, inplace: bool = False) -> Any:
    """torch.nn.functional.smooth_l1_loss: r^2 / (2 beta) where |r| < beta, else |r| - beta / 2.

    input, target : tensors of exactly the same shape (nothing is broadcast), both differentiable
    beta : >= 0; 0 is l1_loss
    inplace : write the gradient over `input`
    """
    _refuse_deprecated(size_average, reduce)
    return _residual(fl.smooth_l1, input, target, None, inplace, reduction=reduction, beta=beta)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None, *,
               inplace: bool = False) -> Any:
    """torch.nn.functional.huber_loss: r^2 / 2 where |r| < delta, else delta (|r| - delta / 2).

    input, target : tensors of exactly the same shape (nothing is broadcast), both differentiable
    delta : > 0
    weight : of that shape, >= 0; "mean" divides by the number of elements, as torch does for this loss
    inplace : write the gradient over `input`
    """
    normalizer = None
    if weight is not None and reduction == "mean" and scores("input", input).numel():
        normalizer = input.numel()
    return _residual(fl.huber, input, target, weight, inplace, reduction=reduction, delta=delta,
                     normalizer=normalizer)


def _binary(which: Any, input: Any, target: Any, weight: Any, reduction: str, inplace: bool,
            **parameters: Any) -> Any:
    """A loss of elements whose weight is broadcast and does not change what "mean" divides by."""
    if weight is not None and reduction == "mean" and scores("input", input).numel():
        parameters["normalizer"] = input.numel()
    return fused(which, (Argument("input", input, FIRST), Argument("target", target)), inplace=inplace,
                 reduction=reduction, **_weights(input, weight), **parameters)


def _weights(input: Any, weight: Any) -> dict[str, Any]:
    if weight is None:
        return {}
    return dict(sample_weight=array("weight", tensor("weight", weight).expand(scores("input", input).shape)))


def binary_cross_entropy(input: Any, target: Any, weight: Any = None, size_average: Any = None,
                         reduce: Any = None, reduction: str = "mean", *, inplace: bool = False) -> Any:
    """torch.nn.functional.binary_cross_entropy: of probabilities against labels or probabilities.

    input : probabilities of any shape
    target : of exactly that shape, in [0, 1]; no gradient is computed by it
    weight : >= 0, broadcast to that shape; "mean" divides by the number of elements
    inplace : write the gradient over `input`

    Raises ValueError on what is no probability, nan too. One of exactly 0 or 1 on the wrong side costs 100,
    as in torch, which then computes the loss. `binary_cross_entropy_with_logits` is exact there.
    """
    _refuse_deprecated(size_average, reduce)
    certain = _has_certain(input)
    value = _binary(fl.binary_cross_entropy, input, target, weight, reduction, inplace and not certain, eps=0)
    if not certain or not value.detach().isinf().any():
        return value
    if weight is not None:
        weight = weight.to(input.dtype)
    return nn.functional.binary_cross_entropy(input, target.to(input.dtype), weight, reduction=reduction)


def _has_certain(input: Any) -> bool:
    """Whether a probability is 0 or 1; an error where one is outside."""
    if not scores("input", input).numel():
        return False
    probs = input.detach()
    low, high = (each.item() for each in probs.aminmax())
    if not (low >= 0 and high <= 1):
        at = tuple(((probs >= 0) & (probs <= 1)).logical_not().nonzero()[0].tolist())
        where = f"input{list(at)}" if at else "input"
        raise ValueError(f"{where} = {probs[at].item():.6g} is no probability: it must be in [0, 1]")
    return bool(low == 0 or high == 1)


def binary_cross_entropy_with_logits(input: Any, target: Any, weight: Any = None, size_average: Any = None,
                                     reduce: Any = None, reduction: str = "mean", pos_weight: Any = None, *,
                                     inplace: bool = False) -> Any:
    """torch.nn.functional.binary_cross_entropy_with_logits: of log odds against labels or probabilities.

    input : log odds of any shape
    target : of exactly that shape, in [0, 1]; no gradient is computed by it
    weight : >= 0, broadcast to that shape; "mean" divides by the number of elements
    pos_weight : > 0, broadcast to that shape; multiplies what target 1 costs
    inplace : write the gradient over `input`
    """
    _refuse_deprecated(size_average, reduce)
    if pos_weight is not None:
        factor = array("pos_weight", pos_weight)
        shape = tuple(scores("input", input).shape)
        if factor.ndim and (not shape or factor.shape != shape[-1:]):
            factor = array("pos_weight", pos_weight.expand(shape))
        return _binary(fl.binary_cross_entropy_with_logits, input, target, weight, reduction, inplace,
                       pos_weight=factor)
    return _binary(fl.binary_cross_entropy_with_logits, input, target, weight, reduction, inplace)


def multilabel_soft_margin_loss(input: Any, target: Any, weight: Any = None, size_average: Any = None,
                                reduce: Any = None, reduction: str = "mean", *, inplace: bool = False) -> Any:
    """torch.nn.functional.multilabel_soft_margin_loss: binary cross entropy, the mean over the classes.

    input : (..., C) log odds
    target : of exactly that shape, in [0, 1]; no gradient is computed by it
    weight : (C,) or broadcast to that shape, >= 0
    inplace : write the gradient over `input`
    """
    _refuse_deprecated(size_average, reduce)
    classes = scores("input", input).shape[-1] if input.ndim else 0
    if reduction != "sum" or not classes:
        value = _binary(fl.binary_cross_entropy_with_logits, input, target, weight, reduction, inplace)
        return value.mean(-1) if reduction == "none" else value
    divided = _weights(input, weight) | dict(reduction="mean", normalizer=classes)
    return fused(fl.binary_cross_entropy_with_logits,
                 (Argument("input", input, FIRST), Argument("target", target)), inplace=inplace, **divided)


def soft_margin_loss(input: Any, target: Any, size_average: Any = None, reduce: Any = None,
                     reduction: str = "mean", *, inplace: bool = False) -> Any:
    """torch.nn.functional.soft_margin_loss: log(1 + exp(-target input)).

    input : scores of any shape
    target : of exactly that shape, -1 or 1; no gradient is computed by it
    inplace : write the gradient over `input`
    """
    _refuse_deprecated(size_average, reduce)
    return _binary(fl.soft_margin, input, target, None, reduction, inplace)


def poisson_nll_loss(input: Any, target: Any, log_input: bool = True, full: bool = False,
                     size_average: Any = None, eps: float = 1e-8, reduce: Any = None,
                     reduction: str = "mean", *, inplace: bool = False) -> Any:
    """torch.nn.functional.poisson_nll_loss: exp(input) - target input, or input - target log(input + eps).

    input : log-rates of any shape, or rates with log_input=False
    target : counts, of exactly that shape; no gradient is computed by it
    full : adds the Stirling term of each count above 1, target log(target) - target + log(2 pi target) / 2
    eps : 1e-8 where log_input is False
    inplace : write the gradient over `input`
    """
    _refuse_deprecated(size_average, reduce)
    if not log_input and eps != _POISSON_EPS:
        raise ValueError(f"eps = {eps!r} with log_input = False must be {_POISSON_EPS}")
    loss = _binary(fl.poisson, input, target, None, reduction, inplace, log_input=log_input)
    if not full:
        return loss
    term = target * target.log() - target + (2 * math.pi * target).log() / 2
    term = term.masked_fill(target <= 1, 0)
    reduced = term if reduction == "none" else term.mean() if reduction == "mean" else term.sum()
    return loss + reduced.to(loss.dtype)


def gaussian_nll_loss(input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6,
                      reduction: str = "mean", *, inplace: bool = False) -> Any:
    """torch.nn.functional.gaussian_nll_loss: (log v + r^2 / v) / 2 with v = max(var, eps).

    input, target : tensors of exactly the same shape, both differentiable
    var : >= 0: a number, or a tensor of that shape, or of it without the last axis, or with one axis of
        length 1; differentiable
    full : adds log(2 pi) / 2
    eps : >= 1e-6, or below the least variance
    inplace : write the gradient over `input`
    """
    shape = tuple(scores("input", input).shape)
    if not shape:  # a number is not taken for an array of variances
        x, y = tensor("input", input).reshape(1), tensor("target", target).reshape(1)
        var = var.reshape(1) if isinstance(var, torch.Tensor) else var
        return gaussian_nll_loss(x, y, var, full, eps, reduction, inplace=inplace).reshape(())
    arguments = [Argument("input", input, FIRST), Argument("target", target, MINUS_FIRST)]
    how: dict[str, Any] = {}
    least = _check.positive("eps", eps)
    if isinstance(var, torch.Tensor):
        var = _repeated(var, shape)
        if least < _LEAST_VARIANCE and var.numel() and var.min() < _LEAST_VARIANCE:
            raise ValueError(f"eps = {eps!r} lets variances be less than {_LEAST_VARIANCE}, where they are "
                             "kept here: it must not be less, or the variances not")
        read_as = var.detach().clamp(min=least) if least > _LEAST_VARIANCE else None
        if read_as is not None and (var < 0).any():
            read_as = None  # for the error
        arguments.append(Argument("var", var, SECOND, "var", read_as))
    else:
        how["var"] = max(_check.non_negative("var", var), least)
    value = fused(fl.gaussian_nll, tuple(arguments), inplace=inplace, reduction=reduction, **how)
    if not full:
        return value
    constant = math.log(2 * math.pi) / 2
    return value + (constant * input.numel() if reduction == "sum" else constant)


def _repeated(var: Any, shape: tuple[int, ...]) -> Any:
    """The variances with the shape of the input, by torch's rule."""
    given = tuple(tensor("var", var).shape)
    if given == shape:
        return var
    if given == shape[:-1]:
        return var.unsqueeze(-1).expand(shape)
    if len(given) == len(shape) and [a for a, b in zip(given, shape) if a != b] == [1]:
        return var.expand(shape)
    raise ValueError(f"var has shape {given}, input has shape {shape}: it must have that shape, or lack the "
                     "last axis, or have length 1 along one")


# ---- losses of two vectors -----------------------------------------------------------------------------


def cosine_embedding_loss(input1: Any, input2: Any, target: Any, margin: float = 0, size_average: Any = None,
                          reduce: Any = None, reduction: str = "mean", *, inplace: bool = False) -> Any:
    """torch.nn.functional.cosine_embedding_loss: 1 - cos where target is 1, max(0, cos - margin) where -1.

    input1, input2 : (N, D) or (D,) tensors of exactly the same shape, both differentiable
    target : (N) or (), 1 or -1
    margin : in [-1, 1]
    inplace : write the gradient by `input1` over it
    """
    _refuse_deprecated(size_average, reduce)
    arguments = (Argument("input1", input1, FIRST), Argument("input2", input2, SECOND),
                 Argument("target", target))
    return fused(fl.cosine_embedding, arguments, inplace=inplace, axis=-1, reduction=reduction, margin=margin)


# ---- any other loss ------------------------------------------------------------------------------------


def loss(which: Any, *tensors: Any, inplace: bool = False, **parameters: Any) -> Any:
    """Any loss of fastloss on tensors: `loss(fl.focal, logits, labels, gamma=2.0)`.

    which : a loss of `fastloss.losses`, or its name
    tensors : what it takes by position
    parameters : its keywords, with fastloss's meaning (`axis=-1`, `sample_weight`, `normalizer`, ...); arrays
        may be tensors
    inplace : write the gradient over the first tensor

    The gradient is by the first tensor; for losses of two vectors by the second too, and for gaussian_nll by
    a `var` of the shape of the first.
    """
    which = _named(which)
    names = which._names
    if len(tensors) != len(names):
        raise TypeError(f"{which.__name__} takes {' and '.join(names)}: {len(tensors)} tensors were given")
    if "out" in parameters:
        raise TypeError("out is not taken: inplace=True writes the gradient over the first tensor")
    by = [FIRST] + [None] * (len(names) - 1)
    if isinstance(which, VectorLoss):
        by[1] = SECOND
    arguments = [Argument(*each) for each in zip(names, tensors, by)]
    for name, value in parameters.copy().items():
        if isinstance(value, torch.Tensor):
            del parameters[name]
            second = isinstance(which, ParameterLoss) and name == which._second
            matches = second and value.shape == scores(names[0], tensors[0]).shape
            if not matches:
                parameters[name] = array(name, value)
            else:
                arguments.append(Argument(name, value, SECOND, name))
    axis = parameters.pop("axis", -1) if which._rowwise else None
    return fused(which, tuple(arguments), inplace=inplace, axis=axis, **parameters)


def _named(which: Any) -> Any:
    if isinstance(which, str) and which in fl.losses:
        return fl.losses[which]
    if not isinstance(which, _Loss):
        raise TypeError(f"which = {which!r} must be a loss of fastloss, or its name")
    return which


class Loss(nn.Module):  # type: ignore[misc]
    """A module of any loss of fastloss: `Loss(fl.focal, gamma=2.0)(logits, labels)`.

    Keywords are those of `loss`. Tensors among them become buffers. What changes from call to call
    (`sample_weight`) goes to the call instead.
    """

    def __init__(self, which: Any, *, inplace: bool = False, **parameters: Any) -> None:
        super().__init__()
        self.which = _named(which)
        self.inplace = inplace
        self.parameters_of_loss = {k: v for k, v in parameters.items() if not isinstance(v, torch.Tensor)}
        self.names_of_buffers = tuple(k for k in parameters if k not in self.parameters_of_loss)
        for name in self.names_of_buffers:
            self.register_buffer(name, parameters[name])

    def forward(self, *tensors: Any, **more: Any) -> Any:
        held = {name: getattr(self, name) for name in self.names_of_buffers}
        parameters = {"inplace": self.inplace, **self.parameters_of_loss, **held, **more}
        return loss(self.which, *tensors, **parameters)

    def extra_repr(self) -> str:
        own = [f"{name}={value!r}" for name, value in self.parameters_of_loss.items()]
        return ", ".join([self.which.__name__, *own, *(["inplace=True"] if self.inplace else [])])


# ---- modules -------------------------------------------------------------------------------------------


class _Twin:
    """torch's own module, whose forward pass is ours; its arguments and its state are torch's."""

    inplace: bool
    __signature__: inspect.Signature

    def __init__(self, *args: Any, inplace: bool = False, **kwargs: Any) -> None:
        given = type(self).__signature__.bind(*args, **kwargs).arguments
        _refuse_deprecated(given.get("size_average"), given.get("reduce"))
        super().__init__(*args, **kwargs)
        self.inplace = _check.flag("inplace", inplace)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        parent = inspect.signature(cls.__mro__[2])
        more = inspect.Parameter("inplace", inspect.Parameter.KEYWORD_ONLY, default=False, annotation="bool")
        cls.__signature__ = parent.replace(parameters=[*parent.parameters.values(), more])
        cls.__doc__ = (f"torch.nn.{cls.__name__} with the loss of fastloss.torch.\n\n"
                       "`inplace`: write the gradient over the input.")

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class CrossEntropyLoss(_Twin, nn.CrossEntropyLoss):  # type: ignore[misc]
    def forward(self, input: Any, target: Any) -> Any:
        return cross_entropy(input, target, self.weight, ignore_index=self.ignore_index,
                             reduction=self.reduction, label_smoothing=self.label_smoothing,
                             inplace=self.inplace)


class NLLLoss(_Twin, nn.NLLLoss):  # type: ignore[misc]
    def forward(self, input: Any, target: Any) -> Any:
        return nll_loss(input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction,
                        inplace=self.inplace)


class MultiMarginLoss(_Twin, nn.MultiMarginLoss):  # type: ignore[misc]
    def forward(self, input: Any, target: Any) -> Any:
        return multi_margin_loss(input, target, self.p, self.margin, self.weight, reduction=self.reduction,
                                 inplace=self.inplace)


class KLDivLoss(_Twin, nn.KLDivLoss):  # type: ignore[misc]
    def forward(self, input: Any, target: Any) -> Any:
        return kl_div(input, target, reduction=self.reduction, log_target=self.log_target,
                      inplace=self.inplace)


class MSELoss(_Twin, nn.MSELoss):  # type: ignore[misc]
    def forward(self, input: Any, target: Any) -> Any:
        return mse_loss(input, target, reduction=self.reduction, inplace=self.inplace)


class L1Loss(_Twin, nn.L1Loss):  # type: ignore[misc]
    def forward(self, input: Any, target: Any) -> Any:
        return l1_loss(input, target, reduction=self.reduction, inplace=self.inplace)


class SmoothL1Loss(_Twin, nn.SmoothL1Loss):  # type: ignore[misc]
    def forward(self, input: Any, target: Any) -> Any:
        return smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta, inplace=self.inplace)


class HuberLoss(_Twin, nn.HuberLoss):  # type: ignore[misc]
    def forward(self, input: Any, target: Any) -> Any:
        return huber_loss(input, target, self.reduction, self.delta, inplace=self.inplace)


class BCELoss(_Twin, nn.BCELoss):  # type: ignore[misc]
    def forward(self, input: Any, target: Any) -> Any:
        return binary_cross_entropy(input, target, self.weight, reduction=self.reduction,
                                    inplace=self.inplace)


class BCEWithLogitsLoss(_Twin, nn.BCEWithLogitsLoss):  # type: ignore[misc]
    def forward(self, input: Any, target: Any) -> Any:
        return binary_cross_entropy_with_logits(input, target, self.weight, reduction=self.reduction,
                                                pos_weight=self.pos_weight, inplace=self.inplace)


class MultiLabelSoftMarginLoss(_Twin, nn.MultiLabelSoftMarginLoss):  # type: ignore[misc]
    def forward(self, input: Any, target: Any) -> Any:
        return multilabel_soft_margin_loss(input, target, self.weight, reduction=self.reduction,
                                           inplace=self.inplace)


class SoftMarginLoss(_Twin, nn.SoftMarginLoss):  # type: ignore[misc]
    def forward(self, input: Any, target: Any) -> Any:
        return soft_margin_loss(input, target, reduction=self.reduction, inplace=self.inplace)


class PoissonNLLLoss(_Twin, nn.PoissonNLLLoss):  # type: ignore[misc]
    def forward(self, log_input: Any, target: Any) -> Any:
        return poisson_nll_loss(log_input, target, self.log_input, self.full, eps=self.eps,
                                reduction=self.reduction, inplace=self.inplace)


class GaussianNLLLoss(_Twin, nn.GaussianNLLLoss):  # type: ignore[misc]
    def forward(self, input: Any, target: Any, var: Any) -> Any:
        return gaussian_nll_loss(input, target, var, self.full, self.eps, self.reduction,
                                 inplace=self.inplace)


class CosineEmbeddingLoss(_Twin, nn.CosineEmbeddingLoss):  # type: ignore[misc]
    def forward(self, input1: Any, input2: Any, target: Any) -> Any:
        return cosine_embedding_loss(input1, input2, target, self.margin, reduction=self.reduction,
                                     inplace=self.inplace)
