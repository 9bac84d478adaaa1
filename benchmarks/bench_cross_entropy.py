"""Cross entropy of float32 logits and integer labels, from ten classes to a vocabulary of 128,256.

pytest benchmarks/bench_cross_entropy.py --benchmark-group-by=param:shape,param:what
"""

import pytest

from benchmarks.contenders import calls, entries
from fastloss._command.bench import SHAPES, shape_label


# the last varies slowest: everything about one shape comes together
@pytest.mark.parametrize("loss, contender, what", entries(["cross_entropy"]))
@pytest.mark.parametrize("shape", SHAPES, ids=shape_label)
def test_cross_entropy(benchmark, shape, loss, contender, what, shrink):
    benchmark(getattr(calls(contender, loss, shape, shrink), what))
