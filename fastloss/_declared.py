"""What losses and metrics have in common: class Declared.

A declaration is a function: its signature and docstring are those of the loss, its body checks the loss's own
keywords and returns what they come to.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from fastloss import _check, _core

REDUCTIONS = {"mean": _core.MEAN, "sum": _core.SUM, "none": _core.NONE}
COMMON: dict[str, Any] = {"reduction": "mean", "sample_weight": None, "normalizer": None, "n_threads": None}


class Tally(NamedTuple):
    """The numerators of one mean or several, their divisor, and how many rows or elements count."""

    totals: tuple[float, ...]
    divisor: float
    counted: int


class Declared:
    """A declared function: its names, its signature, and what its own keywords come to."""

    __name__: str
    __signature__: inspect.Signature
    _outs: tuple[str, ...] = ()  # what methods take besides, for the words of errors
    _own: _core.Remembered  # what its own keywords come to

    def __init__(self, declaration: Callable[..., Any], common: dict[str, Any]) -> None:
        self.__name__ = self.__qualname__ = declaration.__name__
        self.__doc__ = inspect.getdoc(declaration)
        self.__module__ = "fastloss"
        self._declaration = declaration
        self._own = _core.Remembered(self._make)
        own = list(inspect.signature(declaration).parameters.values())
        self._names = tuple(p.name for p in own if p.kind is p.POSITIONAL_OR_KEYWORD)
        self._keywords = frozenset(p.name for p in own if p.kind is p.KEYWORD_ONLY)
        keyword = inspect.Parameter.KEYWORD_ONLY
        shared = [inspect.Parameter(name, keyword, default=value) for name, value in common.items()]
        self.__signature__ = inspect.Signature(own + shared)

    @property
    def row_arrays(self) -> frozenset[str]:
        """The arrays needed beside predictions and targets: keywords without a default, a third operand."""
        required = {
            name
            for name, p in self.__signature__.parameters.items()
            if p.kind is p.KEYWORD_ONLY and p.default is p.empty
        }
        return frozenset(required).union(self._names[2:])

    def _make(self, parameters: dict[str, Any]) -> Any:
        if not self._keywords.issuperset(parameters):
            shown = [*self.__signature__.parameters][len(self._names) :]
            _check.keywords(self.__name__, parameters, self._keywords, [*shown, *self._outs])
        return self._declaration(*(None for _ in self._names), **parameters)

    def _bind(self, args: tuple[Any, ...], parameters: dict[str, Any]) -> tuple[Any, ...]:
        """The arrays, where they were passed by name."""
        given = dict(zip(self._names, args))
        for name in self._names[len(args) :]:
            if name in parameters:
                given[name] = parameters.pop(name)
        if len(args) > len(self._names) or len(given) < len(self._names):
            raise TypeError(
                f"{self.__name__} takes {' and '.join(self._names)}, and keywords; "
                f"{len(args)} positional arguments were given"
            )
        return tuple(given[name] for name in self._names)


def taken(function: Any, parameters: dict[str, Any]) -> dict[str, Any]:
    """Those that a function takes."""
    if not parameters:
        return parameters
    known = inspect.signature(function).parameters.values()
    anything = any(p.kind is p.VAR_KEYWORD for p in known)
    names = {p.name for p in known}
    return {name: value for name, value in parameters.items() if anything or name in names}
