"""The losses, metrics and functions, one module a family; what a loss is: _loss.py, _metric.py.

The registries list them in the order of this import.
"""

from fastloss._losses import (  # noqa: F401
    binary,
    classification,
    divergences,
    margins,
    metrics,
    primitives,
    regression,
    vectors,
)
