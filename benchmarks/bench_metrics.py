"""Metrics of a thousand classes, and binary accuracy of ten million scores.

pytest benchmarks/bench_metrics.py --benchmark-group-by=param:loss
"""

import pytest

from benchmarks.contenders import calls, entries
from benchmarks.formulas import names
from fastloss._command.bench import MSE_SHAPE, SHAPES


@pytest.mark.parametrize("loss, contender, what", entries(names("metrics", "binary metrics")))
def test_metrics(benchmark, loss, contender, what, shrink):
    shape = MSE_SHAPE if loss == "binary_accuracy" else SHAPES[2]
    benchmark(getattr(calls(contender, loss, shape, shrink), what))
