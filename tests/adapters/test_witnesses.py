"""scikit-learn's own tests of its metrics, with ours in the place of its functions."""

import importlib.util
import subprocess
import sys

import pytest

from support import ROOT

pytestmark = pytest.mark.same_lines

pytest.importorskip("sklearn", reason="scikit-learn is optional")

IN_ITS_PLACE = f"""
import sys
import sklearn.metrics
sys.path.insert(0, {str(ROOT)!r})
import fastloss.sklearn as ours

for name in {{*ours.__all__}} - {{"scorer", "scorers"}}:
    theirs = getattr(sklearn.metrics, name)
    for module in [module for known, module in sys.modules.items() if known.startswith("sklearn.")]:
        if vars(module).get(name) is theirs:
            setattr(module, name, getattr(ours, name))
"""

PYTEST = """
import sys
import pytest
sys.exit(pytest.main(["-q", "-rfE", "--tb=short", "-p", "no:cacheprovider", "--pyargs",
                      *(f"sklearn.metrics.tests.test_{name}"
                        for name in ("classification", "regression", "score_objects"))]))
"""


def run(code, folder):
    """The words of the run, and which tests failed."""
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode in (0, 1) and " passed" in done.stdout, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    return done.stdout, {line.split(" - ")[0] for line in lines if line.startswith(("FAILED", "ERROR"))}


@pytest.mark.slow
def test_scikit_learns_own_tests_pass_with_ours_in_its_place(tmp_path):
    if importlib.util.find_spec("sklearn.metrics.tests") is None:
        pytest.skip("scikit-learn came without its tests")
    words, failed = run(IN_ITS_PLACE + PYTEST, tmp_path)
    if failed:
        failed -= run(PYTEST, tmp_path)[1]  # which fail here without ours too
    assert not failed, words
