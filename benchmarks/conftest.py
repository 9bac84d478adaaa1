from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def shrink(request: pytest.FixtureRequest) -> int:
    """By what the rows are divided: with --benchmark-disable, the question is only whether all answers are
    right."""
    return 64 if request.config.getoption("benchmark_disable") else 1
