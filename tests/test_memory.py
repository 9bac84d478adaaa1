"""P10, memory-safe at any size: every operand between two pages that may not be touched.

A read or write one byte too far kills the process, so the calls run in one of their own."""

import subprocess
import sys

import pytest
from layouts import environment

SCRIPT = """
import ctypes, faulthandler, mmap, sys
import ml_dtypes
import numpy as np
import fastloss as fl

faulthandler.enable()
PAGE = mmap.PAGESIZE
libc = ctypes.CDLL(None, use_errno=True)
libc.mprotect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int

class Fenced:
    "Memory with a forbidden page before and behind it; arrays are laid against either fence."
    def __init__(self, pages):
        self.map = mmap.mmap(-1, (pages + 2) * PAGE)
        self.bytes = np.frombuffer(self.map, np.uint8)[PAGE:-PAGE]
        for page in (self.bytes.ctypes.data - PAGE, self.bytes.ctypes.data + len(self.bytes)):
            assert libc.mprotect(page, PAGE, 0) == 0, ctypes.get_errno()

    def put(self, array, behind):
        room = self.bytes[len(self.bytes) - array.nbytes :] if behind else self.bytes[: array.nbytes]
        view = room.view(array.dtype).reshape(array.shape)
        view[...] = array
        return view

fences = [Fenced(40) for _ in range(7)]

def calls(x, y, soft, v, w, out, hess, axis):
    ce = fl.cross_entropy
    for options in ({}, dict(label_smoothing=0.1), dict(softcap=5.0)):
        ce(x, y, axis=axis, **options)
        ce.value_and_grad(x, y, axis=axis, sample_weight=w, out=out, **options)
        ce.grad_and_hess(x, soft, axis=axis, out=out, hess_out=hess, **options)
    ce.hvp(x, y, v, axis=axis, out=out)
    ce.rows(x, y, axis=axis)
    fl.softmax(x, axis=axis, out=out)
    fl.log_softmax(x, axis=axis, out=out)
    fl.logsumexp(x, axis=axis)
    fl.gather_log_softmax(x, y, axis=axis)
    fl.mse.grad_and_hess(x, soft, out=out, hess_out=hess)

rng = np.random.default_rng(0)
dtype = np.dtype(getattr(ml_dtypes, sys.argv[1], None) or sys.argv[1])
for classes in [*range(1, 67), *range(1024, 1089)]:
    n = int(rng.integers(1, 36)) if classes < 100 else 3
    logits = rng.standard_normal((n, classes)).astype(dtype)
    width = rng.choice(["i1", "u1", "i2", "i4", "i8"]) if classes < 100 else "i2"
    labels = rng.integers(0, classes, n).astype(width)
    for behind in (True, False):
        for axis in (-1, 0):
            scores = logits if axis else np.ascontiguousarray(logits.T)
            arrays = scores, labels, abs(scores), scores, abs(logits[:, 0]), scores, scores
            calls(*(f.put(a, behind) for f, a in zip(fences, arrays)), axis)
if len(sys.argv) > 2:
    ctypes.string_at(fences[0].bytes.ctypes.data + len(fences[0].bytes), 1)
print("survived")
"""


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )


if sys.platform == "linux":  # mprotect with these numbers

    @pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
    def test_nothing_is_touched_outside_the_arrays(dtype):
        done = run(dtype)
        assert done.returncode == 0 and "survived" in done.stdout, done.stderr[-2000:]

    def test_the_fence_works():
        done = run("float32", "touch the fence")
        # The sanitizer catches the signal, reports it and exits.
        assert done.returncode < 0 or "AddressSanitizer: SEGV" in done.stderr
