"""What a caller may pass, and the words of every error.

The core refuses a call that is not legal as it stands without saying why. Then `prepare` here converts
what may be converted (lists, tensors, other byte orders) and raises a named error for what may not, so
that a legal call pays for none of this. A message names the argument, the value found and the rule.
"""

from __future__ import annotations

import difflib
import math
import operator
import os
import sys
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from fastloss import _core

FLOATS = "float64, float32, float16 or bfloat16"


# ---- options -------------------------------------------------------------------------------------------


def reduction(value: object) -> NoReturn:
    raise ValueError(f'reduction = {value!r} is unknown: it must be "mean", "sum" or "none"')


def normalizer(value: Any, reduction: str) -> float:
    if reduction != "mean":
        raise ValueError(
            f'normalizer = {value!r} given with reduction = {reduction!r}: it replaces the divisor of "mean"'
        )
    return positive("normalizer", value)


def n_threads(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not hasattr(value, "__index__") or operator.index(value) < 1:
        raise ValueError(f"n_threads = {value!r} must be None or an integer >= 1")
    return min(operator.index(value), 1 << 20)


def axis(value: Any, ndim: int, name: str) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"axis = {value!r} must be an integer")
    at = operator.index(value)
    if not -ndim <= at < ndim:
        raise ValueError(f"axis = {at} is out of range for {name} with {ndim} dimensions")
    return at


# ---- parameters of losses ------------------------------------------------------------------------------


def number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not hasattr(value, "__float__") or np.ndim(value) != 0:
        raise TypeError(f"{name} = {value!r} must be a number")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    except (TypeError, ValueError):
        raise TypeError(f"{name} = {value!r} must be a number") from None
    if not math.isfinite(result):
        raise ValueError(f"{name} = {value!r} must be finite")
    return result


def positive(name: str, value: Any) -> float:
    result = number(name, value)
    if result <= 0:
        raise ValueError(f"{name} = {value!r} must be > 0")
    return result


def non_negative(name: str, value: Any) -> float:
    result = number(name, value)
    if result < 0:
        raise ValueError(f"{name} = {value!r} must be >= 0")
    return result


def fraction(name: str, value: Any) -> float:
    result = number(name, value)
    if not 0 <= result <= 1:
        raise ValueError(f"{name} = {value!r} must lie in [0, 1]")
    return result


def inside(name: str, value: Any, low: int = 0, high: int = 1) -> float:
    result = number(name, value)
    if not low < result < high:
        raise ValueError(f"{name} = {value!r} must lie in ({low}, {high})")
    return result


def number_or_array(
    name: str, value: Any, check: Callable[[str, Any], float], scanned: bool = False
) -> tuple[float, np.ndarray | None]:
    """One number and None, or 0 and one number an element; `check` must be that of an interval.

    An array that the core will look over (`scanned`) is left as it is.
    """
    if isinstance(value, (int, float)):
        return check(name, value), None
    array = as_array(name, value)
    if array.ndim == 0:
        return check(name, value), None
    if not _core.is_supported(array.dtype):
        raise TypeError(f"{name} has dtype {array.dtype}: it must be {FLOATS}, integer or bool")
    if scanned:
        return 0.0, array
    array = array.astype(np.float64, copy=False)
    try:
        for extreme in (array.min(), array.max()) if array.size else ():
            check(name, extreme)
    except ValueError:
        for at in np.ndindex(array.shape):
            check(f"{name}{_subscript(at)}", array[at].item())
    return 0.0, array


def clip(name: str, value: Any) -> Any:
    """How far from 0 and 1 probabilities are kept: a number, or the epsilon of their dtype."""
    if isinstance(value, str) and value == "dtype":
        return value
    result = math.inf if isinstance(value, str) else number(name, value)
    if not 0 <= result < 0.5:
        raise ValueError(f'{name} = {value!r} must be "dtype" or lie in [0, 0.5)')
    return result


