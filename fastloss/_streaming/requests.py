"""Which losses and metrics are meant, and with which parameters: objects, names, "name:key=value"."""

from __future__ import annotations

import ast
import copy
import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastloss._loss import Loss, losses
from fastloss._metric import Metric, metrics

# What belongs to a call and not to the loss.
OF_THE_CALL = {
    "sample_weight": "it goes with each batch",
    "normalizer": "the mean is divided by what all batches weigh",
    "n_threads": "it is given once, for all",
    "out": "there is no gradient",
}


@dataclass(frozen=True)
class Request:
    """One loss or metric, and what it is called with."""

    metric: Loss | Metric
    given: Mapping[str, Any]  # as the caller wrote them, copied: they hold for all batches
    reduction: str = field(init=False)
    parameters: Mapping[str, Any] = field(init=False)  # with the defaults, without the reduction
    own: Any = field(init=False)  # what its keywords come to; None where a batch brings some of them
    arrays: frozenset[str] = field(init=False)  # what each batch brings besides pred and target
    needs_target: bool = field(init=False)

    def __post_init__(self) -> None:
        signature = self.metric.__signature__.parameters.values()
        keywords = {
            p.name: p.default for p in signature if p.kind is p.KEYWORD_ONLY and p.name not in OF_THE_CALL
        }
        operands = [p.name for p in signature if p.kind is not p.KEYWORD_ONLY]
        given = {name: _copied(value) for name, value in self.given.items()}
        for name in given:
            if name not in keywords:
                raise TypeError(
                    f"{self.metric.__name__} takes no {name} here: "
                    + OF_THE_CALL.get(name, f"its parameters are {_listed(keywords)}")
                )
        parameters = {**keywords, **given}
        reduction = parameters.pop("reduction", "mean")
        if reduction not in ("mean", "sum"):
            raise ValueError(f'reduction = {reduction!r} must be "mean" or "sum" over many batches')
        missing = {name for name, value in parameters.items() if value is inspect.Parameter.empty}
        parameters = {k: v for k, v in parameters.items() if k not in missing}
        set_ = object.__setattr__  # frozen
        set_(self, "given", given)
        set_(self, "needs_target", len(operands) > 1)
        set_(self, "reduction", reduction)
        set_(self, "parameters", parameters)
        set_(self, "arrays", frozenset(missing).union(operands[2:]))
        # Parameters are looked over now, and not at the first batch.
        own = {k: v for k, v in parameters.items() if k != "axis"}
        set_(self, "own", None if missing else self.metric._own(own))

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal where the losses and their parameters are."""
        return self.metric.__name__, self.reduction, same(self.parameters)

    def __reduce__(self) -> tuple[Any, ...]:
        return Request, (self.metric, dict(self.given))


def _copied(value: Any) -> Any:
    """Itself, or a copy if somebody might write to it."""
    written_to = isinstance(value, (list, tuple)) or hasattr(value, "__array__")
    if not written_to or getattr(value, "requires_grad", False):  # the latter is refused when it is read
        return value
    return copy.deepcopy(value)


def same(parameters: Mapping[str, Any]) -> tuple[Any, ...]:
    """Equal where the parameters are, arrays compared by what they hold."""
    return tuple((name, _comparable(parameters[name])) for name in sorted(parameters))


def _comparable(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (int, float, str)):
        return value
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        return repr(value)
    return array.shape, array.tobytes()


def requested(what: Any, parameters: Mapping[str, Any]) -> dict[str | None, Request]:
    """Name -> request for a mapping or a list; for a single loss or metric the name is None."""
    if isinstance(what, (str, Loss, Metric)):
        return {None: _request_for(what, parameters)}
    if parameters:
        raise TypeError(
            f"{_listed(parameters)} given beside several losses: give each its own, "
            'as (loss, {"name": value}) or "loss:name=value"'
        )
    if isinstance(what, Mapping):
        found: dict[str | None, Request] = {str(name): _request_for(each) for name, each in what.items()}
    elif isinstance(what, Iterable):
        found = {}
        for each in what:
            name, request = _name(each), _request_for(each)
            if name in found:
                raise ValueError(f"{name} is asked for twice: give a mapping, name -> loss")
            found[name] = request
    else:
        raise TypeError(f"{what!r} is no loss and no metric, nor a name, a list or a mapping of them")
    if not found:
        raise ValueError("no loss and no metric is asked for")
    return found


def _name(each: Any) -> str:
    if isinstance(each, tuple) and each:
        each = each[0]
    return each if isinstance(each, str) else getattr(each, "__name__", repr(each))


def _request_for(each: Any, parameters: Mapping[str, Any] | None = None) -> Request:
    given = dict(parameters or {})
    if isinstance(each, tuple):
        if len(each) != 2 or not isinstance(each[1], Mapping):
            raise TypeError(f"{each!r} must be (loss, parameters), with parameters a mapping")
        each, given = each[0], dict(each[1])
    if isinstance(each, str):
        each, written = parse(each)
        if twice := written.keys() & given.keys():
            raise TypeError(f"{_listed(twice)} given twice")
        given = {**written, **given}
    if not isinstance(each, (Loss, Metric)):
        raise TypeError(f"{each!r} is no loss and no metric of fastloss")
    if isinstance(each, Loss):
        each, fixed = each._parted()
        given = {**fixed, **given}
    return Request(each, given)


def parse(text: str) -> tuple[Loss | Metric, dict[str, Any]]:
    """The loss or metric and the parameters of "name" or "name:key=value,key=value".

    Values are Python's numbers, True, False, None and lists; anything else is a word.
    """
    name, _, rest = text.partition(":")
    thing: Loss | Metric | None = losses.get(name) or metrics.get(name)
    if thing is None:
        raise ValueError(f"{name!r} is no loss and no metric of fastloss{did_you_mean(name)}")
    parameters: dict[str, Any] = {}
    for pair in re.split(r",(?![^\[(]*[\])])", rest) if rest else ():  # no comma within brackets
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not key or not equals or not value:
            raise ValueError(f"{pair!r} in {text!r} must be key=value")
        if key in parameters:
            raise ValueError(f"{key} is given twice in {text!r}")
        parameters[key] = _value(value)
    return thing, parameters


def did_you_mean(name: str, among: Iterable[str] | None = None) -> str:
    import difflib

    near = difflib.get_close_matches(name, [*losses, *metrics] if among is None else among)
    return f": did you mean {' or '.join(near)}?" if near else ""


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
