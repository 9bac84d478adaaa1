"""How a loss takes part in torch's autograd: tensors to arrays, one fused pass, one gradient kept.

The forward pass makes the value and the gradient together and saves the gradient. In the backward pass that
is handed on as it is where the incoming one is 1, and multiplied where it lies otherwise, unless the graph is
kept: then each backward pass gets a copy. A double backward pass calls torch's own function, for which the
arguments are held until the backward pass is through.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from fastloss._buffer_pool import BufferPool
from fastloss.torch._fused_call import (
    FIRST,
    MINUS_FIRST,
    SECOND,
    Elsewhere,
    FusedCall,
    TorchCall,
    is_transformed,
)

_MANY = 1 << 18  # elements from which the number of threads is worth passing on
# Private, and there since torch 2.4. Without it each backward pass gets a copy, which is right but slower.
_keeps_graph = getattr(torch._C._autograd, "_get_current_graph_task_keep_graph", lambda: True)
_creation_of = getattr(torch._C._autograd, "_get_creation_meta", None)
_is_batched = getattr(torch._C._functorch, "is_legacy_batchedtensor", lambda value: False)
_saved_tensors_hooks = torch._C._autograd._top_saved_tensors_default_hooks


# ---- over the input -------------------------------------------------------------------------------------


def _overwritable(input: Any) -> None:
    """Raises what autograd would only find after the input is overwritten."""
    base = input._base if input._is_view() else input
    if base.is_leaf and base.requires_grad:
        raise ValueError(
            "inplace=True: input is "
            + ("" if base is input else "a view of ")
            + "a leaf that requires grad, and would be overwritten by its gradient: it must be "
            "the result of an operation"
        )
    if input.is_neg():  # an array of it is a copy, and the gradient would lie there
        raise ValueError(
            "inplace=True: input is a lazily negated view (the imag of a conj), whose memory "
            "holds its values with the other sign: pass input.resolve_neg(), or leave out "
            "inplace=True"
        )
    if input.retains_grad:
        raise ValueError(
            "inplace=True: input retains its grad, but its memory is where that gradient goes: "
            "leave out retain_grad() or inplace=True"
        )
    if input._is_view() and _creation_of is not None:
        if _creation_of(input) != torch._C._autograd.CreationMeta.DEFAULT:
            raise ValueError(
                "inplace=True: input is a view made by a function with several results (split, "
                "chunk, unbind) or without grad, which autograd does not let be overwritten: "
                "slice instead"
            )


# ---- the gradient's memory -----------------------------------------------------------------------------

_LARGE = 32 << 20  # bytes from which malloc gives memory back at once, and asks for zeroed pages again
_buffers = BufferPool(_LARGE)


def _room(like: np.ndarray, dtype: Any) -> np.ndarray | None:
    """An array for a gradient, of which one large one is kept when it is free; None: the core makes one."""
    size = like.size * dtype.itemsize
    if size < _LARGE or not like.flags.c_contiguous:
        return None if dtype == like.dtype else np.empty_like(like, dtype, subok=False)
    return _buffers.take(size).view(dtype).reshape(like.shape)


def empty_cache() -> None:
    """Gives back the memory of the last large gradient (32 MB or more), which is kept for the next one."""
    _buffers.clear()


# ---- the call ------------------------------------------------------------------------------------------


def run(fused: FusedCall, torch_call: TorchCall | None = None) -> Tensor:
    """The loss as a tensor, with its place in the graph."""
    input = fused.by[0][0]
    tracked = [pair for pair in fused.by if pair[0].requires_grad] if torch.is_grad_enabled() else []
    _complete(fused)
    if not tracked:
        return _value(fused, fused.loss(*fused.arrays, **fused.parameters))
    over_first = fused.inplace and input.requires_grad
    if over_first:
        _overwritable(input)
        assert not input.numel() or fused.arrays[0].ctypes.data == input.data_ptr(), "the array is a copy"
    by = tuple([pair[1] for pair in tracked])
    return _apply((fused, by, over_first, torch_call), *[pair[0] for pair in tracked])


def _complete(fused: FusedCall) -> None:
    if fused.axis is not None and fused.loss._rowwise:
        fused.parameters["axis"] = fused.axis
    if "n_threads" not in fused.parameters:
        fused.parameters["n_threads"] = _threads(fused.arrays[0].size)


def _threads(elements: int) -> int | None:
    """torch's number of threads where it was lowered; else fastloss knows better how many there are."""
    most = torch.get_num_threads()
    if most == 1 or (elements >= _MANY and most < (os.cpu_count() or 1)):
        return int(most)
    return None


def _value(fused: FusedCall, value: Any, single: bool = False) -> Tensor:
    """The value with the dtype of the input as in torch, which under autocast takes losses in float32."""
    if fused.finish is not None:
        value = fused.finish(value)
    dtype = fused.dtype or fused.arrays[0].dtype
    if dtype.itemsize == 2 and (single or torch.is_autocast_enabled("cpu")):
        dtype = np.dtype(np.float32)
    return _wrapped(np.asarray(value, dtype))


