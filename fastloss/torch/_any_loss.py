"""Any loss of fastloss on tensors, as a function and as a module, with the arguments of fastloss."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fastloss import _check
from fastloss._loss import Loss as _Loss
from fastloss._loss import ParameterLoss, VectorLoss, losses
from fastloss.torch._autograd import ignored_label, run, value_and_grads
from fastloss.torch._fused_call import FIRST, SECOND, FusedCall, array, memory, scores
from fastloss.torch._operators import (
    define,
    dtype_of_gradient,
    dtype_of_value,
    multiplied,
    no_second_derivative,
    rounded,
    stored,
)


def loss(which: _Loss | str, *tensors: Tensor, inplace: bool = False, **parameters: Any) -> Tensor:
    """Any loss of fastloss on tensors: `loss(fl.focal, logits, labels, gamma=2.0)`.

    which : a loss of `fastloss.losses`, or its name
    tensors : what it takes by position
    parameters : its keywords, with fastloss's meaning (`axis=-1`, `sample_weight`, `normalizer`, ...); arrays
        may be tensors
    inplace : write the gradient over the first tensor

    The gradient is by the first tensor; for losses of two vectors by the second too, and for gaussian_nll by
    a `var` of the shape of the first.
    """
    if torch.compiler.is_compiling():
        return _traced(which, tensors, parameters)
    _check.flag("inplace", inplace)
    return run(_planned(_named(which), tensors, inplace, parameters))


def _planned(which: _Loss, tensors: Sequence[Tensor], inplace: bool, parameters: dict[str, Any]) -> FusedCall:
    names = which._names
    if len(tensors) != len(names):
        raise TypeError(f"{which.__name__} takes {' and '.join(names)}: {len(tensors)} tensors were given")
    if "out" in parameters:
        raise TypeError("out is not taken: inplace=True writes the gradient over the first tensor")
    both = isinstance(which, VectorLoss)
    arrays = [
        (scores if i == 0 else memory if i == 1 and both else array)(name, each)
        for i, (name, each) in enumerate(zip(names, tensors))
    ]
    by = [(tensors[0], FIRST), *([(tensors[1], SECOND)] if both else [])]
    for name, value in parameters.items():
        if isinstance(value, Tensor):
            second = _is_second(which, name, value, tensors[0])
            parameters[name] = (memory if second else array)(name, value)
            by += [(value, SECOND)] if second else []
    axis = None
    if which._rowwise:
        axis = _check.axis(parameters.pop("axis", -1), arrays[0].ndim, names[0])
    return FusedCall(which, tuple(by), tuple(arrays), parameters, axis, inplace)


def _is_second(which: _Loss, name: str, value: Tensor, first: Tensor) -> bool:
    """Whether a keyword is an array that has a gradient of its own."""
    return isinstance(which, ParameterLoss) and name == which.facts.second_grad and value.shape == first.shape


def _named(which: Any) -> _Loss:
    loss = losses.get(which) if isinstance(which, str) else which
    if not isinstance(loss, _Loss):
        raise TypeError(f"which = {which!r} must be a loss of fastloss, or its name")
    return loss


class Loss(nn.Module):  # type: ignore[misc]
    """A module of any loss of fastloss: `Loss(fl.focal, gamma=2.0)(logits, labels)`.

    Keywords are those of `loss`. Tensors among them become buffers. What changes from call to call
    (`sample_weight`) goes to the call instead.
    """

    def __init__(self, which: _Loss | str, *, inplace: bool = False, **parameters: Any) -> None:
        super().__init__()
        self.which = _named(which)
        self.inplace = inplace
        self.parameters_of_loss = {k: v for k, v in parameters.items() if not isinstance(v, Tensor)}
        self.names_of_buffers = tuple(k for k in parameters if k not in self.parameters_of_loss)
        for name in self.names_of_buffers:
            self.register_buffer(name, parameters[name])

    def forward(self, *tensors: Tensor, **more: Any) -> Tensor:
        held = {name: getattr(self, name) for name in self.names_of_buffers}
        parameters = {"inplace": self.inplace, **self.parameters_of_loss, **held, **more}
        return loss(self.which, *tensors, **parameters)

    def extra_repr(self) -> str:
        own = [f"{name}={value!r}" for name, value in self.parameters_of_loss.items()]
        return ", ".join([self.which.__name__, *own, *(["inplace=True"] if self.inplace else [])])


# ---- under torch.compile -------------------------------------------------------------------------------
# One operator for all losses. Keywords are lines of text, "axis=-1"; those that are tensors or floats, which
# may change from call to call, are lines with the name alone, "weight" and "gamma:", and come beside them.


def _traced(which: _Loss | str, tensors: tuple[Tensor, ...], parameters: dict[str, Any]) -> Tensor:
    name = which if isinstance(which, str) else which.__name__
    given = parameters if isinstance(which, str) else {**which._fixed, **parameters}
    arrays = {key: each for key, each in given.items() if isinstance(each, Tensor)}
    floats = {key: each for key, each in given.items() if isinstance(each, float)}
    others = [f"{key}={each!r}" for key, each in given.items() if key not in arrays and key not in floats]
    keywords = "\n".join([*arrays, *[f"{key}:" for key in floats], *others])
    numbers = [*floats.values(), 0.0]  # torch does not take none at all
    all_tensors = [*tensors, *arrays.values()]
    wants = [torch.is_grad_enabled() and each.requires_grad for each in all_tensors]
    value, *_ = torch.ops.fastloss.loss(name, all_tensors, keywords, numbers, wants)
    return rounded(value, tensors[0].dtype)


class _Traced:
    """What the operator is given, as the call that it stands for."""

    def __init__(self, name: str, tensors: Sequence[Tensor], keywords: str, numbers: Sequence[float]) -> None:
        self.loss = _named(name)
        parts = [line.partition("=") for line in keywords.splitlines()]
        names = [key for key, equals, _ in parts if not (equals or key.endswith(":"))]
        floats = [key[:-1] for key, equals, _ in parts if key.endswith(":")]
        self.settings: dict[str, Any] = dict(zip(floats, numbers))
        self.settings |= {key: ast.literal_eval(text) for key, equals, text in parts if equals}
        self.tensors = [each.detach() for each in tensors[: len(tensors) - len(names)]]
        self.arrays = {key: each.detach() for key, each in zip(names, tensors[len(self.tensors) :])}
        self.first = self.tensors[0]
        self.second = None
        if isinstance(self.loss, VectorLoss):
            self.second = 1
        for i, (key, each) in enumerate(self.arrays.items(), len(self.tensors)):
            if _is_second(self.loss, key, each, self.first):
                self.second = i
        self.axis = self.settings.get("axis", -1) if self.loss._rowwise else None


def _evaluate(
    name: str, tensors: list[Tensor], keywords: str, numbers: list[float], wants: list[bool]
) -> tuple[Tensor, Tensor, Tensor]:
    call = _Traced(name, tensors, keywords, numbers)
    fused = _planned(call.loss, call.tensors, False, call.settings | call.arrays)
    by = [FIRST] if wants[0] else []
    if call.second is not None and wants[call.second]:
        by.append(SECOND)
    for i, wanted in enumerate(wants):
        if wanted and i not in (0, call.second):
            raise TypeError(
                f"argument {i} of {name} requires grad, and no gradient by it is computed: detach it"
            )
    value, grads = value_and_grads(fused, tuple(by), single=True)
    made = {how: stored(grad, call.first.dtype) for how, grad in zip(by, grads)}
    return value, *(made[how] if how in made else value.new_empty(0) for how in (FIRST, SECOND))


def _shapes(
    name: str, tensors: list[Tensor], keywords: str, numbers: list[float], wants: list[bool]
) -> tuple[Tensor, Tensor, Tensor]:
    call = _Traced(name, tensors, keywords, numbers)
    rows = list(call.first.shape)
    if call.axis is not None:
        del rows[call.axis]
    one_each = call.settings.get("reduction") == "none"
    value = call.first.new_empty(rows if one_each else (), dtype=dtype_of_value(call.first.dtype))
    grads = [
        torch.empty(call.first.shape, dtype=dtype_of_gradient(call.first.dtype))
        if at is not None and wants[at]
        else value.new_empty(0)
        for at in (0, call.second)
    ]
    return value, grads[0], grads[1]


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.set_materialize_grads(False)
    name, tensors, keywords, numbers, ctx.wants = inputs
    call = _Traced(name, tensors, keywords, numbers)
    ctx.second, ctx.axis, ctx.dtypes = call.second, call.axis, [each.dtype for each in tensors]
    ctx.ignored = ignored_label(call.loss, call.settings)
    hard = ctx.ignored is not None and tensors[1].ndim < tensors[0].ndim
    ctx.save_for_backward(*output[1:], *([tensors[1]] if hard else []))


def _backward(ctx: Any, incoming: Tensor | None, *others: Tensor | None) -> tuple[Any, ...]:
    no_second_derivative(others)
    result: list[Any] = [None] * len(ctx.wants)
    grads, labels = ctx.saved_tensors[:2], ctx.saved_tensors[2:]
    for at, grad in zip((0, ctx.second), grads):
        if incoming is not None and at is not None and ctx.wants[at]:
            result[at] = multiplied(grad, incoming, ctx.axis, labels, ctx.ignored).to(ctx.dtypes[at])
    return None, result, None, None, None


define(
    "loss",
    "str which, Tensor[] tensors, str keywords, float[] numbers, bool[] wants",
    3,
    _evaluate,
    _shapes,
    _keep,
    _backward,
)