def one_of(name: str, value: Any, choices: dict[str, Any]) -> Any:
    """What the word that was chosen stands for."""
    if not isinstance(value, str) or value not in choices:
        words = " or ".join(f'"{word}"' for word in choices)
        raise ValueError(f"{name} = {value!r} is unknown: it must be {words}")
    return choices[value]


def flag(name: str, value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} = {value!r} must be True or False")
    return bool(value)


def at_least(name: str, value: Any, low: int) -> float:
    result = number(name, value)
    if result < low:
        raise ValueError(f"{name} = {value!r} must be >= {low}")
    return result


def within(name: str, value: Any, low: float, high: float) -> float:
    result = number(name, value)
    if not low <= result <= high:
        raise ValueError(f"{name} = {value!r} must lie in [{low}, {high}]")
    return result


def integer_or_none(name: str, value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} = {value!r} must be an integer or None")
    result = operator.index(value)
    if not -(1 << 63) <= result < 1 << 63:
        raise ValueError(f"{name} = {value!r} must fit 64 bits")
    return result


def integer_within(name: str, value: Any, low: int, high: int) -> int:
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} = {value!r} must be an integer")
    result = operator.index(value)
    if not low <= result <= high:
        raise ValueError(f"{name} = {value!r} must be an integer from {low} to {high}")
    return result


def counts(name: str, value: Any) -> tuple[bool, list[int]]:
    """Whether several were given, and the integers, each >= 1."""
    several = np.ndim(value) > 0
    given = list(value) if several and np.ndim(value) == 1 else [value]
    if not given:
        raise ValueError(f"{name} is empty: it must be an integer >= 1 or a sequence of them")
    for i, each in enumerate(given):
        which = f"{name}[{i}]" if several else name
        if isinstance(each, (bool, np.bool_)) or not hasattr(each, "__index__") or np.ndim(each) > 0:
            raise TypeError(f"{which} = {each!r} must be an integer")
        if operator.index(each) < 1:
            raise ValueError(f"{which} = {each!r} must be >= 1")
    return several, [operator.index(each) for each in given]


def class_weight(value: Any) -> np.ndarray | None:
    if value is None:
        return None
    if isinstance(value, str):
        raise ValueError(
            f"class_weight = {value!r} must be an array of one weight a class; scikit-learn's "
            '"balanced" is n / (C * np.bincount(target, minlength=C))'
        )
    if isinstance(value, Mapping):
        if sorted(value, key=str) != sorted(range(len(value)), key=str):
            raise ValueError(f"class_weight has keys {list(value)}: they must be the classes 0 to C - 1")
        value = [value[c] for c in range(len(value))]
    given = as_array("class_weight", value)
    if not _core.is_supported(given.dtype):
        raise TypeError(f"class_weight has dtype {given.dtype}: it must be {FLOATS}, integer or bool")
    weight = np.array(given, np.float64)
    if weight.ndim != 1:
        raise ValueError(f"class_weight has shape {weight.shape}: it must have one entry a class, shape (C,)")
    for c in np.flatnonzero(~((weight >= 0) & np.isfinite(weight)))[:1]:
        raise ValueError(f"class_weight[{c}] = {weight[c]} must be finite and >= 0")
    return weight


# ---- arrays --------------------------------------------------------------------------------------------


