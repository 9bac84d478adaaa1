"""Evaluates a file of logits that is larger than what the program may hold: 4 GB in less than 200 MB.

    python examples/evaluate_large_file.py             # writes, reads and removes 4 GB
    python examples/evaluate_large_file.py --quick     # 0.4 GB

`fastloss evaluate` reads the file in a process of its own, whose peak of resident memory the kernel
records (VmHWM), and `cat` reads it, three times in turn, each after its pages were put out of the cache.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import fastloss as fl

CLASSES, BLOCK, MOST = 1000, 8192, 200  # classes, rows of a block, megabytes of resident memory
ASKED = ["--loss", "cross_entropy", "--metric", "accuracy"]
# The command, and then what the kernel says of the process that ran it.
PROGRAM = """
import sys
from fastloss.__main__ import main
status = main(sys.argv[1:])
lines = open("/proc/self/status").read().splitlines() if sys.platform == "linux" else []
print(*[line for line in lines if line.startswith("VmHWM")], file=sys.stderr)
sys.exit(status)
"""


def write(logits: Path, labels: Path, rows: int) -> dict[str, float]:
    """Writes random logits and labels block by block; gives what evaluating them must give."""
    rng = np.random.default_rng(0)
    block = rng.standard_normal((BLOCK, CLASSES), dtype=np.float32)
    total = fl.Accumulator(["cross_entropy", "accuracy"])
    with open(logits, "wb") as x, open(labels, "wb") as y:
        for file, shape, dtype in ((x, (rows, CLASSES), "<f4"), (y, (rows,), "<i8")):
            header = {"descr": dtype, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, rows, BLOCK):
            part = block[: rows - start]
            true = rng.integers(0, CLASSES, len(part))
            total.update(part, true)
            part.tofile(x)
            true.tofile(y)
        for file in (x, y):
            file.flush()
            os.fsync(file.fileno())  # only clean pages can be put out of the cache
    return total.result()


def forget(path: Path) -> None:
    """Puts a file out of the page cache."""
    if hasattr(os, "posix_fadvise"):
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def seconds_of_cat(path: Path) -> float:
    forget(path)
    start = time.perf_counter()
    with open(os.devnull, "wb") as nowhere:
        subprocess.run(["cat", path], stdout=nowhere, check=True)
    return time.perf_counter() - start


def evaluate(logits: Path, labels: Path) -> tuple[dict[str, float], float, float]:
    """What the command finds, its seconds without the start of Python, and its peak in megabytes."""
    forget(logits)
    command = [sys.executable, "-c", PROGRAM, "evaluate", str(logits), str(labels), *ASKED, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    peak = int(done.stderr.split()[1]) / 1000 if "VmHWM" in done.stderr else math.nan
    return found["results"], found["seconds"], peak


def main() -> None:
    parser = argparse.ArgumentParser(description="evaluates a large file of logits in little memory")
    parser.add_argument("--gigabytes", type=float, default=4.0, help="of logits (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="0.4 gigabytes")
    parser.add_argument("--directory", help="where the file is written (default: that of temporary files)")
    options = parser.parse_args()
    gigabytes = 0.4 if options.quick else options.gigabytes
    rows = max(1, round(gigabytes * 1e9 / (4 * CLASSES)))

    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        logits, labels = Path(directory, "logits.npy"), Path(directory, "labels.npy")
        expected = write(logits, labels, rows)
        size = logits.stat().st_size / 1e9
        print(f"{rows:,} x {CLASSES} float32 logits: {size:.2f} GB")
        turns = [(seconds_of_cat(logits), evaluate(logits, labels)) for _ in range(3)]

    for cat, (_, seconds, peak) in turns:
        print(f"cat {size / cat:.2f} GB/s   evaluate {size / seconds:.2f} GB/s   peak {peak:.0f} MB")
    for found, _, peak in (turn for _, turn in turns):
        assert all(math.isclose(found[name], expected[name], rel_tol=1e-12) for name in expected), found
        assert not peak > MOST, f"{peak} MB"
    print(*(f"{name} {value:.6f}" for name, value in expected.items()), sep="   ")


if __name__ == "__main__":
    main()
