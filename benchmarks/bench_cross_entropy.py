"""Cross entropy of float32 logits and integer labels, from ten classes to a vocabulary of 128,256.

    pytest benchmarks/bench_cross_entropy.py --benchmark-group-by=param:shape,param:what
"""

import pytest

from benchmarks.contenders import available, calls
from fastloss._bench import SHAPES, Calls, shape_label


# the last varies slowest: everything about one shape comes together
@pytest.mark.parametrize("what", Calls._fields)
@pytest.mark.parametrize("contender", available("cross_entropy"))
@pytest.mark.parametrize("shape", SHAPES, ids=shape_label)
def test_cross_entropy(benchmark, shape, contender, what):
    benchmark(getattr(calls(contender, "cross_entropy", shape), what))
