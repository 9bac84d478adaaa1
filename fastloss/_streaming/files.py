"""Arrays in files, read from first row to last into an array of the caller: .npy, .npz and Parquet.

Nothing is mapped into memory: the pages of a map count as the process's own.
"""

from __future__ import annotations

import csv
import glob
import lzma
import math
import os
import re
import stat
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from fastloss._optional import require
from fastloss._streaming.sources import File, RowSource

# What the readers of .npy headers and of archives raise where a file is damaged, encrypted or of a kind that
# they do not know.
_READ_ERRORS = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    SyntaxError,
    RuntimeError,
    OverflowError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)

FORMATS = ".npy, .npz or .parquet"
_PARQUET = (".parquet", ".pq")
_STDIN = "/dev/stdin"


def open_files(name: str, pattern: str) -> RowSource:
    """The files that a path or glob names, in natural order; "path:key" for an array or columns of a file."""
    paths, key = _matching(pattern)
    opened: list[File] = []
    try:
        # A part without rows may not know the width of its lists, or the type of its columns.
        for path in [path for path in paths if len(paths) == 1 or not _is_empty(path)] or paths[:1]:
            opened.append(_open(path, key))
        return RowSource(name, opened)
    except BaseException:
        for file in opened:
            file.close()
        raise


def _matching(pattern: str) -> tuple[list[str], str | None]:
    if pattern == "-":
        return [_STDIN], None
    # The longest path that is there: names of columns may hold colons.
    for at in (len(pattern), *(m.start() for m in reversed([*re.finditer(":", pattern)]))):
        path, key = pattern[:at], pattern[at + 1 :] if at < len(pattern) else None
        if path and (found := [path] if os.path.exists(path) else glob.glob(path, recursive=True)):
            return sorted(found, key=_natural), key
    raise ValueError(f"{pattern}: no such file")


