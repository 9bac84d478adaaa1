"""Libraries that fastloss works with and does not need: imported when used, named when missing."""

from __future__ import annotations

import importlib
from typing import Any


def require(module: str, extra: str) -> Any:
    """The module, or an ImportError that says which extra of fastloss brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as missing:
        library = module.partition(".")[0]
        distribution = {"sklearn": "scikit-learn"}.get(library, library)
        if (missing.name or "").partition(".")[0] != library:
            raise  # it is there, and something it needs is not
        raise ImportError(
            f"this needs {distribution}, which is not installed: pip install {distribution}, or "
            f'".[{extra}]" in a clone',
            name=missing.name,
        ) from missing