def as_array(name: str, value: Any) -> np.ndarray:
    """The argument as an ndarray in native byte order, sharing memory where it can."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a masked array: fill it, and pass sample_weight = ~mask to leave elements out"
        )
    if type(value).__module__.partition(".")[0] == "torch":
        return _from_torch(name, value)
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        # Not type(error): those of JAX are made of a tracer.
        kind = TypeError if isinstance(error, TypeError) else ValueError
        traced = type(value).__module__.startswith("jax")
        hint = " (under jax.jit give the call to jax.pure_callback)" if traced else ""
        said = str(error).partition("\n")[0]
        raise kind(f"{name} cannot be read as an array{hint}: {said}") from error
    if array.dtype == object and not isinstance(value, np.ndarray):
        array = _of_objects(name, array)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def is_missing(entry: Any) -> bool:
    """None, or what pandas and Arrow have for it; NaN is a number."""
    return entry is None or type(entry).__name__ in ("NAType", "NaTType", "NullScalar")


def _of_objects(name: str, array: np.ndarray) -> np.ndarray:
    """Numbers that came as objects: columns of several or nullable dtypes, a list or tensor in each row."""
    flat = array.reshape(-1).tolist()
    for i, entry in enumerate(flat):
        if is_missing(entry):
            raise ValueError(
                f"{name}{_subscript(_index(i, array.shape))} is missing ({entry!r}): fill it, "
                "or leave its row out"
            )
    if flat and (isinstance(flat[0], (list, tuple)) or (hasattr(flat[0], "__array__") and np.ndim(flat[0]))):
        rows = [as_array(f"{name}[{i}]", entry) for i, entry in enumerate(flat)]
        for i, row in enumerate(rows):
            if row.shape != rows[0].shape:
                raise ValueError(
                    f"{name}[{i}] has shape {row.shape}, the first {rows[0].shape}: all rows "
                    "must be equally long"
                )
        return np.stack(rows).reshape(array.shape + rows[0].shape)
    try:
        numbers = np.array(flat)
    except (TypeError, ValueError, OverflowError):
        return array
    return numbers.reshape(array.shape) if numbers.dtype.kind in "biuf" else array


def _from_torch(name: str, tensor: Any) -> np.ndarray:
    if getattr(tensor, "requires_grad", False):
        raise TypeError(f"{name} is a torch tensor that requires grad: pass {name}.detach()")
    if tensor.device.type != "cpu":
        raise TypeError(f"{name} is a torch tensor on {tensor.device}: pass {name}.cpu()")
    if str(tensor.dtype) == "torch.bfloat16":
        try:
            from ml_dtypes import bfloat16
        except ImportError:
            raise TypeError(
                f"{name} is a torch bfloat16 tensor: NumPy reads those through ml_dtypes "
                "(pip install ml_dtypes)"
            ) from None
        import torch

        return tensor.view(torch.uint16).numpy().view(bfloat16)
    return tensor.numpy()


def scores(name: str, value: Any) -> np.ndarray:
    array = as_array(name, value)
    if array.dtype.kind in "iub":
        return array.astype(np.float64)
    if not _is_float(array.dtype):
        raise TypeError(f"{name} has dtype {array.dtype}: scores must be {FLOATS}, or integers")
    return array


def _is_float(dtype: np.dtype) -> bool:
    return _core.is_supported(dtype) and dtype.kind not in "iub"


def elements(name: str, value: Any, pred: np.ndarray, pred_name: str) -> np.ndarray:
    """An operand of exactly the shape of the scores."""
    array = as_array(name, value)
    if not _core.is_supported(array.dtype):
        raise TypeError(f"{name} has dtype {array.dtype}: it must be {FLOATS}, integer or bool")
    if array.ndim == 0 and pred.ndim > 0:
        raise ValueError(
            f"{name} is a scalar, {pred_name} has shape {pred.shape}: shapes must match "
            f"exactly; np.broadcast_to({name}, {pred.shape}) repeats it without a copy"
        )
    if array.shape != pred.shape:
        raise ValueError(
            f"{name} has shape {array.shape}, {pred_name} has shape {pred.shape}: they must "
            "match exactly, nothing is broadcast"
        )
    return array


def labels(
    name: str, value: Any, logits: np.ndarray, axis: int, logits_name: str, targets: int
) -> np.ndarray:
    """Integer labels of the rows, or soft targets of the shape of the logits, as `targets` allows."""
    soft = targets & _core.SOFT
    array = as_array(name, value)
    shape = row_shape(logits, axis)
    if array.size == 0 and array.shape == shape and not isinstance(value, np.ndarray):
        array = array.astype(np.int64)  # NumPy makes an empty list float64
    if array.dtype.kind in "OUST":
        raise TypeError(of_words(name, array))
    if targets & _core.LABELS and _is_float(array.dtype) and array.shape == shape:
        return _whole(name, array, f"soft targets have the shape of {logits_name}" if soft else "")
    if targets & _core.LABELS and array.dtype.kind in "iub" and array.shape == logits.shape and array.ndim:
        return _one_hot(name, array, axis, shape)
    if array.dtype.kind in "iub":
        if not targets & _core.LABELS:
            raise TypeError(
                f"{name} has dtype {array.dtype} and shape {array.shape}: it must hold soft "
                f"targets as {FLOATS}, of the shape of {logits_name}"
            )
        if array.ndim == 0 and shape:
            raise ValueError(
                f"{name} is a scalar, {logits_name} has shape {logits.shape}: it needs one "
                f"label a row, shape {shape}; np.broadcast_to({name}, {shape}) repeats it "
                "without a copy"
            )
        if array.shape != shape:
            raise ValueError(
                f"{name} has shape {array.shape}, {logits_name} has shape {logits.shape}: "
                f"integer labels must have shape {shape}, that of {logits_name} without its "
                "class axis"
            )
        return array
    if not _core.is_supported(array.dtype):
        raise TypeError(
            f"{name} has dtype {array.dtype}: it must hold integer labels"
            + (f", or soft targets as {FLOATS}" if soft else "")
        )
    if not soft:
        raise TypeError(f"{name} has dtype {array.dtype}: it must hold integer labels")
    if array.shape != logits.shape:
        raise ValueError(
            f"{name} has dtype {array.dtype} and shape {array.shape}, {logits_name} has shape "
            f"{logits.shape}: soft targets must have exactly that shape, labels must be "
            f"integers of shape {shape}"
        )
    return array


def of_words(name: str, array: np.ndarray) -> str:
    words = array.dtype.kind != "O" or (array.size and isinstance(array.flat[0], str))
    kind = "strings" if words else "objects"
    return (
        f"{name} holds {kind} (dtype {array.dtype}): it must hold integers, the place of each label in "
        f"the classes: classes, {name} = np.unique({name}, return_inverse=True) gives both"
    )


def _whole(name: str, array: np.ndarray, hint: str) -> np.ndarray:
    """Labels that came as floats, as where a column had gaps; each must be a whole number."""
    wide = array.astype(np.float64)
    for at in np.argwhere(np.isnan(wide))[:1]:
        raise ValueError(
            f"{name}{_subscript(at)} = nan is missing: fill it, leave its row out, or give it "
            "the ignore_index"
        )
    for at in np.argwhere(~((wide == np.floor(wide)) & (abs(wide) < 2.0**53)))[:1]:
        raise ValueError(
            f"{name}{_subscript(at)} = {array[tuple(at)]} is no label: labels are integers"
            + (f", {hint}" if hint else "")
        )
    return wide.astype(np.int64)


def _one_hot(name: str, array: np.ndarray, axis: int, shape: tuple[int, ...]) -> np.ndarray:
    """Labels that came as rows of one 1 among zeros."""
    rows = np.moveaxis(array, axis, -1)
    one = (rows == 0).sum(-1) == rows.shape[-1] - 1
    for at in np.argwhere(~(one & (rows == 1).any(-1)))[:1]:
        raise ValueError(
            f"{name} has the shape of the scores, and {name}{_subscript(at)} is "
            f"{rows[tuple(at)].tolist()}: integers of that shape must be one-hot, one 1 among "
            f"zeros; labels must have shape {shape}"
        )
    return np.asarray(rows.argmax(-1))


def labels_alone(name: str, value: Any) -> np.ndarray:
    """Integer labels, where there are no scores to hold them against."""
    array = as_array(name, value)
    if array.dtype.kind in "OUST":
        raise TypeError(of_words(name, array))
    if _is_float(array.dtype) and array.ndim == 1 and array.size:
        return _whole(name, array, "")
    if array.dtype.kind not in "iub" and array.size:
        raise TypeError(f"{name} has dtype {array.dtype}: it must hold integer labels")
    return array


def soft_alone(name: str, value: Any) -> np.ndarray:
    """Soft targets, where there are no scores to hold them against."""
    array = as_array(name, value)
    if not _is_float(array.dtype) or array.ndim == 0:
        raise TypeError(
            f"{name} has dtype {array.dtype} and shape {array.shape}: it must hold soft targets "
            f"as {FLOATS}, of shape (..., C)"
        )
    return array


def counting(labels: np.ndarray, ignore_index: int | None) -> np.ndarray:
    """Which rows count: those whose label is not ignored. As the core reads labels, as 64 bits."""
    if ignore_index is None:
        return np.ones(labels.shape, bool)
    return labels.astype(np.int64, copy=False) != ignore_index


def spread_weights(value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """sample_weight, or ones, checked and repeated over the trailing axes."""
    if value is None:
        return np.ones(shape)
    w = np.asarray(weights(value, shape), np.float64)
    weight_values(w)
    return np.broadcast_to(w.reshape(w.shape + (1,) * (len(shape) - w.ndim)), shape)


def row_shape(logits: np.ndarray, axis: int) -> tuple[int, ...]:
    return tuple(np.delete(logits.shape, axis).tolist())


def weights(value: Any, shape: tuple[int, ...], name: str = "sample_weight") -> np.ndarray:
    array = as_array(name, value)
    if not _core.is_supported(array.dtype):
        raise TypeError(f"{name} has dtype {array.dtype}: it must be {FLOATS}, integer or bool")
    if array.shape != shape[: array.ndim]:
        raise ValueError(
            f"{name} has shape {array.shape}: it must be that of the unreduced loss, {shape}, "
            "or of its leading axes"
        )
    return array


def output(
    name: str,
    value: Any,
    shape: tuple[int, ...],
    like: str,
    inputs: dict[str, np.ndarray],
    in_place: bool = True,
) -> np.ndarray:
    """Where a result goes: the very memory of the argument, or an error.

    It has the shape of what is called `like`, and with `in_place` it may be that argument.
    """
    if not hasattr(value, "__array__") and not isinstance(value, np.ndarray):
        raise TypeError(f"{name} is a {type(value).__name__}: it must be an array")
    if isinstance(value, np.ndarray) and not value.dtype.isnative:
        raise TypeError(
            f"{name} has dtype {value.dtype} in foreign byte order: it must be {FLOATS} in native order"
        )
    array = as_array(name, value)
    if as_array(name, value).ctypes.data != array.ctypes.data:
        raise TypeError(
            f"{name} is a {type(value).__name__}, which gives NumPy a copy of its data: "
            "it must be an ndarray, or share its memory"
        )
    if not _is_float(array.dtype):
        raise TypeError(f"{name} has dtype {array.dtype}: it must be {FLOATS}")
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}: it must have that of {like}, {shape}")
    if not array.flags.writeable:
        raise ValueError(f"{name} is read-only: it must be writable")
    if _core.overlaps_itself(array):
        raise ValueError(f"{name} has strides {array.strides}: its elements must not share memory")
    for other, operand in inputs.items():
        itself = in_place and other == like and _same_place(array, operand)
        if not itself and _core.share_memory(array, operand):
            raise ValueError(
                f"{name} overlaps {other} in memory: it may "
                + (f"be {like} itself (same address, shape and strides) or " if in_place else "")
                + "share nothing with any argument"
            )
    return array


def _same_place(a: np.ndarray, b: np.ndarray) -> bool:
    return (a.ctypes.data, a.shape, a.strides, a.itemsize) == (b.ctypes.data, b.shape, b.strides, b.itemsize)


def prepare(
    plan: _core.Plan,
    parameters: _core.Parameters,
    pred: Any,
    target: Any,
    third: Any,
    weight: Any,
    out: Any,
    other_out: Any,
    axis_: Any,
) -> tuple[Any, ...]:
    """All operands of a call, converted, or the error that says why not."""
    name = plan.names[0]
    axis_ = named_axis(axis_, pred, name)
    x = scores(name, pred)
    shape = x.shape
    if plan.rowwise:
        axis_, shape = class_axis(name, x, axis_)
    inputs = {name: x}
    t = None
    if plan.targets & (_core.LABELS | _core.SOFT):
        t = inputs[plan.names[1]] = labels(plan.names[1], target, x, axis_, name, plan.targets)
        n = parameters.class_weight
        if n is not None and n.shape[0] != x.shape[axis_]:
            raise ValueError(
                f"class_weight has {n.shape[0]} entries, {name} has {x.shape[axis_]} classes: "
                "one each is needed"
            )
    elif plan.targets:
        t = inputs[plan.names[1]] = elements(plan.names[1], target, x, name)
    if x.dtype != np.float64 and not parameters.fits_float32():
        raise ValueError(
            "the loss's own numbers (but 0), logit_scale, softcap and positive class_weight "
            f"must be normal numbers in float32, the arithmetic of {x.dtype} {name}"
        )
    array = parameters.array
    if array is not None and plan.array_parameter is not None:
        inputs[plan.array_parameter] = array_parameter(plan.array_parameter, array, x, name)
    if weight is not None:
        weight_name = "weight" if plan.signed_weights else "sample_weight"
        weight = inputs[weight_name] = weights(weight, shape, weight_name)
    if third is not None and len(plan.names) > 2:
        third = inputs[plan.names[2]] = exact_rows(plan.names[2], third, shape, name)
    elif third is not None:
        third = inputs["vector"] = elements("vector", third, x, name)
    outs = [out, other_out]
    for i, (out_name, per_row) in enumerate(_outs(plan)):
        if outs[i] is not None:
            like, its_shape = (name, x.shape) if not per_row else (_rows_called(plan), shape)
            outs[i] = inputs[out_name] = output(out_name, outs[i], its_shape, like, inputs, not per_row)
    return x, t, third, weight, *outs, axis_


def _outs(plan: _core.Plan) -> list[tuple[str, bool]]:
    """Name of each output that a caller may give an array for, and whether it holds one number a row."""
    as_it_is = plan.reduction == _core.AS_IT_IS
    roles = [role for role in plan.outputs if role != _core.VALUE or as_it_is]
    # gather_log_softmax.value_and_grad makes its value itself: `out` is the second.
    second = "hess_out" if _core.HESS in roles else "out"
    names = ("outs[0]", "outs[1]") if _core.SECOND_GRAD in roles else ("out", second)
    per_row = (_core.VALUE, _core.LOGSUMEXP, _core.ENTROPY)
    return [(called, plan.rowwise and role in per_row) for called, role in zip(names, roles)]


def _rows_called(plan: _core.Plan) -> str:
    """What the shape of the rows is told by."""
    return plan.names[1] if plan.targets else "the rows"


def array_parameter(name: str, array: np.ndarray, pred: np.ndarray, pred_name: str) -> np.ndarray:
    """A loss's own parameter that is an array, of a shape that fits the scores."""
    if array.shape != pred.shape and (not pred.shape or array.shape != pred.shape[-1:]):
        raise ValueError(
            f"{name} has shape {array.shape}, {pred_name} has shape {pred.shape}: it must be a "
            f"number, or one for each entry of the last axis, or of the shape of {pred_name}"
        )
    return array