def _wrapped(values: np.ndarray) -> Tensor:
    """A tensor that owns the array's memory: NumPy asks the system for huge pages, torch does not."""
    if values.dtype.kind == "V":  # bfloat16; the name of a dtype takes microseconds
        return torch.from_numpy(values.view(np.uint16)).view(torch.bfloat16)
    return torch.from_numpy(values)


def _fused(fused: FusedCall, by: tuple[str, ...], over_first: bool) -> tuple[Any, list[Tensor]]:
    """The value, and the gradients by the first array and, where it is wanted, the second."""
    x = fused.arrays[0]
    # A float16 gradient would underflow before the incoming one (a loss scale) could lift it.
    dtype = np.dtype(np.float32) if x.dtype == np.float16 else x.dtype
    out = x if over_first else _room(x, dtype)
    if SECOND in by:
        other = np.empty_like(x, np.float32) if x.dtype.itemsize == 2 else None  # it may be summed
        value, grads = fused.loss.value_and_grads(*fused.arrays, outs=(out, other), **fused.parameters)
    else:
        value, *grads = fused.loss.value_and_grad(*fused.arrays, out=out, **fused.parameters)
    return value, [_wrapped(each) for each in grads]


def value_and_grads(fused: FusedCall, by: tuple[str, ...], single: bool) -> tuple[Tensor, list[Tensor]]:
    """The value, of half arrays in float32 if it is to be `single`, and each gradient that is asked for."""
    _complete(fused)
    if not by:
        return _value(fused, fused.loss(*fused.arrays, **fused.parameters), single), []
    value, grads = _fused(fused, by, False)
    shapes = {how: tensor.shape for tensor, how in fused.by}
    return _value(fused, value, single), [
        _shaped(_chosen(grads, how, FIRST in by), shapes[how]) for how in by
    ]


