"""class RowSource: arrays that lie one after another along their first axis, read a few rows at a time."""

from __future__ import annotations

import bisect
import os
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, Protocol, runtime_checkable

import numpy as np

from fastloss import _check


@runtime_checkable
class File(Protocol):
    """Rows that are read in order, into an array of the caller."""

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def read(self, out: np.ndarray) -> None:
        """Fills `out` with the next len(out) rows."""

    def close(self) -> None: ...


class RowSource:
    """One array in parts. A part is anything with a shape that gives NumPy its slices, or a File."""

    def __init__(self, name: str, parts: Sequence[Any]) -> None:
        if not parts:
            raise ValueError(f"{name} is empty: it must be an array or a list of arrays")
        self.name = name
        self._parts = parts
        self._several = len(parts) > 1
        for i, part in enumerate(parts):
            what = part.path if isinstance(part, File) else f"{name}[{i}]" if self._several else name
            if len(part.shape) == 0:
                raise ValueError(f"{what} is a scalar: it must have rows")
            if part.shape[0] != part.shape[0]:  # nan
                raise ValueError(f"{what} has an unknown number of rows: compute_chunk_sizes() finds it")
            if part.shape[1:] != parts[0].shape[1:]:
                raise ValueError(
                    f"{what} has rows of shape {tuple(part.shape[1:])}, those before it have "
                    f"{tuple(parts[0].shape[1:])}: they must be the same in all parts"
                )
        self._ends = list(accumulate(part.shape[0] for part in parts))
        self.shape = (self._ends[-1], *parts[0].shape[1:])
        self.dtype = _common(name, [part.dtype for part in parts])
        # Two: one is read into while the other is in use.
        self._buffers: list[np.ndarray] = []
        self.paths = [part.path for part in parts if isinstance(part, File)]
        self.has_files = bool(self.paths)

    @property
    def chunk(self) -> int:
        """How many rows the storage keeps together (HDF5, Zarr, Dask), else 1."""
        chunks = getattr(self._parts[0], "chunks", None)
        if self._several or not chunks:
            return 1
        # Dask has the length of each chunk.
        return max(1, int(max(chunks[0]) if isinstance(chunks[0], tuple) else chunks[0]))

    def read(self, start: int, stop: int) -> Any:
        """The rows from start to stop: a slice where they lie in one part, else a buffer.

        A buffer holds them until the next call but one. Files must be read from their first row to the last.
        """
        pieces = self._pieces(start, stop)
        part, a, b = pieces[0]
        if len(pieces) == 1 and not isinstance(part, File) and part.dtype == self.dtype:
            return part[a:b]
        rows, done = self._buffer(stop - start), 0
        for part, a, b in pieces:
            here = rows[done : done + b - a]
            if isinstance(part, File) and part.dtype == self.dtype:
                part.read(here)
            elif isinstance(part, File):
                own = np.empty(here.shape, part.dtype)
                part.read(own)
                self._put(own, here, start + done)
            else:
                self._put(part[a:b], here, start + done)
            done += b - a
        return rows

    def close(self) -> None:
        """Closes the files."""
        for part in self._parts:
            if isinstance(part, File):
                part.close()

    def _put(self, rows: Any, out: np.ndarray, first: int) -> None:
        """Copies rows to where all parts have one dtype, and not what does not fit there."""
        if rows.dtype.kind == "u" and out.dtype == np.int64 and rows.dtype.itemsize == 8:
            rows = np.asarray(rows)
            if (large := rows > _MOST).any():
                row, *rest = np.argwhere(large)[0].tolist()
                where = "".join(f", {i}" for i in rest)
                rule = f"must be <= {_MOST} where parts of other integer dtypes stand beside it"
                raise ValueError(self.placed(first + row, f"{where}] = {rows[(row, *rest)]} {rule}"))
        out[...] = rows

    def _buffer(self, n: int) -> np.ndarray:
        """n rows, in the buffer that was used longer ago."""
        oldest = self._buffers.pop(0) if len(self._buffers) > 1 else None
        if oldest is None or len(oldest) < n:
            oldest = np.empty((n, *self.shape[1:]), self.dtype)
        self._buffers.append(oldest)
        return oldest[:n]

    def _pieces(self, start: int, stop: int) -> list[tuple[Any, int, int]]:
        found, begin = [], 0
        for part, end in zip(self._parts, self._ends):
            a, b = max(start, begin), min(stop, end)
            if a < b:
                found.append((part, a - begin, b - begin))
            begin = end
        return found or [(self._parts[0], 0, 0)]

    def placed(self, row: int, rest: str) -> str:
        """An error about a row, told where that row is."""
        at = bisect.bisect_right(self._ends, row)
        part, within = self._parts[at], row - (self._ends[at - 1] if at else 0)
        if isinstance(part, File):
            of_all = f" (row {row} of all)" if self._several else ""
            return f"{part.path}: row {within}{of_all}: {self.name}[{row}{rest}"
        of_shard = f" ({self.name}[{within}] of shard {at})" if self._several else ""
        return f"{self.name}[{row}{rest}{of_shard}"


