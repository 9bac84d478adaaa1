"""Who answers a call: a kernel of fastloss, or torch's own function, as it was at import.

A function of `functional` translates a call of torch's into a `FusedCall`. Where it cannot, since the
arguments are not what the kernels take, it raises, and torch's function is called with the arguments as they
came.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec

import torch
from torch import Tensor
from torch.utils._device import DeviceContext

from fastloss import _check
from fastloss.torch import _autograd, _operators
from fastloss.torch._fused_call import REFUSED, Elsewhere, FusedCall, TorchCall, strict

P = ParamSpec("P")

# What the kernels may take: no subclass of a tensor but torch's own, whose operations are those of tensors.
_ORDINARY = frozenset((Tensor, torch.nn.Parameter, type(None), bool, int, float, str))
_function_modes = torch._C._len_torch_function_stack
_dispatch_modes = torch._C._len_torch_dispatch_stack
_traces = torch._C._is_tracing


def drop_in(
    torchs: Callable[..., Any],
    *,
    by: tuple[str, ...] = ("input",),
    same: tuple[str, ...] = ("target",),
    axis: int | None = None,
) -> Callable[[Callable[P, FusedCall]], Callable[P, Tensor]]:
    """Makes the function that translates a call into the loss: what it refuses, `torchs` answers.

    `by`: the arguments that have a gradient, the input first. `same`: those that must have its shape. `axis`:
    that of the elements which have one loss together; None: each has its own.
    """

    def made(translate: Callable[P, FusedCall]) -> Callable[P, Tensor]:
        operator = _operators.operator(translate, torchs, by, same, axis)

        @functools.wraps(translate)
        def loss(*args: Any, **kwargs: Any) -> Any:
            if torch.compiler.is_compiling():
                return operator.traced(args, kwargs)
            inplace = kwargs.pop("inplace", False)
            refuses = strict.on or inplace is not False
            try:
                if refuses:
                    _check.flag("inplace", inplace)
                    if _is_watched():
                        raise TypeError(
                            "inplace=True, or strict(): a trace or a mode wants to see "
                            "operations of torch, and there are none"
                        )
                    return _autograd.run(translate(*args, **kwargs, inplace=inplace))
                if _is_ordinary(args, kwargs):
                    return _autograd.run(translate(*args, **kwargs), TorchCall(operator, args, kwargs))
            except Elsewhere as other:
                args, kwargs = (), operator.by_name(args, kwargs) | other.instead
            except (*REFUSED, RuntimeWarning):  # a mean of nothing, where warnings are errors
                if refuses:
                    raise
            return torchs(*args, **kwargs)

        signature = inspect.signature(translate)
        loss.operator = operator  # type: ignore[attr-defined]
        loss.__signature__ = signature.replace(return_annotation="Tensor")  # type: ignore[attr-defined]
        loss.__annotations__ = translate.__annotations__ | {"return": "Tensor"}
        return loss

    return made


def _is_ordinary(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether these are torch's own tensors, and nobody wants to see each operation on them."""
    return (
        _ORDINARY.issuperset(map(type, args))
        and _ORDINARY.issuperset(map(type, kwargs.values()))
        and not _is_watched()
    )


def _is_watched() -> bool:
    return bool(_dispatch_modes() or _traces() or (_function_modes() and not _only_devices()))


def _only_devices() -> bool:
    """Whether the modes that see each function are those of a default device: results are on the input's."""
    return all(type(torch._C._get_function_stack_at(i)) is DeviceContext for i in range(_function_modes()))
