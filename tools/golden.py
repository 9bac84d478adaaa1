"""Writes tests/data/golden.json, the digests of all results, and says which of them changed:

    python tools/golden.py            # after a change that is meant to change bits, and for a new loss
    python tools/golden.py --check    # only says it

tests/support/digests.py has the inputs and why they are the same everywhere. The bits are those of an
instruction set with fma; the baseline of x86-64 has none, and other last bits.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "data" / "golden.json"
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import fastloss as fl  # noqa: E402
from support import digests  # noqa: E402

WITH_FMA = ("avx512", "avx2", "neon")


def say(verb, names):
    """A line for each function and set of keywords, with its dtypes and results."""
    found = {}
    for name in sorted(names):
        function, dtype, result = name.rsplit(" ", 2)
        found.setdefault(function, {}).setdefault(result, []).append(dtype)
    for function, results in found.items():
        parts = (f"{result} ({', '.join(dtypes)})" for result, dtypes in results.items())
        print(f"{verb}: {function}: {', '.join(parts)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if something changed")
    only_look = parser.parse_args().check
    if fl._core.isa() not in WITH_FMA:
        sys.exit(f"{fl._core.isa()} runs, which has no fma: its bits are no standard")
    old = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else dict(digests={})
    new = dict(libm=digests.libm(), digests=digests.every())
    before, now = old["digests"], new["digests"]
    say("new", now.keys() - before.keys())
    say("gone", before.keys() - now.keys())
    say("changed", {k for k in now.keys() & before.keys() if now[k] != before[k]})
    if only_look:
        sys.exit(before != now)
    GOLDEN.write_text(json.dumps(new, indent=0, sort_keys=True) + "\n")
    print(f"{len(now)} digests by {fl._core.isa()} in {GOLDEN.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
