"""The losses as custom operators, which torch.compile keeps whole: `torch.ops.fastloss.cross_entropy`.

An operator gives the value and, in the same pass, the gradients by the arguments that want one. Its backward
pass is torch's own multiplication, which the compiler fuses. Outside of torch.compile operators are not used:
to call one takes longer than a small loss.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import torch
from torch import Tensor

from fastloss.torch import _autograd
from fastloss.torch._fused_call import FLOATS, REFUSED, Elsewhere, FusedCall, strict

_library = torch.library.Library("fastloss", "DEF")

_TYPES = {
    "Tensor": "Tensor",
    "Tensor | None": "Tensor?",
    "Tensor | float": "Tensor",
    "int": "SymInt",
    "float": "float",
    "bool": "bool",
    "str": "str",
}
_UNSEEN = ("size_average", "reduce", "inplace")  # deprecated, or the compiler's to decide


class Operator(NamedTuple):
    """What is known of a loss before it is called."""

    name: str
    translate: Callable[..., FusedCall]
    torchs: Callable[..., Any]
    by: tuple[str, ...]  # the arguments that have a gradient, the input first
    same: tuple[str, ...]  # those that must have the shape of the input
    axis: int | None  # of what has one loss together; None: each element has its own
    defaults: dict[str, Any]  # of all arguments, in their order

    def traced(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The call in a graph: by the operator, or by torch's function where that does not take it."""
        inplace = kwargs.pop("inplace", False)
        if not isinstance(inplace, bool):
            raise TypeError(f"inplace = {inplace!r} must be True or False")
        given = self.defaults | self.by_name(args, kwargs)
        transformed = torch._C._are_functorch_transforms_active()
        if (
            torch.compiler.is_exporting()
            or transformed
            or not self._binds(args, kwargs)
            or not self._takes(given)
        ):
            if inplace or strict.on:
                raise TypeError(
                    f"{self.name}: with inplace=True, or under strict(), these arguments are not "
                    "taken where torch compiles"
                )
            return self.torchs(*args, **kwargs)
        input = given[self.by[0]]
        if "var" in given:  # repeated here, so that its gradient is summed by torch
            var = given["var"]
            if not isinstance(var, Tensor):
                given["var"] = torch.full_like(input, var)
            elif var.shape != input.shape:
                given["var"] = (var if var.ndim == input.ndim else var.unsqueeze(-1)).expand_as(input)
        seen = [given[name] for name in self.names()]
        wants = [torch.is_grad_enabled() and given[name].requires_grad for name in self.by]
        value = getattr(torch.ops.fastloss, self.name)(*seen, wants)[0]
        return rounded(value, input.dtype)

    def by_name(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        return {**dict(zip(self.defaults, args)), **kwargs}

    def names(self) -> list[str]:
        """Of what the operator is given."""
        return [name for name in self.defaults if name not in _UNSEEN]

    def _binds(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether each argument is one of the function, once, and none is missing."""
        names = list(self.defaults)[:-1]  # without inplace
        positional = names[: len(args)]
        required = [name for name in names if self.defaults[name] is inspect.Parameter.empty]
        return (
            len(args) <= len(names)
            and all(name in names and name not in positional for name in kwargs)
            and all(name in positional or name in kwargs for name in required)
        )

    def _takes(self, given: dict[str, Any]) -> bool:
        input = given[self.by[0]]
        if given.get("size_average") is not None or given.get("reduce") is not None:
            return False
        for name, each in given.items():
            if isinstance(each, Tensor):
                if type(each) not in (Tensor, torch.nn.Parameter) or each.device.type != "cpu":
                    return False
                if name in self.by and each.dtype not in FLOATS:
                    return False
                if name in self.same and each.shape != input.shape:
                    return False
                if each.is_floating_point() and torch.promote_types(each.dtype, input.dtype) != input.dtype:
                    return False
                if name == "target" and self.axis == -1 and name not in self.same:  # one a row
                    if each.shape != input.shape[:-1]:
                        return False
                if name == "var" and not _is_spread(each.shape, input.shape):
                    return False
                if name not in self.by and each.requires_grad and torch.is_grad_enabled():
                    return False
                if "target" in self.same and "weight" in name and not _fits(each.shape, input.shape):
                    return False
        return True

    def evaluate(self, *seen: Any) -> tuple[Tensor, ...]:
        """What the operator does with real tensors."""
        *values, wants = seen
        given = dict(zip(self.names(), values))
        leaves = {name: given[name].detach() for name in self.by}
        wanted = [name for name, wants_it in zip(self.by, wants) if wants_it]
        try:
            fused = self.translate(**given | leaves)
            by = tuple(how for tensor, how in fused.by if any(tensor is leaves[name] for name in wanted))
            value, grads = _autograd.value_and_grads(fused, by, single=True)
        except Elsewhere as other:
            value, grads = self._by_torch(given | leaves | other.instead, wanted)
        except (*REFUSED, RuntimeWarning):  # a mean of nothing, where warnings are errors
            if strict.on:
                raise
            value, grads = self._by_torch(given | leaves, wanted)
        each = iter(grads)
        return value, *(
            stored(next(each), given[name].dtype) if wants_it else value.new_empty(0)
            for name, wants_it in zip(self.by, wants)
        )

    def _by_torch(self, given: dict[str, Any], wanted: list[str]) -> tuple[Tensor, list[Tensor]]:
        def computed() -> tuple[Tensor, list[Tensor]]:
            leaves = [given[name].requires_grad_() for name in wanted]
            with torch.autocast("cpu", dtype, autocast):
                value = self.torchs(**given)
            grads = torch.autograd.grad(value.sum(), leaves) if leaves else ()
            return value.detach().to(dtype_of_value(value.dtype)).contiguous(), list(grads)

        autocast, dtype = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")

        with ThreadPoolExecutor(1) as thread:  # in this one autograd records nothing: it runs an operator
            return thread.submit(computed).result()

    def shapes(self, *seen: Any) -> tuple[Tensor, ...]:
        """The same of tensors without memory."""
        *values, wants = seen
        given = dict(zip(self.names(), values))
        input, rows = given[self.by[0]], list(given[self.by[0]].shape)
        if self.axis is not None:
            del rows[self.axis if len(rows) > 1 else 0]
        shape = rows if given["reduction"] == "none" else ()
        value = input.new_empty(shape, dtype=dtype_of_value(input.dtype))
        grads = [
            torch.empty(given[name].shape, dtype=dtype_of_gradient(given[name].dtype))
            if wants_it
            else value.new_empty(0)
            for name, wants_it in zip(self.by, wants)
        ]
        return value, *grads

    def keep(self, ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.set_materialize_grads(False)
        names = self.names()
        ctx.ignore_index = inputs[names.index("ignore_index")] if "ignore_index" in names else None
        ctx.wants, ctx.taken = inputs[-1], len(inputs)
        ctx.places = [names.index(name) for name in self.by]
        ctx.dtypes = [inputs[at].dtype for at in ctx.places]
        hard = ctx.ignore_index is not None and not inputs[1].is_floating_point()
        ctx.save_for_backward(*output[1:], *([inputs[1]] if hard else []))

    def backward(self, ctx: Any, incoming: Tensor | None, *others: Tensor | None) -> tuple[Any, ...]:
        no_second_derivative(others)
        result: list[Any] = [None] * ctx.taken
        if incoming is None:
            return tuple(result)
        grads, labels = ctx.saved_tensors[: len(self.by)], ctx.saved_tensors[len(self.by) :]
        for grad, place, dtype, wanted in zip(grads, ctx.places, ctx.dtypes, ctx.wants):
            if wanted:
                axis = None if self.axis is None else self.axis if grad.ndim > 1 else 0
                result[place] = multiplied(grad, incoming, axis, labels, ctx.ignore_index).to(dtype)
        return tuple(result)


def _fits(shape: Any, other: Any) -> bool:
    """Whether it is broadcast to the other, which stays as it is."""
    return len(shape) <= len(other) and all(a in (1, b) for a, b in zip(reversed(shape), reversed(other)))


def _is_spread(shape: Any, other: Any) -> bool:
    """Whether torch's gaussian_nll_loss repeats variances of this shape."""
    if len(shape) + 1 == len(other):
        return tuple(shape) == tuple(other[:-1])
    return len(shape) == len(other) and [a for a, b in zip(shape, other) if a != b] in ([], [1])


def multiplied(
    grad: Tensor, incoming: Tensor, axis: int | None, labels: Sequence[Tensor], ignored: int | None
) -> Tensor:
    """The gradient times the incoming one, and 0 (not nan, where that is nan) of ignored labels, if any."""
    grad = grad * _autograd.aligned(incoming, axis)
    return grad.masked_fill((labels[0] == ignored).unsqueeze(axis), 0) if labels else grad


def no_second_derivative(incoming: tuple[Tensor | None, ...]) -> None:
    """Refuses a derivative of the gradients that an operator gives."""
    if any(each is not None for each in incoming):
        raise RuntimeError("create_graph=True: compiled losses have no double backward")


def dtype_of_gradient(dtype: torch.dtype) -> torch.dtype:
    """Before it is multiplied by the incoming one, which may be a loss scale."""
    return torch.float32 if dtype == torch.float16 else dtype


def stored(grad: Tensor, dtype: torch.dtype) -> Tensor:
    return grad.to(dtype_of_gradient(dtype)).contiguous()


def dtype_of_value(dtype: torch.dtype) -> torch.dtype:
    """Before it is rounded, which it is not under autocast."""
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype


def rounded(value: Tensor, dtype: torch.dtype) -> Tensor:
    return value if value.dtype == dtype or torch.is_autocast_enabled("cpu") else value.to(dtype)


def define(
    name: str,
    schema: str,
    results: int,
    evaluate: Callable[..., Any],
    shapes: Callable[..., Any],
    keep: Callable[..., None],
    backward: Callable[..., Any],
) -> None:
    """An operator of the library: what it does, and with tensors without memory, and its derivative."""
    _library.define(f"{name}({schema}) -> ({', '.join(['Tensor'] * results)})")
    _library.impl(name, evaluate, "CPU")
    torch.library.register_fake(f"fastloss::{name}", shapes, lib=_library)
    torch.library.register_autograd(f"fastloss::{name}", backward, setup_context=keep, lib=_library)


def operator(
    translate: Callable[..., FusedCall],
    torchs: Callable[..., Any],
    by: tuple[str, ...],
    same: tuple[str, ...],
    axis: int | None,
) -> Operator:
    """The operator of a loss, with torch's parameters."""
    parameters = inspect.signature(translate).parameters.values()
    made = Operator(
        translate.__name__, translate, torchs, by, same, axis, {p.name: p.default for p in parameters}
    )
    schema = ", ".join(f"{_TYPES[p.annotation]} {p.name}" for p in parameters if p.name not in _UNSEEN)
    define(
        made.name,
        f"{schema}, bool[] wants",
        1 + len(by),
        made.evaluate,
        made.shapes,
        made.keep,
        made.backward,
    )
    return made
