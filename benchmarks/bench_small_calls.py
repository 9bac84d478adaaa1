"""Cross entropy of a small batch, where what a call costs before its first row counts most.

    pytest benchmarks/bench_small_calls.py --benchmark-group-by=param:shape,param:what
"""

import pytest

from benchmarks.contenders import available, calls
from fastloss._bench import SMALL_SHAPES, Calls, shape_label


# the last varies slowest: everything about one shape comes together
@pytest.mark.parametrize("what", Calls._fields)
@pytest.mark.parametrize("contender", available("cross_entropy"))
@pytest.mark.parametrize("shape", SMALL_SHAPES, ids=shape_label)
def test_small_call(benchmark, shape, contender, what):
    benchmark(getattr(calls(contender, "cross_entropy", shape), what))
