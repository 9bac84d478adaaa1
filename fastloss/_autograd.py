"""How a loss takes part in torch's autograd: tensors to arrays, one fused pass, one gradient kept.

The forward pass makes the value and the gradient together and keeps the gradient alone, so nothing of the
input has to live until the backward pass. There the gradient is handed on as it is where the incoming one is
1, and multiplied where it lies otherwise, unless the graph is kept: then each backward pass gets a copy.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np

from fastloss import _check
from fastloss._optional import require
from fastloss._spare import Spare

require("torch", "torch")

import torch  # noqa: E402
from torch.autograd import forward_ad  # noqa: E402

# How the gradient by a tensor comes from those of the fused pass.
FIRST, MINUS_FIRST, SECOND = "first", "minus first", "second"

_FLOATS = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
_MANY = 1 << 18  # elements from which the number of threads is worth passing on
# Private, and there since torch 2.4. Without it each backward pass gets a copy, which is right but slower.
_keeps_graph = getattr(torch._C._autograd, "_get_current_graph_task_keep_graph", lambda: True)
_creation_of = getattr(torch._C._autograd, "_get_creation_meta", None)
_is_batched = getattr(torch._C._functorch, "is_legacy_batchedtensor", lambda value: False)
_transforms = getattr(torch._C, "_are_functorch_transforms_active", lambda: False)


def _is_transformed(value: Any) -> bool:
    return bool(_transforms() and torch._C._functorch.is_functorch_wrapped_tensor(value))


class Argument(NamedTuple):
    """A tensor that goes into a loss."""

    name: str
    tensor: Any
    by: str | None = None  # how its gradient is had; None: not at all
    keyword: str | None = None  # of the loss; None: it goes by position
    read_as: Any = None  # values that are read in place of its own, where those are to be clamped


# ---- what may go in ------------------------------------------------------------------------------------


def tensor(name: str, value: Any) -> Any:
    """The argument, or an error: an ordinary tensor on the CPU."""
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{name} is a {type(value).__name__}: it must be a torch tensor")
    if value.layout is not torch.strided or value.is_nested:
        kind = "nested" if value.is_nested else str(value.layout)
        raise TypeError(f"{name} is a {kind} tensor: it must be dense, {name}.to_dense() makes one")
    if value.device.type != "cpu":
        raise TypeError(f"{name} is on {value.device}: fastloss computes on the CPU, pass {name}.cpu()")
    if _is_transformed(value):
        raise TypeError(f"{name} is inside torch.func (vmap, grad, jvp): these losses are opaque to it, call "
                        "them outside, or use torch.nn.functional there")
    if forward_ad._current_level >= 0 and forward_ad.unpack_dual(value).tangent is not None:
        raise NotImplementedError(f"{name} has a tangent: these losses have no forward-mode derivative")
    return value


def scores(name: str, value: Any) -> Any:
    """The argument that the gradient is taken by."""
    if tensor(name, value).dtype not in _FLOATS:
        raise TypeError(f"{name} has dtype {value.dtype}: it must be float32, float64, bfloat16 or float16")
    return value


def array(name: str, value: Any) -> np.ndarray:
    """The tensor's memory as an array; it may not want a gradient."""
    if tensor(name, value).requires_grad and torch.is_grad_enabled():
        raise TypeError(f"{name} requires grad, and no gradient by {name} is computed: pass {name}.detach()")
    return _memory(name, value)


def _memory(name: str, value: Any) -> np.ndarray:
    return _check.as_array(name, value.detach().resolve_neg())


def _overwritable(input: Any) -> None:
    """Raises what autograd would only find after the input is overwritten."""
    base = input._base if input._is_view() else input
    if base.is_leaf and base.requires_grad:
        raise ValueError("inplace=True: input is " + ("" if base is input else "a view of ")
                         + "a leaf that requires grad, and would be overwritten by its gradient: it must be "
                         "the result of an operation")
    if input.is_neg():  # an array of it is a copy, and the gradient would lie there
        raise ValueError("inplace=True: input is a lazily negated view (the imag of a conj), whose memory "
                         "holds its values with the other sign: pass input.resolve_neg(), or leave out "
                         "inplace=True")
    if input.retains_grad:
        raise ValueError("inplace=True: input retains its grad, but its memory is where that gradient goes: "
                         "leave out retain_grad() or inplace=True")
    if input._is_view() and _creation_of is not None:
        if _creation_of(input) != torch._C._autograd.CreationMeta.DEFAULT:
            raise ValueError("inplace=True: input is a view made by a function with several results (split, "
                             "chunk, unbind) or without grad, which autograd does not let be overwritten: "
                             "slice instead")


