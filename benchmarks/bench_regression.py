"""Losses of regression, ten million float32: memory sets the pace, but where there are exponentials.

pytest benchmarks/bench_regression.py --benchmark-group-by=param:loss,param:what
"""

import pytest

from benchmarks.contenders import calls, entries
from benchmarks.formulas import names
from fastloss._command.bench import MSE_SHAPE


@pytest.mark.parametrize("loss, contender, what", entries(names("regression")))
def test_regression(benchmark, loss, contender, what, shrink):
    benchmark(getattr(calls(contender, loss, MSE_SHAPE, shrink), what))
