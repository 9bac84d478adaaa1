"""What editors and type checkers read is current, and says what the calls give back."""

import ast
import subprocess
import sys

import pytest

from fastloss import _core
from support import ROOT

pytestmark = pytest.mark.same_lines

stubs = pytest.importorskip("tools.stubs", reason="the tests came without the tools")

# Each line is checked by mypy, not run.
TYPES = """
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import fastloss as fl

x: NDArray[np.float32] = np.zeros((2, 3), np.float32)
y: NDArray[np.int64] = np.zeros(2, np.int64)
buf: NDArray[np.float32] = np.empty_like(x)

assert_type(fl.cross_entropy(x, y), float)
assert_type(fl.cross_entropy(x, y, reduction="sum"), float)
assert_type(fl.cross_entropy(x, y, reduction="none"), NDArray[Any])
assert_type(fl.cross_entropy(x, [0, 1], class_weight=[1, 2, 3], sample_weight=[True, False]), float)
assert_type(fl.cross_entropy.value_and_grad(x, y, out=buf), tuple[float, NDArray[np.float32]])
assert_type(fl.cross_entropy.value_and_grad(x, y), tuple[float, NDArray[Any]])
assert_type(fl.cross_entropy.value_and_grad(x, y, reduction="none", out=buf),
            tuple[NDArray[Any], NDArray[np.float32]])
assert_type(fl.cross_entropy.grad(x, y, axis=1, out=buf), NDArray[np.float32])
assert_type(fl.cross_entropy.grad_and_hess(x, y, hess_out=buf), tuple[NDArray[Any], NDArray[np.float32]])
assert_type(fl.cross_entropy.hvp(x, y, x), NDArray[Any])
assert_type(fl.mse.intercept(x), float)
assert_type(fl.softmax(x, out=buf), NDArray[np.float32])
assert_type(fl.gather_log_softmax.value_and_grad(x, y, [1.0, -1.0], out=buf),
            tuple[NDArray[Any], NDArray[np.float32]])
fl.cross_entropy.rows(x, y).entropy.mean()
fl.losses["mse"].value_and_grad(x, x)[0]

fl.mse(x, x, label_smoothing=0.1)  # type: ignore[call-overload]
fl.mse(x, x, reduction="average")  # type: ignore[call-overload]
fl.mse.grad(x, x, out=3)  # type: ignore[call-overload]
fl.mse.hvp  # type: ignore[attr-defined]
"""


def test_the_stub_is_what_the_script_writes():
    assert stubs.STUB.read_text() == stubs.stub(), "run python -m tools.stubs"


def test_the_stub_names_what_the_core_has():
    names = [
        target.id if isinstance(target, ast.Name) else target
        for node in ast.parse((ROOT / "fastloss" / "_core.pyi").read_text()).body
        for target in [getattr(node, "target", None) or getattr(node, "name", None)]
        if target
    ]
    assert len(names) > 15 and not [name for name in names if not hasattr(_core, name)]


@pytest.mark.slow
def test_types(tmp_path):
    pytest.importorskip("mypy", reason="mypy is optional")
    (tmp_path / "types_of_calls.py").write_text(TYPES)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--cache-dir",
            tmp_path / "cache",
            "--config-file",
            ROOT / "pyproject.toml",
            tmp_path / "types_of_calls.py",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
