"""A call of torch's as one of fastloss: what it is made of, and what may go in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd import forward_ad

from fastloss import _check

# How the gradient by a tensor comes from those of the fused pass.
FIRST, MINUS_FIRST, SECOND = "first", "minus first", "second"

FLOATS = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
REFUSED = (TypeError, ValueError, NotImplementedError)  # raised before anything is written
_transforms = torch._C._are_functorch_transforms_active


class strict:
    """Whether what fastloss does not compute is an error, where else torch answers; also a context manager.

    `strict()` holds for the process from there on, `strict(False)` ends it, `with strict():` holds to the end
    of the block. Under it shapes match exactly, domains are checked, and errors are fastloss's own: nothing
    is handed on to torch. There is no double backward, and a loss keeps nothing but its gradient for the
    backward pass.

    >>> import torch
    >>> import fastloss.torch as F
    >>> x, y = torch.zeros(2, 3), torch.zeros(3)  # torch repeats y, with a warning
    >>> with F.strict():
    ...     F.mse_loss(x, y)
    Traceback (most recent call last):
    ValueError: target has shape (3,), pred has shape (2, 3): they must match exactly, nothing is broadcast
    """

    on = False

    def __init__(self, mode: bool = True) -> None:
        self.mode, self.before = _check.flag("mode", mode), strict.on
        strict.on = self.mode

    def __enter__(self) -> None:
        strict.on = self.mode

    def __exit__(self, *error: object) -> None:
        strict.on = self.before


class Elsewhere(Exception):
    """torch computes this, whatever the rules, with some of the arguments replaced."""

    def __init__(self, **instead: Any) -> None:
        self.instead = instead


class TorchCall(NamedTuple):
    """torch's own call, for a double backward pass."""

    operator: Any  # what is known of the loss: an Operator
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def tensors(self) -> list[Tensor]:
        return [each for each in (*self.args, *self.kwargs.values()) if isinstance(each, Tensor)]

    def mapped(self, f: Callable[[Any], Any]) -> TorchCall:
        kwargs = {name: f(each) for name, each in self.kwargs.items()}
        return self._replace(args=tuple(map(f, self.args)), kwargs=kwargs)


class FusedCall(NamedTuple):
    """A call of torch's as one of fastloss."""

    loss: Any
    by: tuple[tuple[Tensor, str], ...]  # the tensors that have a gradient, the input first, and how it is had
    arrays: tuple[np.ndarray, ...]  # the first is the input's memory
    parameters: dict[str, Any]
    axis: int | None = None  # of the classes, in losses of rows
    inplace: bool = False
    finish: Callable[[Any], Any] | None = None  # from fastloss's value to torch's
    dtype: np.dtype | None = None  # of the value, if not that of the input


# ---- what may go in ------------------------------------------------------------------------------------


def array(name: str, value: Any) -> np.ndarray:
    """The memory of a tensor by which no gradient is computed."""
    if isinstance(value, Tensor) and value.requires_grad and torch.is_grad_enabled():
        raise TypeError(f"{name} requires grad, and no gradient by {name} is computed: pass {name}.detach()")
    return memory(name, value)


def scores(name: str, value: Any) -> np.ndarray:
    """The memory of the tensor that the gradient is taken by."""
    if isinstance(value, Tensor) and value.dtype not in FLOATS:
        raise TypeError(f"{name} has dtype {value.dtype}: it must be float32, float64, bfloat16 or float16")
    return memory(name, value)


def memory(name: str, value: Any) -> np.ndarray:
    if _transforms() or forward_ad._current_level >= 0:
        tensor(name, value)
    try:
        return (value.detach() if value.requires_grad else value).numpy()
    except (AttributeError, RuntimeError, TypeError):  # bfloat16, lazily negated, or an error
        pass
    try:
        return _check.as_array(name, tensor(name, value).detach().resolve_neg())
    except RuntimeError as error:
        raise TypeError(f"{name} cannot be read as an array: {error}") from error


def tensor(name: str, value: Any) -> Any:
    """The argument, or an error: an ordinary tensor on the CPU."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} is a {type(value).__name__}: it must be a torch tensor")
    if value.layout is not torch.strided or value.is_nested:
        kind = "nested" if value.is_nested else str(value.layout)
        raise TypeError(f"{name} is a {kind} tensor: it must be dense, {name}.to_dense() makes one")
    if value.device.type != "cpu":
        raise TypeError(f"{name} is on {value.device}: fastloss computes on the CPU, pass {name}.cpu()")
    if is_transformed(value):
        raise TypeError(
            f"{name} is inside torch.func (vmap, grad, jvp): these losses are opaque to it, call "
            "them outside, or use torch.nn.functional there"
        )
    if forward_ad._current_level >= 0 and forward_ad.unpack_dual(value).tangent is not None:
        raise NotImplementedError(f"{name} has a tangent: these losses have no forward-mode derivative")
    return value


def is_transformed(value: Any) -> bool:
    return bool(_transforms() and torch._C._functorch.is_functorch_wrapped_tensor(value))
