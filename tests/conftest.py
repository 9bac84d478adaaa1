"""FASTLOSS_NO_SKIP=1 makes each skip a failure: where all libraries are installed, no test may hide."""

import os

import pytest
from hypothesis import settings

if os.environ.get("CI"):  # elsewhere each run draws examples of its own
    settings.register_profile("the same each time", derandomize=True, deadline=None)
    settings.load_profile("the same each time")


def _as_failure(report):
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped under FASTLOSS_NO_SKIP=1: {report.longrepr}"
    return report


if os.environ.get("FASTLOSS_NO_SKIP") == "1":

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport():
        return _as_failure((yield))

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report():  # a module that skips itself as a whole
        return _as_failure((yield))
