"""Default calls beside busy processes, as ratios to one thread: `python -m benchmarks.in_company`.

For each number of neighbours (processes that do nothing but loop), each call and each gap between calls, the
default call and that with n_threads=1 take turns in one process; medians and 90th percentiles count.
`--threads` names the kinds of threads to measure, each in a process of its own. With --time it prints
instead, on an idle machine, the seconds and the processor time of the whole process that a call takes at each
gap: what idle threads burn.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.support.layouts import neighbours

CALLS = ("cross_entropy 3,125 x 100", "mse 312,500", "huber 3,000,000", "cross_entropy 16,384 x 1,000")
Call = Callable[..., Any]


def call_of(name: str) -> Call:
    import fastloss as fl

    loss, shape = name.split(" ", 1)
    n = [int(part.replace(",", "")) for part in shape.split(" x ")]
    rng = np.random.default_rng(0)
    pred = rng.standard_normal(n, dtype=np.float32)
    target = rng.integers(n[1], size=n[0]) if len(n) > 1 else rng.standard_normal(n, dtype=np.float32)
    return lambda **options: getattr(fl, loss)(pred, target, **options)


def wait(seconds: float) -> None:
    if seconds:
        time.sleep(seconds)


def in_turns(call: Call, gap: float, seconds: float) -> dict[str, list[float]]:
    """Seconds of each call, of all threads and of one, in turns of ten."""
    found: dict[str, list[float]] = {"all": [], "one": []}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for name, options in (("all", {}), ("one", {"n_threads": 1})):
            for _ in range(10):
                wait(gap)
                start = time.perf_counter()
                call(**options)
                found[name].append(time.perf_counter() - start)
    return found


def percentiles(times: list[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(times, n=10)
    return cuts[4], cuts[8]


def beside_neighbours(
    names: list[str], counts: list[int], gaps: list[float], seconds: float
) -> Iterator[dict[str, Any]]:
    for name in names:
        call = call_of(name)
        for count in counts:
            with neighbours(count):
                time.sleep(0.3 if count else 0)
                for gap in gaps:
                    times = in_turns(call, gap, seconds)
                    (all_50, all_90), (one_50, one_90) = (percentiles(times[who]) for who in ("all", "one"))
                    yield {
                        "call": name, "neighbours": count, "gap": gap, "seconds": all_50, "one": one_50,
                        "median": all_50 / one_50, "p90": all_90 / one_90,
                    }  # fmt: skip


def processor_time(names: list[str], gaps: list[float], seconds: float) -> Iterator[dict[str, Any]]:
    for name in names:
        call = call_of(name)
        for gap in gaps:
            call()
            time.sleep(0.1)
            times, before = [], time.process_time()
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                wait(gap)
                start = time.perf_counter()
                call()
                times.append(time.perf_counter() - start)
            used = (time.process_time() - before) / len(times)
            yield {"call": name, "gap": gap, "seconds": statistics.median(times), "processor": used}


def show(team: str, row: dict[str, Any]) -> None:
    line = f"{team:7} {row['call']:30} {row['gap'] * 1e3:4.1f} ms apart"
    if "processor" in row:
        line += f"  {row['seconds'] * 1e3:7.3f} ms, {row['processor'] * 1e3:7.3f} ms of processors"
    else:
        line += f"  {row['neighbours']} busy"
        line += f"  {row['seconds'] * 1e3:7.3f} ms, one thread {row['one'] * 1e3:7.3f}"
        line += f"  median x {row['median']:.2f}  p90 x {row['p90']:.2f}"
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", nargs="+", default=["pool", "openmp"])
    parser.add_argument("--calls", nargs="+", default=list(CALLS))
    parser.add_argument("--neighbours", nargs="+", type=int, default=[0, 1, 2, 4, 8])
    parser.add_argument("--gaps", nargs="+", type=float, default=None, help="milliseconds between calls")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each line")
    parser.add_argument("--time", action="store_true", help="processor time on an idle machine")
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)  # one team, for the parent
    args = parser.parse_args()
    gaps = [gap / 1e3 for gap in args.gaps or ([0, 0.3, 3, 20] if args.time else [0, 0.3, 3])]
    if args.json:
        if args.time:
            rows = processor_time(args.calls, gaps, args.seconds)
        else:
            rows = beside_neighbours(args.calls, args.neighbours, gaps, args.seconds)
        for row in rows:
            print(json.dumps(row), flush=True)
        return
    for team in args.threads:
        command = [sys.executable, "-m", "benchmarks.in_company", *sys.argv[1:], "--json"]
        environment = {**os.environ, "FASTLOSS_THREADS": team}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as child:
            assert child.stdout
            for text in child.stdout:
                show(team, json.loads(text))
        if child.returncode:
            sys.exit(child.returncode)


if __name__ == "__main__":
    main()