def exact_rows(name: str, value: Any, shape: tuple[int, ...], like: str) -> np.ndarray:
    """An operand of exactly one number a row."""
    array = as_array(name, value)
    if not _core.is_supported(array.dtype):
        raise TypeError(f"{name} has dtype {array.dtype}: it must be {FLOATS}, integer or bool")
    if array.shape != shape:
        raise ValueError(
            f"{name} has shape {array.shape}: it must have shape {shape}, one entry a row of {like}"
        )
    return array


def pair(name: str, value: Any) -> tuple[Any, Any]:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{name} must be a pair of arrays (or None), one for each gradient")
    return value[0], value[1]


def named_axis(value: Any, array: Any, name: str) -> Any:
    """The number of an axis that is meant by its name, as xarray has them."""
    if not isinstance(value, str):
        return value
    names = getattr(array, "dims", None)
    if not isinstance(names, tuple):
        raise TypeError(f"axis = {value!r} must be an integer: {name} has no named axes")
    if value not in names:
        raise ValueError(f"axis = {value!r} is none of the axes of {name}, {', '.join(map(repr, names))}")
    return names.index(value)


def keywords(
    function: str, given: Iterable[str], known: Collection[str], shown: Sequence[str] | None = None
) -> None:
    """Refuses a keyword that the function does not have, and says which of those `shown` may be meant."""
    for name in given:
        if name not in known:
            raise TypeError(_unknown_keyword(function, name, list(shown or known))) from None


