"""Calls of cross entropy and mse that must be refused before the first write."""

import numpy as np
import pytest

PATTERN = 7.0


def example(n=6, classes=5, dtype="f4", seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, classes)).astype(dtype), rng.integers(0, classes, n)


def refused(f, *args, match, error=ValueError, outs=("out",), **options):
    """The call raises, and nothing was written to any of its outputs."""
    with pytest.raises(error, match=match) as caught:
        f(*args, **options)
    for name in outs:
        if isinstance(options.get(name), np.ndarray):
            assert (np.asarray(options[name]) == PATTERN).all(), f"{name} was written"
    return str(caught.value)


def filled(shape, dtype="f4"):
    return np.full(shape, PATTERN, dtype)