# ---- the gradient's memory -----------------------------------------------------------------------------

_LARGE = 32 << 20  # bytes from which malloc gives memory back at once, and asks for zeroed pages again
_spare = Spare(_LARGE)


def _room(like: np.ndarray, dtype: Any) -> np.ndarray:
    """A new array for a gradient, of which one large one is kept when it is free."""
    size = like.size * dtype.itemsize
    if size < _LARGE or not like.flags.c_contiguous:
        return np.empty_like(like, dtype, subok=False)
    return _spare.room(size).view(dtype).reshape(like.shape)


def empty_cache() -> None:
    """Gives back the memory of the last large gradient (32 MB or more), which is kept for the next one."""
    _spare.clear()


# ---- the call ------------------------------------------------------------------------------------------


def fused(loss: Any, arguments: tuple[Argument, ...], *, inplace: bool = False, axis: int | None = None,
          **parameters: Any) -> Any:
    """The loss of tensors as a tensor, with its place in the graph. The first argument has the gradient.

    `axis`: that of the classes, for losses of rows. `parameters` hold arrays, not tensors.
    """
    first = arguments[0]
    input = scores(first.name, first.tensor)
    _check.flag("inplace", inplace)
    if axis is not None:
        axis = _check.axis(axis, input.ndim, first.name)
        parameters["axis"] = axis
    tracked = [a for a in arguments if a.by is not None and tensor(a.name, a.tensor).requires_grad]
    if not torch.is_grad_enabled():
        tracked = []
    arrays = []
    for a in arguments:
        values = array(a.name, a.tensor) if a.by is None else _memory(a.name, a.tensor)
        if a.read_as is not None:
            values = _memory(a.name, a.read_as)
        if a.keyword is None:
            arrays.append(values)
        else:
            parameters[a.keyword] = values
    parameters.setdefault("n_threads", _threads(input.numel()))
    if not tracked:
        return _as_tensor(loss(*arrays, **parameters), _value_dtype(input.dtype))
    if inplace and input.requires_grad:
        _overwritable(input)
        assert not input.numel() or arrays[0].ctypes.data == input.data_ptr(), "the array is a copy"
    call = _Call(loss, tuple(arrays), parameters, tuple(str(a.by) for a in tracked), axis,
                 inplace and input.requires_grad, _value_dtype(input.dtype))
    return _Fused.apply(call, *(a.tensor for a in tracked))


def _threads(elements: int) -> int | None:
    """torch's number of threads where it was lowered; else fastloss knows better how many there are."""
    most = torch.get_num_threads()
    if most == 1 or (elements >= _MANY and most < (os.cpu_count() or 1)):
        return int(most)
    return None


def _value_dtype(dtype: Any) -> Any:
    """That of the input as in torch, which under autocast takes losses in float32."""
    half = dtype in (torch.bfloat16, torch.float16)
    return torch.float32 if half and torch.is_autocast_enabled("cpu") else dtype


def _as_tensor(value: Any, dtype: Any) -> Any:
    if isinstance(value, float):
        return torch.tensor(value, dtype=dtype)
    return torch.from_numpy(value).to(dtype)


class _Call(NamedTuple):
    """What the forward pass needs, and the backward pass must not keep alive."""

    loss: Any
    arrays: tuple[np.ndarray, ...]
    parameters: dict[str, Any]
    by: tuple[str, ...]
    axis: int | None
    over_first: bool
    value_dtype: Any

    def ignored(self) -> Any:
        """Which rows or elements have the label that is ignored; None where none has."""
        if "ignore_index" in self.parameters:
            index = self.parameters["ignore_index"]
        else:
            default = self.loss.__signature__.parameters.get("ignore_index")
            index = None if default is None else default.default
        labels = self.arrays[1]
        scored = self.arrays[0].ndim - (self.axis is not None)
        if index is None or labels.ndim != scored or labels.dtype.kind not in "iu":
            return None
        found = np.asarray(labels == index)
        if not found.any():
            return None
        return torch.from_numpy(found if self.axis is None else np.expand_dims(found, self.axis))

    def value_and_grads(self) -> tuple[Any, list[Any]]:
        """The value and the gradients by the first argument and, where it is wanted, the second."""
        x = self.arrays[0]
        # A float16 gradient would underflow before the incoming one (a loss scale) could lift it.
        dtype = np.dtype(np.float32) if x.dtype == np.float16 else x.dtype
        out = x if self.over_first else _room(x, dtype)
        if SECOND in self.by:
            other = np.empty_like(x, dtype)
            value, grads = self.loss.value_and_grads(*self.arrays, outs=(out, other), **self.parameters)
            return value, list(grads)
        value, grad = self.loss.value_and_grad(*self.arrays, out=out, **self.parameters)
        return value, [grad]