def _unknown_keyword(function: str, name: str, known: Sequence[str]) -> str:
    meant = {
        "weight": "sample_weight",
        "weights": "sample_weight",
        "dim": "axis",
        "n_jobs": "n_threads",
        "num_threads": "n_threads",
    }.get(name)
    if meant not in known:
        meant = next(iter(difflib.get_close_matches(name, known, 1)), None)
    hint = f"did you mean {meant!r}?" if meant else f"it takes {', '.join(known)}"
    return f"{function}() got an unexpected keyword argument {name!r}: {hint}"


def class_axis(name: str, logits: np.ndarray, axis_: Any) -> tuple[int, tuple[int, ...]]:
    """The class axis and the shape of the rows."""
    if logits.ndim == 0:
        raise ValueError(f"{name} is a scalar: it needs a class axis, shape (..., C)")
    axis_ = axis(axis_, logits.ndim, name)
    if logits.shape[axis_] == 0:
        raise ValueError(
            f"{name} has shape {logits.shape}: there must be at least one class along axis {axis_}"
        )
    return axis_, row_shape(logits, axis_)


def finite(name: str, array: np.ndarray) -> None:
    if not _core.is_supported(array.dtype):
        return  # refused for its dtype, where it is used
    for at in np.argwhere(~np.isfinite(array))[:1]:
        raise ValueError(f"{name}{_subscript(at)} = {array[tuple(at)]} must be finite")