_MOST = np.iinfo(np.int64).max


def _common(name: str, dtypes: Sequence[np.dtype[Any]]) -> np.dtype[Any]:
    """The dtype that holds the values of all parts."""
    different = list(dict.fromkeys(dtypes))
    if len(different) == 1:
        return different[0]
    # NumPy knows no dtype for float16 and bfloat16 together.
    wide = [
        np.dtype(np.float32)
        if len({"float16", "bfloat16"} & {d.name for d in different}) == 2
        and d.name in ("float16", "bfloat16")
        else d
        for d in different
    ]
    try:
        found = np.result_type(*wide)
    except TypeError:
        raise TypeError(
            f"{name} has parts of dtypes {', '.join(map(str, different))}: no dtype holds them all"
        ) from None
    # int64 and uint64 would make float64, which no label is.
    return np.dtype(np.int64) if found.kind == "f" and all(d.kind in "biu" for d in different) else found


def row_source(name: str, value: Any) -> RowSource:
    """One array, or a list of arrays, as RowSource."""
    if isinstance(value, RowSource):
        return value
    if isinstance(value, (str, os.PathLike)):
        raise TypeError(
            f'{name} is a path, {str(value)!r}: pass np.load(path, mmap_mode="r"), or use fastloss evaluate'
        )
    if (
        isinstance(value, Iterable)
        and not isinstance(value, Sequence)
        and not (hasattr(value, "shape") or hasattr(value, "__array__"))
    ):
        raise TypeError(
            f"{name} is a {type(value).__name__}: it must be an array or a list of arrays; where "
            "pred is an iterable of batches, target must be None"
        )
    several = isinstance(value, (list, tuple)) and len(value) > 0 and all(hasattr(v, "shape") for v in value)
    if several and all(np.ndim(v) > 0 for v in value):
        return RowSource(name, [_sliceable(f"{name}[{i}]", each) for i, each in enumerate(value)])
    try:
        return RowSource(name, [_sliceable(name, value)])
    except (ValueError, TypeError):
        if isinstance(value, list) and value and isinstance(value[0], list) and any(map(np.ndim, value[0])):
            if any(hasattr(each, "shape") for each in value[0]):
                raise TypeError(
                    f"{name}[0] is a list: a shard is an array, and a batch a tuple, (pred, target)"
                ) from None
        raise


def _sliceable(name: str, value: Any) -> Any:
    """What reads its slices when asked (memory maps, HDF5, Zarr) as it is; all else as an array."""
    at_hand = type(value).__module__.partition(".")[0] in ("torch", "jaxlib", "jax", "pandas")
    if at_hand or isinstance(value, np.ma.MaskedArray):
        return _check.as_array(name, value)
    sliceable = all(hasattr(value, what) for what in ("shape", "dtype", "__getitem__"))
    return value if sliceable else _check.as_array(name, value)
