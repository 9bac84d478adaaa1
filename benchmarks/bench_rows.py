"""The other losses of rows, margin softmax and the losses of vectors, with many classes and with few.

pytest benchmarks/bench_rows.py --benchmark-group-by=param:shape,param:loss,param:what
"""

import pytest

from benchmarks.contenders import calls, entries
from benchmarks.formulas import names
from fastloss._command.bench import SHAPES, shape_label

LOSSES = [loss for loss in names("rows") if loss != "cross_entropy"]  # which has a file of its own


# the last varies slowest: everything about one shape comes together
@pytest.mark.parametrize("loss, contender, what", entries(LOSSES))
@pytest.mark.parametrize("shape", (SHAPES[2], SHAPES[0]), ids=shape_label)
def test_rows(benchmark, shape, loss, contender, what, shrink):
    benchmark(getattr(calls(contender, loss, shape, shrink), what))