def weight_values(array: np.ndarray) -> None:
    for at in np.argwhere(~((array >= 0) & np.isfinite(array)))[:1]:
        raise ValueError(f"sample_weight{_subscript(at)} = {array[tuple(at)]} must be finite and >= 0")


# ---- what only the data can tell -----------------------------------------------------------------------


_RULES = {
    _core.NON_NEGATIVE: "must be >= 0",
    _core.VARIANCE: "must be finite and >= 0",
    _core.UNIT: "must lie in [0, 1]",
    _core.SIGNS: "must be -1 or 1",
    _core.BITS: "must be 0 or 1",
}
_OTHER_LABELS = {_core.SIGNS: 'labels="01" takes 0 and 1', _core.BITS: 'labels="pm1" takes -1 and 1'}


class BadRows(NamedTuple):
    """Of each rule the first row that breaks it, -1 where none does, counted over the rows in C order."""

    label: int
    weight: int
    target: int
    array_parameter: int
    score: int


def bad_data(
    plan: _core.Plan,
    p: _core.Parameters,
    operands: tuple[Any, ...],
    axis: int,
    bad: BadRows,
    rule: int,
    slack: float,
) -> NoReturn:
    """A row that must not be. `rule` is that of the target; scores may break theirs by `slack`."""
    pred, target, third, weight = operands
    names = plan.names
    shape = row_shape(pred, axis) if axis >= 0 else pred.shape
    if bad.label >= 0:
        at = _index(bad.label, shape)
        raise ValueError(
            f"{names[1]}{_subscript(at)} = {target[at]} is out of range for {pred.shape[axis]} classes"
        )
    if bad.weight >= 0:
        at = _index(bad.weight, shape)[: weight.ndim]
        raise ValueError(f"sample_weight{_subscript(at)} = {weight[at]} must be finite and >= 0")
    if bad.target >= 0:
        _bad_target(names[1], target, axis, _index(bad.target, shape), rule)
    if bad.array_parameter >= 0:
        at = _index(bad.array_parameter, shape)
        array, name, its_rule = third, names[-1], _core.SIGNS
        if p.array is not None and plan.array_parameter is not None:
            array, name, its_rule = p.array, plan.array_parameter, plan.array_rule
        at = at[len(at) - array.ndim :]
        raise ValueError(f"{name}{_subscript(at)} = {array[at]} {_RULES[its_rule]}")
    _bad_score(plan, p, pred, target, axis, _index(bad.score, shape), slack)