class _Fused(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(
        ctx: Any, call: tuple[FusedCall, tuple[str, ...], bool, TorchCall | None], *tensors: Tensor
    ) -> Tensor:
        fused, by, over_first, torch_call = call
        try:
            value, grads = _fused(fused, by, over_first)
            value = _value(fused, value)
        except (ValueError, TypeError, Elsewhere):  # these come before anything is written
            raise
        except BaseException:  # a RuntimeWarning that is made an error, an interrupt
            if over_first:
                with torch.enable_grad():
                    _Overwritten.apply(tensors[0])
            raise
        if over_first:
            with torch.enable_grad():
                _Overwritten.apply(tensors[0])
            grads[0] = tensors[0].detach().view(grads[0].shape)
        ctx.by, ctx.axis = by, fused.axis
        ctx.shapes = [each.shape for each in tensors]
        ctx.labels = _labels(fused)
        # Saved, not kept on ctx: torch lets go of them when the graph is, so that the next function may own
        # them, and finds out if somebody writes to them.
        if torch_call is None or _saved_tensors_hooks(False) is None:
            ctx.save_for_backward(*grads)
            ctx.torch_call = torch_call and _HeldCall(torch_call)
        else:  # checkpoints and the like decide what stays in memory
            ctx.torch_call, more = _parted(torch_call)
            ctx.save_for_backward(*grads, *more)
        return value

    @staticmethod
    def backward(ctx: Any, incoming: Tensor) -> Any:
        saved, many, kept = ctx.saved_tensors, _is_many(incoming), _keeps_graph()
        if torch.is_grad_enabled():
            grads = _differentiable(ctx, saved, incoming)
        else:
            number = None if many else _number(incoming)
            factor = aligned(incoming, ctx.axis) if number is None else number
            scaled = [_times(grad, factor, kept or many) for grad in saved[: 1 + (SECOND in ctx.by)]]
            finite = not many and (incoming.isfinite().all() if number is None else math.isfinite(number))
            if not finite and ctx.labels is not None:
                labels, index = ctx.labels
                ignored = _ignored(labels, index, ctx.axis)  # 0 times nan is nan: as torch, 0
                scaled = [grad.masked_fill(ignored, 0) for grad in scaled]
            grads = [
                _shaped(_chosen(scaled, how, FIRST in ctx.by), shape)
                for how, shape in zip(ctx.by, ctx.shapes)
            ]
        if not kept:
            ctx.torch_call = ctx.labels = None
        return None, *grads


# Without what torch does for torch.func, under which these losses are not called.
_apply: Callable[..., Tensor] = super(torch.autograd.Function, _Fused).apply


def _is_many(incoming: Tensor) -> bool:
    """Whether this is a batch of gradients (is_grads_batched, vectorize) that looks like one."""
    return is_transformed(incoming) or _is_batched(incoming)


def _number(incoming: Tensor) -> float | None:
    """The incoming gradient, where it is one number, repeated or not."""
    if incoming.ndim == 0:
        return incoming.item()
    if incoming.numel() > 0 and not any(incoming.stride()):
        return incoming[(0,) * incoming.ndim].item()
    return None


def _times(grad: Tensor, factor: Tensor | float, kept: bool) -> Tensor:
    """The product: in the gradient's own memory, or in new memory where the graph is kept."""
    if isinstance(factor, float) and factor == 1:
        return grad.clone() if kept else grad
    return grad.mul(factor) if kept else grad.mul_(factor)


def aligned(incoming: Tensor, axis: int | None) -> Tensor:
    return incoming if axis is None or incoming.ndim == 0 else incoming.unsqueeze(axis)


def _chosen(grads: list[Tensor], how: str, first_is_wanted: bool) -> Tensor:
    if how == MINUS_FIRST:
        return grads[0].neg() if first_is_wanted else grads[0].neg_()
    return grads[1] if how == SECOND else grads[0]


def _shaped(grad: Tensor, shape: torch.Size) -> Tensor:
    """With the shape of the tensor, which may be the array's less an axis, or be repeated in it."""
    if grad.shape == shape:
        return grad
    if grad.numel() != shape.numel():
        grad = grad.sum_to_size(shape if len(shape) == grad.ndim else (*shape, 1))
    return grad.reshape(shape)


def _labels(fused: FusedCall) -> tuple[np.ndarray, int] | None:
    """The labels, and which of them is ignored, where one may be."""
    index, labels = ignored_label(fused.loss, fused.parameters), fused.arrays[1]
    if index is None or labels.ndim != fused.arrays[0].ndim - 1 or labels.dtype.kind not in "iu":
        return None
    return labels, int(index)


def ignored_label(loss: Any, parameters: dict[str, Any]) -> int | None:
    if "ignore_index" in parameters or not loss._rowwise:
        return parameters.get("ignore_index")
    default = loss.__signature__.parameters.get("ignore_index")
    return None if default is None else default.default


def _ignored(labels: np.ndarray, index: int, axis: int | None) -> Tensor:
    found = np.asarray(labels == index)
    return torch.from_numpy(found if axis is None else np.expand_dims(found, axis))


# ---- a double backward pass ----------------------------------------------------------------------------


class _HeldCall:
    """torch's own call, with the tensors themselves."""

    def __init__(self, torch_call: TorchCall) -> None:
        self.call = torch_call
        self.versions = [_version(each) for each in torch_call.tensors()]

    def restored(self, saved: tuple[Tensor, ...]) -> TorchCall:
        for each, version in zip(self.call.tensors(), self.versions):
            if _version(each) != version:
                raise RuntimeError(
                    "an argument of a loss was modified by an inplace operation between the "
                    "loss and a double backward pass, which computes it again: clone it"
                )
        return self.call


def _version(tensor: Tensor) -> int:
    return tensor._version if not tensor.is_inference() else 0


class _Place(NamedTuple):
    """Where a tensor lies among those that were saved."""

    place: int


class _PartedCall(NamedTuple):
    """torch's own call, with places for tensors."""

    torch_call: TorchCall

    def restored(self, saved: tuple[Tensor, ...]) -> TorchCall:
        return self.torch_call.mapped(lambda each: saved[each.place] if isinstance(each, _Place) else each)


def _parted(torch_call: TorchCall) -> tuple[_PartedCall, list[Tensor]]:
    """The call, and its tensors to be saved."""
    tensors = list({id(each): each for each in torch_call.tensors()}.values())
    places = {id(each): _Place(i - len(tensors)) for i, each in enumerate(tensors)}  # they are saved last
    return _PartedCall(torch_call.mapped(lambda value: places.get(id(value), value))), tensors


def _differentiable(ctx: Any, saved: tuple[Tensor, ...], incoming: Tensor) -> list[Tensor]:
    """The gradients by torch's own function, which can be differentiated again."""
    if ctx.torch_call is None:
        raise RuntimeError(
            "create_graph=True: there is no double backward through a loss of fastloss alone, "
            "with inplace=True, or under strict()"
        )
    torch_call: TorchCall = ctx.torch_call.restored(saved)
    operator = torch_call.operator
    given, by = operator.by_name(torch_call.args, torch_call.kwargs), operator.by
    names = {FIRST: by[0], MINUS_FIRST: by[min(1, len(by) - 1)], SECOND: by[-1]}
    aliases = []  # the derivative is by each argument alone, even where one is made of another
    for name in (names[how] for how in ctx.by):
        tensor = given[name]
        given[name] = tensor.view_as(tensor) if tensor.requires_grad else tensor.detach().requires_grad_()
        aliases.append(given[name])
    value = operator.torchs(**given)
    return list(torch.autograd.grad(value, aliases, incoming.to(value.dtype), create_graph=True))


class _Overwritten(torch.autograd.Function):  # type: ignore[misc]
    """Stands in the graph for logits that now hold their gradient: whoever uses them after is told."""

    @staticmethod
    def forward(ctx: Any, input: Any) -> Any:
        ctx.mark_dirty(input)
        return input

    @staticmethod
    def backward(ctx: Any, incoming: Any) -> Any:
        raise RuntimeError(
            "the input of a loss was overwritten by its gradient (inplace=True) and used "
            "afterwards: leave out inplace=True, or use the input before the loss"
        )
