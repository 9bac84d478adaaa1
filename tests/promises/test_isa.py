"""Instruction sets: the forced one is the one that runs, and all that have fma give the same bits (P5)."""

import os
import subprocess
import sys

import pytest

import fastloss as fl
from support.layouts import environment

pytestmark = [pytest.mark.without_fma, pytest.mark.beyond_bits, pytest.mark.same_lines]

AVAILABLE = fl._core.isas()
WITH_FMA = [isa for isa in AVAILABLE if isa in ("avx2", "avx512", "neon")]


def run(code, isa=None):
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment(FASTLOSS_ISA=isa),
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_running_one_is_available():
    assert isinstance(AVAILABLE, tuple) and fl._core.isa() in AVAILABLE
    assert AVAILABLE[-1] == "baseline"
    forced = os.environ.get("FASTLOSS_ISA")
    assert fl._core.isa() == (forced or AVAILABLE[0])


@pytest.mark.parametrize("isa", AVAILABLE)
def test_the_forced_one_is_the_one_running(isa):
    done = run("import fastloss; print(fastloss._core.isa()); fastloss.show_config()", isa)
    assert done.returncode == 0, done.stderr
    first, *config = done.stdout.splitlines()
    assert first == isa and any(isa in line for line in config)


def test_unforced_the_best_one_runs():
    done = run("import fastloss; print(fastloss._core.isa())")
    assert done.stdout.split() == [AVAILABLE[0]], done.stderr


@pytest.mark.parametrize("name", ["sse9", "AVX2 ", "neon" if "neon" not in AVAILABLE else "avx2"])
def test_an_unknown_or_unsupported_name_raises(name):
    done = run("import fastloss", name)
    assert done.returncode != 0 and "FASTLOSS_ISA" in done.stderr and name.strip() in done.stderr
    assert "baseline" in done.stderr  # the message says what would do


# One SHA-256 a function and dtype. PCG64 and float32 normals come from NumPy and do not depend on our choice.
DIGESTS = """
import hashlib
import ml_dtypes
import numpy as np
import fastloss as fl

rng = np.random.default_rng(0)
options = [{}, dict(label_smoothing=0.1, class_weight=True), dict(z_loss=0.01, softcap=4.0, logit_scale=1.5)]

def digest(name, *arrays):
    sha = hashlib.sha256()
    for a in map(np.asarray, arrays):
        # Which operand a NaN takes its sign from is the compiler's choice: only its place counts.
        sha.update(np.where(a != a, a.dtype.type("nan"), a).tobytes() if a.dtype != bool else a.tobytes())
    print(name, sha.hexdigest())

for dtype in (np.float64, np.float32, np.float16, ml_dtypes.bfloat16):
    for classes in (1, 2, 7, 10, 64, 65, 100, 1000, 1025, 5000):
        n = 67 if classes < 200 else 9
        logits = (6 * rng.standard_normal((n, classes))).astype(dtype)
        logits[3, 0], logits[5, -1] = -np.inf, 500
        target, soft = rng.integers(0, classes, n), rng.random((n, classes))
        vector = rng.standard_normal((n, classes)).astype(dtype)
        for o in options:
            o = dict(o)
            if "class_weight" in o:
                o["class_weight"] = 1 + np.arange(classes) % 5 / 4
            name = f"{np.dtype(dtype)} {classes} {sorted(o)}"
            for t, kind in ((target, "hard"), (soft, "soft")):
                value, grad = fl.cross_entropy.value_and_grad(logits, t, reduction="none", **o)
                _, hess = fl.cross_entropy.grad_and_hess(logits, t, **o)
                mean = fl.cross_entropy(logits[6:], t[6:], **o)
                hvp = fl.cross_entropy.hvp(logits, t, vector, **o)
                digest(f"cross_entropy {kind} {name}", value, grad, hess, hvp, mean)
                turned = np.ascontiguousarray(logits.T), t if t is target else np.ascontiguousarray(t.T)
                value, grad = fl.cross_entropy.value_and_grad(*turned, axis=0, reduction="none", **o)
                digest(f"cross_entropy axis=0 {kind} {name}", value, grad)
        digest(f"rows {name}", *fl.cross_entropy.rows(logits, target))
        digest(f"primitives {name}", fl.softmax(logits), fl.log_softmax(logits), fl.logsumexp(logits))
        digest(f"mse {name}", *fl.mse.value_and_grad(logits[6:], soft[6:]))
    for dtype_of_math in (np.float32, np.float64):
        x = (10 * rng.standard_normal(10_001)).astype(dtype_of_math)
        for f in ("exp", "log", "log1p", "tanh", "sinh"):
            digest(f"{f} {x.dtype}", fl._core.math(f, abs(x) if "log" in f else x))
"""


def test_the_same_bits_wherever_there_is_fma():
    answers = {}
    for isa in WITH_FMA or AVAILABLE[:1]:
        done = run(DIGESTS, isa)
        assert done.returncode == 0, done.stderr
        answers[isa] = done.stdout.splitlines()
        assert len(answers[isa]) > 500
    first, *others = answers.items()
    for isa, lines in others:
        assert [f"{a} ({first[0]}) / {b} ({isa})" for a, b in zip(first[1], lines) if a != b] == []
