"""Cross entropy of a small batch, and each elementwise loss of a hundred: what a call costs before its first
row or element counts most.

    pytest benchmarks/bench_small_calls.py -k batch --benchmark-group-by=param:shape,param:what
    pytest benchmarks/bench_small_calls.py -k hundred --benchmark-group-by=param:loss,param:what
"""

import pytest

from benchmarks.contenders import calls, entries
from benchmarks.formulas import names
from fastloss._command.bench import SMALL_SHAPES, shape_label


# the last varies slowest: everything about one shape comes together
@pytest.mark.parametrize("loss, contender, what", entries(["cross_entropy"]))
@pytest.mark.parametrize("shape", SMALL_SHAPES, ids=shape_label)
def test_batch(benchmark, shape, loss, contender, what):
    benchmark(getattr(calls(contender, loss, shape), what))


@pytest.mark.parametrize("loss, contender, what", entries(names("regression", "binary")))
def test_hundred(benchmark, loss, contender, what):
    benchmark(getattr(calls(contender, loss, (100,)), what))
