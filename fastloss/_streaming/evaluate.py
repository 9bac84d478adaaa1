"""evaluate: losses and metrics over more data than need be in memory."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, TypeVar

import numpy as np

from fastloss import _check
from fastloss._loss import losses
from fastloss._optional import require
from fastloss._streaming.accumulator import Accumulator
from fastloss._streaming.sources import RowSource, row_source

# Bytes of predictions in a batch where nobody says: enough to be worth sharing between threads, and to be
# handed over from the thread that reads.
BATCH_BYTES = 16 << 20

S = TypeVar("S")
T = TypeVar("T")
Progress = Callable[[int, int | None], object]


def evaluate(
    pred: Any,
    target: Any,
    metrics: Any,
    *,
    batch_size: int | None = None,
    sample_weight: Any = None,
    progress: bool | Progress = False,
    n_threads: int | None = None,
    **parameters: Any,
) -> Any:
    """Losses and metrics over data that is read a batch of rows at a time.

    Parameters
    ----------
    pred, target : anything with a shape that can be sliced along its first axis: arrays, np.memmap, datasets
        of HDF5 or Zarr; or a list of such shards, one after another, which need not be cut at the same rows.
        Or `pred` is an iterable of batches, (pred, target) or (pred, target, sample_weight), and `target` is
        None
    metrics : a loss or metric, its name, or several, as for `Accumulator`
    batch_size : rows in a batch; by default as many as make some 16 MB of predictions, whole chunks of HDF5
        and Zarr. A batch is all that is held in memory
    sample_weight : one weight a row, an array or shards; within iterated batches it goes with the batch
    progress : True shows a bar (with tqdm); a function is called with the rows done and their number, which
        is None where `pred` is an iterable
    n_threads : as for every loss
    parameters : of a single loss, and the arrays that some take besides (`var` of gaussian_nll), which are
        cut into batches as `pred` is

    Returns
    -------
    float for a single loss (several k: an array); for several a dict, name -> float.

    Raises
    ------
    ValueError, TypeError
        What the losses raise; the row is counted from the first of all, and a shard is named. Numbers of rows
        that differ; a class axis that is the first axis.
    ImportError
        progress=True without tqdm.

    The result is the mean over all rows, not a mean of the batches' means. It has the same bits for the same
    batches, wherever they come from; another batch size may change the last bits. The mean of nothing is nan
    with a RuntimeWarning.

    >>> import numpy as np, fastloss as fl
    >>> logits = np.random.default_rng(0).standard_normal((1000, 10), dtype=np.float32)
    >>> labels = np.arange(1000) % 10
    >>> found = fl.evaluate(logits, labels, ["cross_entropy", "top_k_accuracy:k=5"], batch_size=128)
    >>> round(found["cross_entropy"], 5), found["top_k_accuracy:k=5"]
    (2.68019, 0.527)
    >>> halves = [logits[:500], logits[500:]]
    >>> fl.evaluate(halves, labels, "cross_entropy", batch_size=128) == found["cross_entropy"]
    True
    """
    known = frozenset().union(*(loss.row_arrays for loss in losses.values()))
    cut = {name: parameters.pop(name) for name in sorted(known) if np.ndim(parameters.get(name, 0)) > 0}
    total = Accumulator(metrics, n_threads=n_threads, **parameters)
    size = None if batch_size is None else _check.integer_within("batch_size", batch_size, 1, 1 << 62)
    if target is None and _is_batches(pred):
        if size is not None or sample_weight is not None or cut:
            raise ValueError(
                "batches that are iterated over have their own size and arrays: batch_size and "
                "sample_weight must be None"
            )
        with shown(progress, None) as show:
            add_batches(total, pred, show)
    else:
        sources = {"pred": pred, "target": target, "sample_weight": sample_weight, **cut}
        made = {name: row_source(name, value) for name, value in sources.items() if value is not None}
        with shown(progress, made["pred"].shape[0]) as show:
            add_rows(total, made, size, show)
    return total.result()


def add_rows(
    total: Accumulator, sources: dict[str, RowSource], batch_size: int | None, show: Progress
) -> None:
    """Adds the rows of all sources, "pred" among them, a batch at a time."""
    pred = sources["pred"]
    rows = pred.shape[0]
    for source in sources.values():
        if source.shape[0] != rows:
            raise ValueError(
                f"{source.name} has {source.shape[0]} rows, {pred.name} has {rows}: each row of "
                "one needs a row of the other"
            )
    _class_axis(total, len(pred.shape))
    size = batch_size or _rows_in_a_batch(pred)
    spans = [(start, min(start + size, rows)) for start in range(0, rows, size)] or [(0, 0)]

    def read(span: tuple[int, int]) -> dict[str, Any]:
        return {name: source.read(*span) for name, source in sources.items()}

    scores = {next(iter(request.metric.__signature__.parameters)) for request in total._requests.values()}

    def placed(name: str, at: int, row: int, rest: str) -> str:
        other = pred if name in scores else sources.get("target", pred)
        return sources.get(name, other).placed(at, rest)

    ahead = any(source.has_files for source in sources.values())
    with closing(_read_ahead(read, spans) if ahead else (read(span) for span in spans)) as batches:
        for span, batch in zip(spans, batches):
            try:
                total.update(**batch)
            except ValueError as error:
                raise _moved(error, span[0], placed) from None
            show(span[1], rows)


def _read_ahead(read: Callable[[T], S], keys: Iterable[T]) -> Generator[S, None, None]:
    """What `read` gives for each key, the next one read by another thread meanwhile."""
    from concurrent.futures import Future, ThreadPoolExecutor

    with ThreadPoolExecutor(1) as reader:
        waiting: Future[S] | None = None
        for key in keys:
            coming = reader.submit(read, key)
            if waiting is not None:
                yield waiting.result()
            waiting = coming
        if waiting is not None:
            yield waiting.result()


def add_batches(total: Accumulator, batches: Iterable[Any], show: Progress) -> None:
    """Adds batches that somebody else has made."""
    rows = 0
    for i, batch in enumerate(batches):
        if isinstance(batch, Mapping):
            raise TypeError(
                f"batch {i} is a {type(batch).__name__}: it must be a tuple, (pred, target) or "
                "(pred, target, sample_weight)"
            )
        arrays = tuple(batch) if isinstance(batch, (tuple, list)) else (batch,)
        if not 1 <= len(arrays) <= 3:
            raise ValueError(
                f"batch {i} has {len(arrays)} parts: it must be (pred, target) or (pred, "
                "target, sample_weight)"
            )
        shape = np.shape(arrays[0])
        if not shape:
            raise ValueError(f"pred of batch {i} is a scalar: it must have rows")
        _class_axis(total, len(shape))
        try:
            total.update(*arrays)
        except ValueError as error:
            raise _moved(error, rows, partial(_in_batch, i)) from None
        rows += shape[0]
        show(rows, None)


def _in_batch(batch: int, name: str, at: int, row: int, rest: str) -> str:
    return f"{name}[{at}{rest} ({name}[{row}] of batch {batch})"


def _is_batches(pred: Any) -> bool:
    if hasattr(pred, "shape") or hasattr(pred, "__array__"):
        return False
    if isinstance(pred, (list, tuple)):
        return len(pred) > 0 and all(isinstance(each, tuple) for each in pred)
    return isinstance(pred, Iterable)


def _class_axis(total: Accumulator, ndim: int) -> None:
    for request in total._requests.values():
        axis = request.parameters.get("axis")  # None: the loss is elementwise
        if axis in (0, -ndim):
            raise ValueError(
                f"axis = {axis}, and pred has {ndim} dimensions: the first axis is that of the "
                f"rows, {request.metric.__name__} needs its classes on another"
            )


def _rows_in_a_batch(pred: RowSource) -> int:
    row = max(1, math.prod(pred.shape[1:]) * pred.dtype.itemsize)
    rows = max(1, BATCH_BYTES // row)
    return -(-rows // pred.chunk) * pred.chunk


def _moved(error: ValueError, start: int, place: Callable[[str, int, int, str], str]) -> ValueError:
    """The error of a batch, told by `place(name, row of all, row, rest)` if it names the entry of a row."""
    entry = re.match(r"(\w+)\[(\d+)(.*)", str(error), re.DOTALL)
    if entry is None or entry[1] == "class_weight":
        return error
    row = int(entry[2])
    return ValueError(place(entry[1], start + row, row, entry[3]))


@contextmanager
def shown(progress: bool | Progress, rows: int | None) -> Iterator[Progress]:
    if callable(progress):
        yield progress
    elif _check.flag("progress", progress):
        with require("tqdm.auto", "evaluate").tqdm(total=rows, unit=" rows", unit_scale=True) as bar:
            yield lambda done, _: bar.update(done - bar.n)
    else:
        yield lambda done, rows: None
