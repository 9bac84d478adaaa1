"""The one way into the core: a call as given and, where it is not legal so, converted."""

from __future__ import annotations

from typing import Any

from fastloss import _check, _core
from fastloss._core import Parameters, Plan


def run(
    plan: Plan,
    parameters: Parameters,
    pred: Any,
    target: Any = None,
    third: Any = None,
    weight: Any = None,
    out: Any = None,
    other_out: Any = None,
    axis: Any = -1,
    normalizer: float | None = None,
    n_threads: int | None = None,
) -> Any:
    """What the plan gives of these operands: the value, if it gives one, then its arrays.

    `third` is the vector of a Hessian-vector product, or the third array of a loss of two vectors; `out` and
    `other_out` are where the arrays go, in their order, and are what is returned for them.
    """
    result = _core.run(
        plan, parameters, pred, target, third, weight, out, other_out, axis, normalizer, n_threads
    )
    if result is not None:
        return result
    x, t, v, w, o, h, axis = _check.prepare(
        plan, parameters, pred, target, third, weight, out, other_out, axis
    )
    result = _core.run(plan, parameters, x, t, v, w, o, h, axis, normalizer, n_threads)
    if result is None:
        raise TypeError(f"{' and '.join(plan.names)}: these arguments cannot be used together")
    return _handed(result, (o, out), (h, other_out))


def _handed(result: Any, *pairs: tuple[Any, Any]) -> Any:
    """The result with the caller's own object for each part that was written into it."""
    if isinstance(result, tuple):
        return tuple(_handed(part, *pairs) for part in result)
    for array, given in pairs:
        if result is array and given is not None:
            return given
    return result
