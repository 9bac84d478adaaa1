"""Mean squared error of ten million float32: there is little to compute, and memory sets the pace.

    pytest benchmarks/bench_mse.py --benchmark-group-by=param:shape,param:what
"""

import pytest

from benchmarks.contenders import available, calls
from fastloss._bench import MSE_SHAPE, Calls, shape_label


# the last varies slowest: everything about one shape comes together
@pytest.mark.parametrize("what", Calls._fields)
@pytest.mark.parametrize("contender", available("mse"))
@pytest.mark.parametrize("shape", (MSE_SHAPE,), ids=shape_label)
def test_mse(benchmark, shape, contender, what):
    benchmark(getattr(calls(contender, "mse", shape), what))