def _natural(path: str) -> list[Any]:
    """shard-2 before shard-10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path)]


def _is_empty(path: str) -> bool:
    if Path(path).suffix.lower() not in _PARQUET:
        return False
    try:
        return require("pyarrow.parquet", "evaluate").read_metadata(path).num_rows == 0
    except _READ_ERRORS:
        return False  # it is said when the file is opened


def _open(path: str, key: str | None) -> File:
    suffix = Path(path).suffix.lower()
    if key is None and (path == _STDIN or stat.S_ISFIFO(os.stat(path).st_mode)):
        return Npy(path, _Piped(path), math.inf)
    if suffix == ".npy":
        if key is not None:
            raise ValueError(f"{path}: a .npy holds one array, ':{key}' names none")
        return _whole(path)
    if suffix == ".npz":
        return _member(path, key)
    if suffix in _PARQUET:
        return Parquet(path, key)
    raise ValueError(f"{path}: {suffix or 'a name without a suffix'} is not read: it must be {FORMATS}")


class Npy:
    """The array of a .npy file, of which `stream` stands at the first byte."""

    def __init__(self, path: str, stream: Any, size: float, in_archive: bool = False) -> None:
        self.path = path
        self._stream = stream
        self._in_archive = in_archive
        self._at = 0
        try:
            start = stream.tell()
            self.shape, fortran, dtype = _header(stream)
            self.dtype = _readable(dtype)
            if fortran and len(self.shape) > 1:
                raise ValueError(
                    "the array is in Fortran order, its rows do not lie together: save "
                    "np.ascontiguousarray of it"
                )
            there, promised = size - (stream.tell() - start), math.prod(self.shape) * self.dtype.itemsize
            if there < promised:
                raise ValueError(f"it is cut short: its header promises {promised} bytes, {there} are there")
        except _READ_ERRORS as error:
            self.close()
            raise ValueError(f"{path}: {error}") from None

    def read(self, out: np.ndarray) -> None:
        """Fills `out` with the next len(out) rows."""
        left = memoryview(out.reshape(-1).view(np.uint8).data if out.size else b"")
        while left:
            try:
                n = self._stream.readinto(left)
            except _READ_ERRORS as error:
                raise self._broken(error) from None
            if not n:
                raise self._broken("the file ends")
            left = left[n:]
        self._at += len(out)
        if self._at == self.shape[0] and self._in_archive:
            try:  # an archive's checksum is compared at its last byte
                while self._stream.read(_REST):
                    pass
            except _READ_ERRORS as error:
                raise ValueError(f"{self.path}: {error}") from None

    def _broken(self, why: Any) -> ValueError:
        return ValueError(f"{self.path}: row {self._at} or soon after it: {why}")

    def close(self) -> None:
        self._stream.close()


class _Piped:
    """A pipe, which holds the bytes of a .npy file and cannot be asked where it stands."""

    def __init__(self, path: str) -> None:
        self._stream = open(path, "rb", buffering=0)
        self._at = 0

    def tell(self) -> int:
        return self._at

    def read(self, n: int) -> bytes:
        found = self._stream.read(n) or b""
        self._at += len(found)
        return found

    def readinto(self, out: Any) -> int:
        n = self._stream.readinto(out) or 0
        self._at += n
        return n

    def close(self) -> None:
        self._stream.close()


_REST = 1 << 16


def _whole(path: str) -> Npy:
    """A .npy file."""
    return Npy(path, _unbuffered(path), os.path.getsize(path))


def _member(path: str, key: str | None) -> Npy:
    """An array of a .npz file. What is not compressed is read from the file itself, past the zip reader."""
    try:
        archive = zipfile.ZipFile(path)
    except _READ_ERRORS as error:
        raise ValueError(f"{path}: {error}") from None
    with archive:  # its end leaves an open member open
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        if key is None and len(names) != 1:
            raise ValueError(
                f"{path}: it holds {len(names)} arrays ({', '.join(names)}): name one, as "
                f"{path}:{names[0] if names else 'name'}"
            )
        if key is not None and key not in names:
            raise ValueError(f"{path}: it holds no array {key!r}, but {', '.join(names)}")
        entry = archive.infolist()[0 if key is None else names.index(key)]
        try:
            member: Any = archive.open(entry)
        except _READ_ERRORS as error:
            raise ValueError(f"{path}: {error}") from None
    if entry.compress_type == zipfile.ZIP_STORED:
        member.close()
        member = _Stored(_unbuffered(path), entry)
    return Npy(path, member, entry.file_size, in_archive=True)


class _Stored:
    """A member of an archive that is not compressed, read without the copies of the zip reader."""

    def __init__(self, stream: Any, entry: zipfile.ZipInfo) -> None:
        self._stream = stream
        self._entry = entry
        self._at = self._sum = 0
        stream.seek(entry.header_offset)
        local = stream.read(_LOCAL_HEADER)  # whole: the zip reader has read it
        stream.seek(sum(struct.unpack("<HH", local[26:])), os.SEEK_CUR)

    def tell(self) -> int:
        return self._at

    def read(self, n: int) -> bytes:
        out = bytearray(n)
        return bytes(out[: self.readinto(out)])

    def readinto(self, out: Any) -> int:
        out = memoryview(out)[: self._entry.file_size - self._at]
        n = int(self._stream.readinto(out))
        self._at += n
        self._sum = zlib.crc32(out[:n], self._sum)
        if n and self._at == self._entry.file_size and self._sum != self._entry.CRC:
            raise zipfile.BadZipFile(f"Bad CRC-32 for file {self._entry.filename!r}")
        return n

    def close(self) -> None:
        self._stream.close()


_LOCAL_HEADER = 30  # bytes before the name and the extra field, whose lengths are its last four


def _unbuffered(path: str) -> Any:
    stream = open(path, "rb", buffering=0)
    if hasattr(os, "posix_fadvise"):  # the kernel then reads further ahead
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
    return stream


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(stream)
    raise ValueError(f"version {version} of the .npy format is not read")


def _readable(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """np.save forgets the name of bfloat16: what is left of it is two bytes without a meaning."""
    if dtype.kind == "V" and dtype.itemsize == 2 and dtype.names is None:
        try:
            import ml_dtypes
        except ImportError:
            raise ValueError(
                "the array has dtype V2, as bfloat16 is saved: reading it needs ml_dtypes "
                "(pip install ml_dtypes)"
            ) from None
        return np.dtype(ml_dtypes.bfloat16)
    if dtype.kind not in "biuf":
        raise ValueError(f"the array has dtype {dtype}: it must hold numbers")
    return dtype


class Parquet:
    """Columns of a Parquet file: one of numbers or of lists of them, or several of numbers side by side."""

    def __init__(self, path: str, key: str | None) -> None:
        parquet = require("pyarrow.parquet", "evaluate")
        self.path = path
        try:
            # Else it holds whole groups of rows, or whole columns of them.
            self._file = parquet.ParquetFile(path, pre_buffer=False, buffer_size=_PARQUET_BUFFER)
        except ValueError as error:  # ArrowInvalid
            raise ValueError(f"{path}: {error}") from None
        schema = self._file.schema_arrow
        # pandas keeps its index among the columns.
        index = (schema.pandas_metadata or {}).get("index_columns", [])
        every = [name for name in schema.names if name not in index]
        self._columns = every if key is None else [key] if key in schema.names else next(csv.reader([key]))
        if not self._columns:
            raise ValueError(f"{path}: it has no column but the index")
        for name in self._columns:
            if name not in schema.names:
                raise ValueError(f"{path}: it has no column {name!r}, but {', '.join(schema.names)}")
        types = [schema.field(name).type for name in self._columns]
        lists = [hasattr(type_, "value_field") for type_ in types]  # that of a tensor has no lists
        if any(lists) and len(types) > 1:
            raise ValueError(
                f"{path}: of its columns {', '.join(self._columns)} one holds lists: name it, "
                f"as {path}:{self._columns[lists.index(True)]}"
            )
        self._lists = lists == [True]
        self.dtype = np.result_type(*(self._dtype(*each) for each in zip(self._columns, types)))
        self._at, self._pending = 0, np.empty(0)
        rows = self._file.metadata.num_rows
        if self._lists:
            self.shape: tuple[int, ...] = (rows, self._width(types[0]))
        else:
            self.shape = (rows,) if len(types) == 1 else (rows, len(types))
        row = math.prod(self.shape[1:]) * self.dtype.itemsize
        self._batches = self._read_on(max(1, _PARQUET_BYTES // max(1, row)))

    def read(self, out: np.ndarray) -> None:
        """Fills `out` with the next len(out) rows."""
        done = 0
        while done < len(out):
            if len(self._pending) == 0:
                self._pending = next(self._batches)
            n = min(len(out) - done, len(self._pending))
            out[done : done + n] = self._pending[:n]
            self._pending = self._pending[n:]
            done += n

    def close(self) -> None:
        self._file.close()

    def _dtype(self, name: str, type_: Any) -> np.dtype[Any]:
        try:
            dtype = np.dtype((type_.value_type if hasattr(type_, "value_field") else type_).to_pandas_dtype())
        except (NotImplementedError, TypeError):
            dtype = np.dtype(object)
        if dtype.kind not in "biuf":
            raise ValueError(
                f"{self.path}: column {name} has type {type_}: it must hold numbers, or lists "
                "of them that are equally long"
            )
        return dtype

    def _width(self, type_: Any) -> int:
        """Entries of a list; where the type does not say, those of the first."""
        if hasattr(type_, "list_size"):
            return int(type_.list_size)
        self._at = 0
        first = self._next(self._file.iter_batches(batch_size=1, columns=self._columns))
        return 0 if first is None or first.column(0)[0].as_py() is None else len(first.column(0)[0])

    def _read_on(self, rows: int) -> Iterator[np.ndarray]:
        batches = self._file.iter_batches(batch_size=rows, columns=self._columns)
        while (batch := self._next(batches)) is not None:
            arrays = [self._checked(name, batch.column(name)) for name in self._columns]
            yield arrays[0] if len(arrays) == 1 else np.stack(arrays, axis=-1)
            self._at += batch.num_rows

    def _next(self, batches: Iterator[Any]) -> Any:
        try:
            return next(batches, None)
        except (OSError, ValueError) as error:
            raise ValueError(f"{self.path}: row {self._at} or after it: {error}") from None

    def _checked(self, name: str, column: Any) -> np.ndarray:
        """A column as an array, all of whose rows have a number, or as many as the first."""
        self._refuse(name, column.is_null(), "is null")
        if not self._lists:
            return column.to_numpy(zero_copy_only=False)
        width, compute = self.shape[1], require("pyarrow.compute", "evaluate")
        self._refuse(
            name,
            compute.not_equal(compute.list_value_length(column), width),
            f"has another length than the first row, {width}",
        )
        values = column.flatten()
        if values.null_count:
            nulls = np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))
            raise ValueError(f"{self.path}: row {self._at + nulls[0] // width}: {name} holds a null")
        return values.to_numpy(zero_copy_only=False).reshape(-1, width)

    def _refuse(self, name: str, bad: Any, rule: str) -> None:
        rows = np.flatnonzero(bad.to_numpy(zero_copy_only=False))
        if len(rows):
            raise ValueError(f"{self.path}: row {self._at + rows[0]}: {name} {rule}")


_PARQUET_BYTES = 4 << 20  # of a batch of rows
_PARQUET_BUFFER = 1 << 20  # of a column, as it lies in the file
