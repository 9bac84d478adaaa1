"""`fastloss demo`, `bench` and `evaluate`; `python -m fastloss` is the same."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from fastloss._config import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; its exit status, 130 after Ctrl-C, as a shell says of SIGINT."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        print("\nfastloss: interrupted", file=sys.stderr)
        return 130


def _run(arguments: Sequence[str] | None) -> int:
    from fastloss._command import evaluate

    parser = argparse.ArgumentParser(prog="fastloss", description="fastloss on this machine")
    parser.add_argument("--version", action="version", version=f"fastloss {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    for_demo = commands.add_parser("demo", help="why the loss matters: digits, then the speed table")
    for_demo.add_argument("--output", default="fastloss_demo.png", help="the picture (default: %(default)s)")
    for_bench = commands.add_parser("bench", help="the speed table alone")
    for_bench.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    for_bench.add_argument("--threads", type=int, help="for fastloss and torch (default: their own)")
    for command in (for_demo, for_bench):
        command.add_argument("--quick", action="store_true", help="small and rough, in a few seconds")
    evaluate.add_parser(commands)
    options = parser.parse_args(arguments)
    if options.command == "evaluate":
        return evaluate.run(options)

    from fastloss._command import bench

    if options.command == "demo":
        from fastloss._command import demo

        demo.run(output=options.output, quick=options.quick)
        print("\nThe speed of fastloss on this machine:\n")
        bench.run(quick=options.quick)
    else:
        bench.run(as_json=options.json, threads=options.threads, quick=options.quick)
    return 0


if __name__ == "__main__":
    sys.exit(main())