class _Fused(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, call: _Call, *tensors: Any) -> Any:
        try:
            value, arrays = call.value_and_grads()
        except (ValueError, TypeError):  # these come before anything is written
            raise
        except BaseException:  # a RuntimeWarning that is made an error, an interrupt
            if call.over_first:
                with torch.enable_grad():
                    _Overwritten.apply(tensors[0])
            raise
        grads = [_wrapped(each) for each in arrays]
        if call.over_first:
            with torch.enable_grad():
                _Overwritten.apply(tensors[0])
            grads[0] = tensors[0].detach()
        # Saved, not kept on ctx: torch lets go of them when the graph is, so that the next function may own
        # them, and finds out if somebody writes to them.
        ctx.save_for_backward(*grads)
        ctx.by, ctx.axis, ctx.ignored = call.by, call.axis, call.ignored()
        return _as_tensor(value, call.value_dtype)

    @staticmethod
    def backward(ctx: Any, incoming: Any) -> Any:
        if _is_transformed(incoming) or _is_batched(incoming):
            raise RuntimeError("is_grads_batched=True or vectorize=True: fastloss.torch takes one incoming "
                               "gradient at a time; leave it out, or use torch.nn.functional for this loss")
        if torch.is_grad_enabled():
            raise RuntimeError("create_graph=True: fastloss.torch has no double backward, its gradients "
                               "cannot be differentiated; use torch.nn.functional for this loss")
        kept = _keeps_graph()
        grads = [_times(grad, incoming, ctx.axis, kept) for grad in ctx.saved_tensors]
        if ctx.ignored is not None and not incoming.isfinite().all():  # 0 times nan is nan: as torch, 0
            grads = [grad.masked_fill_(ctx.ignored, 0) for grad in grads]
        return None, *(_chosen(grads, how, FIRST in ctx.by) for how in ctx.by)


def _chosen(grads: list[Any], how: str, first_is_wanted: bool) -> Any:
    if how == MINUS_FIRST:
        return grads[0].neg() if first_is_wanted else grads[0].neg_()
    return grads[1] if how == SECOND else grads[0]


def _wrapped(values: np.ndarray) -> Any:
    """A tensor that owns the array's memory: NumPy asks the system for huge pages, torch does not."""
    if values.dtype.name == "bfloat16":
        return torch.from_numpy(values.view(np.uint16)).view(torch.bfloat16)
    return torch.from_numpy(values)


def _times(grad: Any, incoming: Any, axis: int | None, kept: bool) -> Any:
    """The gradient times the incoming one: in its own memory, or in new memory where the graph is kept."""
    same = incoming.numel() > 0 and not any(incoming.stride())  # one number, repeated or not
    if same:
        factor = incoming[(0,) * incoming.ndim].item()
        if factor == 1:
            return grad.clone() if kept else grad
    else:
        factor = incoming if axis is None else incoming.unsqueeze(axis)
    return grad.mul(factor) if kept else grad.mul_(factor)


class _Overwritten(torch.autograd.Function):  # type: ignore[misc]
    """Stands in the graph for logits that now hold their gradient: whoever uses them after is told."""

    @staticmethod
    def forward(ctx: Any, input: Any) -> Any:
        ctx.mark_dirty(input)
        return input

    @staticmethod
    def backward(ctx: Any, incoming: Any) -> Any:
        raise RuntimeError("the input of a loss was overwritten by its gradient (inplace=True) and used "
                           "afterwards: leave out inplace=True, or use the input before the loss")
