"""What this build is and what it runs on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from fastloss import _core, _threads

try:
    __version__ = version("fastloss")
except PackageNotFoundError:  # used from a tree that was never installed
    __version__ = "0+unknown"


def config() -> dict[str, object]:
    """The entries of `show_config`, as data."""
    return {
        "version": __version__,
        "instruction set": _core.isa(),
        "available": list(_core.isas()),
        "openmp": _core.openmp or None,
        "threads run by": {"pool": "fastloss", "openmp": "OpenMP"}[_core.team],
        "threads now": min(_core.openmp_threads(), _threads.available()),
        "compiler": _core.compiler,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def show_config() -> None:
    """Prints version, instruction sets, OpenMP, whose threads run the calls and how many, and compiler.

    >>> import fastloss as fl
    >>> fl.show_config()  # doctest: +ELLIPSIS
    fastloss ...
    """
    entries = config()
    print(f"fastloss {entries.pop('version')}")
    for name, value in entries.items():
        text = ", ".join(value) if isinstance(value, list) else "no" if value is None else value
        print(f"  {name:<16} {text}")
