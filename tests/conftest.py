"""FASTLOSS_NO_SKIP=1 makes each skip a failure: where all libraries are installed, no test may hide."""

import os

import pytest
from hypothesis import settings

NO_SKIP = os.environ.get("FASTLOSS_NO_SKIP") == "1"

if os.environ.get("CI"):  # elsewhere each run draws examples of its own
    settings.register_profile("the same each time", derandomize=True, deadline=None)
    settings.load_profile("the same each time")


def _as_failure(report):
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped under FASTLOSS_NO_SKIP=1: {report.longrepr}"
    return report


if NO_SKIP:

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport():
        return _as_failure((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    """A test module that cannot be imported is an error. The doctests' collector, which reads it first, skips
    it, as it must where a library is not there; the module itself then counts as imported, and all its tests
    would be gone without a word."""
    report = yield
    if report.skipped and "unable to import module" in str(report.longrepr):
        report.outcome, report.longrepr = "failed", str(report.longrepr)
    return _as_failure(report) if NO_SKIP else report  # a module that skips itself as a whole