def _bad_target(name: str, target: np.ndarray, axis: int, at: tuple[int, ...], rule: int) -> NoReturn:
    if axis < 0:
        hint = f": {_OTHER_LABELS[rule]}" if rule in _OTHER_LABELS else ""
        raise ValueError(f"{name}{_subscript(at)} = {target[at]} {_RULES[rule]}{hint}")
    row = np.moveaxis(target, axis, -1)[at]
    c = int(np.flatnonzero(row < 0)[0])
    at = (*at[:axis], c, *at[axis:])
    raise ValueError(f"{name}{_subscript(at)} = {row[c]} is negative: soft targets must be >= 0")


def _bad_score(
    plan: _core.Plan,
    p: _core.Parameters,
    pred: np.ndarray,
    target: np.ndarray,
    axis: int,
    at: tuple[int, ...],
    slack: float,
) -> NoReturn:
    """The first score of that row which the loss reads and which breaks its rule."""
    of_probabilities = plan.score_rule == _core.PROBABILITY
    if axis >= 0:
        row = np.moveaxis(pred, axis, -1)[at].astype(np.float64)
        bad = row > (1 + slack if of_probabilities else slack)
        bad |= (row < -slack) & of_probabilities
        if not plan.reads_all_scores and target.ndim == pred.ndim:
            mass = np.moveaxis(target, axis, -1)[at]
            bad &= mass != (-np.inf if p.log_target else 0)
        elif not plan.reads_all_scores:
            bad &= np.arange(len(row)) == target[at]
        at = (*at[:axis], int(np.flatnonzero(bad & np.isfinite(row))[0]), *at[axis:])
    what, where = ("probability", "lie in [0, 1]") if of_probabilities else ("log-probability", "be <= 0")
    raise ValueError(
        f"{plan.names[0]}{_subscript(at)} = {pred[at]} is no {what}, which must {where}: for "
        f"raw scores (logits) take {plan.of_logits}"
    )


def _index(row: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(row, shape)) if shape else ()


def _subscript(at: Sequence[int]) -> str:
    return f"[{', '.join(map(str, at))}]" if len(at) else ""


def of_normal_sum(weights: np.ndarray) -> np.ndarray:
    """The weights, or others of the same ratios if their sum is no normal number."""
    with np.errstate(over="ignore"):
        return _core.of_ratios(weights, float(weights.sum()))


def sum_overflows() -> NoReturn:
    raise ValueError(
        "the weights sum to inf: a stream of batches keeps their sum, which must be finite; scale them"
    )


def mean_of_nothing() -> float:
    warnings.warn(
        "mean of nothing: no row counts (none given, all ignored, or weights that sum to 0)",
        RuntimeWarning,
        stacklevel=callers_level(),
    )
    return math.nan


_PACKAGE = os.path.dirname(__file__) + os.sep


def callers_level() -> int:
    """The stacklevel by which a warning points at the line that called into this package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    return level
