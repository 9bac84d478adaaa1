"""`fastloss evaluate`: losses and metrics of files that need not fit in memory."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from fastloss import _threads
from fastloss._loss import losses
from fastloss._metric import metrics
from fastloss._streaming.accumulator import Accumulator
from fastloss._streaming.evaluate import BATCH_BYTES, Progress, add_rows, shown
from fastloss._streaming.files import FORMATS, open_files
from fastloss._streaming.sources import RowSource

EXAMPLE = """\
a loss or metric is name or name:key=value,key=value, as top_k_accuracy:k=5 or nll:class_weight=[1,2,3]

  fastloss evaluate logits.npy labels.npy --loss cross_entropy --metric accuracy
  fastloss evaluate 'logits-*.npy' labels.npy --metric top_k_accuracy:k=[1,5] --json
  fastloss evaluate scores.parquet:logits scores.parquet:label --metric perplexity
"""


def add_parser(commands: Any) -> None:
    """Describes the command's arguments."""
    parser = commands.add_parser(
        "evaluate",
        help="losses and metrics of files of any size",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    files = (
        f"{FORMATS}, a pipe that brings a .npy (- is the standard input); a glob names the "
        "parts of one array, path:key an array of .npz or columns of Parquet"
    )
    parser.add_argument("logits", metavar="LOGITS", help=f"the scores or predictions: {files}")
    parser.add_argument("labels", metavar="LABELS", nargs="?", help="the targets, likewise")
    parser.add_argument("--loss", action="append", default=[], help="a loss; may be given again")
    parser.add_argument("--metric", action="append", default=[], help="a metric; may be given again")
    parser.add_argument("--weights", metavar="FILE", help="one weight a row")
    parser.add_argument(
        "--batch-size", type=int, metavar="N", help=f"rows at a time (default: some {BATCH_BYTES >> 20} MB)"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="at most (default: one less than there are)")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--list", action=_List, help="print the losses and metrics there are, and end")


class _List(argparse.Action):
    """Prints the losses and metrics with their parameters."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, nargs=0)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        lines = []
        for flag, known in (("--loss", losses), ("--metric", metrics)):
            lines += [f"{flag}:", *(f"  {name}{_parameters(thing)}" for name, thing in known.items())]
        try:
            _print("\n".join(lines))
        except BrokenPipeError:
            parser.exit(141)
        parser.exit()


def _parameters(thing: Any) -> str:
    """As they are written behind the name, with their defaults."""
    given = [
        p
        for p in thing.__signature__.parameters.values()
        if p.kind is p.KEYWORD_ONLY
        and p.name not in ("reduction", "sample_weight", "normalizer", "n_threads", "axis")
    ]
    told = [p.name if p.default is p.empty else f"{p.name}={p.default}" for p in given]
    return f":{','.join(told)}" if told else ""


def run(options: argparse.Namespace) -> int:
    """Runs the command; its exit status, 2 after an error, of which one line says what it is."""
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            found = _found(options)
        for warning in warned:
            print(f"fastloss evaluate: warning: {warning.message}", file=sys.stderr)
        _print(_text(found, options.json))
    except BrokenPipeError:  # nobody reads any more
        return 141  # as a shell says of SIGPIPE
    except (ValueError, TypeError, OSError, ImportError, MemoryError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        print(f"fastloss evaluate: {said}", file=sys.stderr)
        return 2
    return 0


def _text(found: dict[str, Any], as_json: bool) -> str:
    if as_json:
        return json.dumps(found, allow_nan=False)
    width = max(map(len, found["results"]))
    lines = [f"{name:{width}}  {_in_five_digits(value)}" for name, value in found["results"].items()]
    gb = found["bytes"] / 1e9
    speed = f", {gb / found['seconds']:.2f} GB/s" if found["seconds"] > 0 else ""
    return "\n".join([*lines, f"{found['rows']:,} rows in {found['seconds']:.2f} s{speed}"])


def _in_five_digits(value: Any) -> str:
    """For people; --json has all digits."""
    if isinstance(value, list):
        return " ".join(map(_in_five_digits, value))
    return value if isinstance(value, str) else f"{value:.5g}"


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except OSError:
        # What is left in the buffer would be tried again when the process ends, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def _found(options: argparse.Namespace) -> dict[str, Any]:
    for flag, value in (("--batch-size", options.batch_size), ("--threads", options.threads)):
        if value is not None and value < 1:
            raise ValueError(f"{flag} {value} must be >= 1")
    threads = _beside_the_reader() if options.threads is None else options.threads
    total = Accumulator(_asked(options), n_threads=threads)
    for request in total._requests.values():
        if request.needs_target and options.labels is None:
            raise ValueError(f"{request.metric.__name__} needs LABELS, the file of the targets")
        if request.arrays:
            names = " and ".join(sorted(request.arrays))
            raise ValueError(
                f"{request.metric.__name__} needs {names} for each row, which no file here "
                "brings: fastloss.evaluate takes it"
            )
    given = {"pred": options.logits, "target": options.labels, "sample_weight": options.weights}
    if list(given.values()).count("-") > 1:
        raise ValueError("- is the standard input: it holds one array")
    sources: dict[str, RowSource] = {}
    start = time.perf_counter()
    try:
        for name, pattern in given.items():
            if pattern is not None:
                sources[name] = open_files(name, pattern)
        _added(total, sources, options)
    finally:
        for source in sources.values():
            source.close()
    seconds = time.perf_counter() - start
    bytes_ = sum(math.prod(each.shape) * each.dtype.itemsize for each in sources.values())
    return {
        "results": {name: _plain(value) for name, value in total.result().items()},
        "rows": sources["pred"].shape[0],
        "count": total.count,
        "weight": _plain(total.weight),
        "bytes": bytes_,
        "seconds": seconds,
    }


def _beside_the_reader() -> int | None:
    """Threads to compute with while another reads: one more on its core costs more than it gives."""
    return None if "OMP_NUM_THREADS" in os.environ else max(1, _threads.available() - 1)


def _added(total: Accumulator, sources: dict[str, RowSource], options: argparse.Namespace) -> None:
    """Adds all rows; what goes wrong is told of the files, not of the arrays alone."""
    try:
        with _bar(sources["pred"].shape[0]) as show:
            add_rows(total, sources, options.batch_size, show)
    except (ValueError, TypeError) as error:
        if any(str(error).startswith(f"{path}: ") for source in sources.values() for path in source.paths):
            raise
        given = [path for path in (options.logits, options.labels, options.weights) if path]
        raise ValueError(f"{', '.join(given)}: {error}") from None


@contextmanager
def _bar(rows: int) -> Iterator[Progress]:
    """A bar on a terminal, nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda done, rows: None
        return
    try:
        import tqdm.auto  # noqa: F401
    except ImportError:

        def percent(done: int, rows: int | None) -> None:
            print(f"\r{done / max(1, rows or 0):4.0%}", end="", file=sys.stderr, flush=True)

        try:
            yield percent
        finally:  # what is printed next, an error perhaps, begins a line
            print("\r    \r", end="", file=sys.stderr, flush=True)
    else:
        with shown(True, rows) as show:
            yield show


def _asked(options: argparse.Namespace) -> list[str]:
    """The losses, then the metrics, each of its own kind."""
    for flag, other, others in (("loss", "metric", metrics), ("metric", "loss", losses)):
        for text in getattr(options, flag):
            if text.partition(":")[0] in others:
                raise ValueError(f"--{flag} {text}: it is a {other}: --{other} {text}")
    asked = [*options.loss, *options.metric]
    if not asked:
        raise ValueError("nothing to evaluate: give --loss or --metric, as --loss cross_entropy")
    for text in asked:
        if asked.count(text) > 1:
            raise ValueError(f"{text} is asked for twice")
    return asked


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinities: they are words."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, np.ndarray):
        return [_plain(each) for each in value.tolist()]
    return value if math.isfinite(value) else str(value)
