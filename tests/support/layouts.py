"""What the tests share: dtypes and their epsilons, comparing, one array in many memory layouts, bad rows."""

import contextlib
import ctypes
import mmap
import os
import platform
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import fastloss

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = [np.dtype(d) for d in (np.float64, np.float32, np.float16, ml_dtypes.bfloat16)]
REDUCTIONS = ["mean", "sum", "none"]
# 64 and 65 lie on the two sides of "few classes", 1025 is a block and one, 5000 has an odd last block.
CLASSES = [1, 2, 3, 10, 63, 64, 65, 100, 1000, 1025, 5000]
LABELS = [np.dtype(d) for d in "bhilqBHILQ"]


def environment(**more):
    """For a fresh interpreter that must find the fastloss that is being tested; None takes a name out."""
    found = {
        "PYTHONPATH": os.pathsep.join(
            [str(Path(fastloss.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        )
    }
    return {k: v for k, v in (dict(os.environ) | found | more).items() if v is not None}


def child(code, *arguments, timeout=300, **more):
    """Runs code in an interpreter of its own, which finds the modules of the tests too."""
    path = os.pathsep.join([str(Path(__file__).parents[1]), environment()["PYTHONPATH"]])
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment(PYTHONPATH=path, **more),
        capture_output=True,
        text=True,
        timeout=timeout,
    )


LOOP = """
import os
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(10**5): pass
"""


def as_score(name, number):
    """The number as a score of that loss: its scores may be probabilities, or logarithms of them."""
    loss = fastloss.losses.get(name)
    scores = loss.facts.scores if loss is not None else "raw"
    if scores == "log-probabilities":
        return -abs(number)
    return type(number)(min(max(number, 0), 1)) if scores == "probabilities" else number


@contextlib.contextmanager
def neighbours(count):
    """Processes that do nothing but loop, while their parent lives."""
    loops = [subprocess.Popen([sys.executable, "-c", LOOP]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def compute(dtype):
    """The type of the arithmetic: half formats are widened to float32."""
    return np.dtype(np.float64 if dtype == np.float64 else np.float32)


def eps(dtype):
    return float(np.finfo(compute(dtype)).eps)


def real(dtype):
    """The type an oracle needs to judge arithmetic in `dtype`."""
    return np.longdouble if dtype == np.float64 else np.float64


def storing(value, dtype):
    """What rounding to a half output, or falling below the normal numbers, may add."""
    info = ml_dtypes.finfo(dtype)
    half = float(info.eps) / 2 if np.dtype(dtype).itemsize == 2 else 0.0
    return half * abs(value) + float(info.smallest_normal)


def assert_near(got, want, bound, dtype, what):
    """|got - want| within the bound and what storing in `dtype` adds; infinities must be the same ones."""
    got, want = np.asarray(got).astype(np.asarray(want).dtype), np.asarray(want)
    with np.errstate(all="ignore"):
        error, allowed = abs(got - want), bound + storing(want, dtype)
    good = (error <= allowed) | (got == want)
    if not good.all():
        at = tuple(np.argwhere(~good)[0])
        raise AssertionError(
            f"{what}{list(map(int, at))}: {got[at]!r}, expected {want[at]!r}, "
            f"off by {error[at] / np.broadcast_to(allowed, error.shape)[at]:.4g} of the bound"
        )


def bits(a):
    """Integer view: equal means the same bits, NaN payloads and signs of zero included."""
    a = np.ascontiguousarray(a)
    return a.view(f"u{a.dtype.itemsize}")


def same_bits(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and np.array_equal(bits(a), bits(b))


def rounded(a, dtype):
    """To nearest, once. NumPy's bfloat16 has float64 rounded to float32 first: that goes towards zero here,
    and odd where it loses something, so that the second rounding sees what the first one lost."""
    with np.errstate(over="ignore"):
        if a.dtype == np.float64 and dtype == BFLOAT16:
            near = a.astype(np.float32)
            down = np.where(abs(near.astype(np.float64)) > abs(a), np.nextafter(near, np.float32(0)), near)
            a = (down.view(np.uint32) | (down != a)).view(np.float32)
        return a.astype(dtype)


def contiguous(a):
    return a.copy()


def fortran(a):
    return np.array(a, order="F")


def shifted(a):
    """`logits[:, :-1]`: rows further apart than they are long, starting off the cache line."""
    wide = np.full((*a.shape[:-1], a.shape[-1] + 3), 77, a.dtype) if a.ndim else np.empty(3, a.dtype)
    view = wide[..., 1:-2] if a.ndim else wide[1:2].reshape(())
    view[...] = a
    return view


def stepped(a):
    wide = np.full(tuple(2 * s for s in a.shape), 77, a.dtype)
    view = wide[(*(slice(None, None, 2),) * a.ndim, ...)]
    view[...] = a
    return view


def backwards(a):
    flip = (*(slice(None, None, -1),) * a.ndim, ...)
    return a[flip].copy()[flip]


def misaligned(a):
    raw = np.empty(a.nbytes + a.itemsize + 1, np.uint8)
    view = raw[1 : 1 + a.nbytes].view(a.dtype).reshape(a.shape) if a.nbytes else a.copy()
    view[...] = a
    return view


def placed(a, offset=0, steps=None, order=None):
    """A copy that begins `offset` bytes behind a cache line. Elements of axis d lie `steps[d]` times as far
    apart as they must (backwards if negative), and the axes in that order, the slowest first."""
    steps = [1] * a.ndim if steps is None else steps
    strides, step, first = [0] * a.ndim, a.itemsize, 0
    for d in reversed(range(a.ndim) if order is None else order):
        strides[d] = step * int(steps[d])
        step *= abs(int(steps[d])) * max(a.shape[d], 1)
        first += max(a.shape[d] - 1, 0) * max(-strides[d], 0)
    room = np.full(step + offset + 64, 77, np.uint8)
    room = room[-room.ctypes.data % 64 + offset :]
    view = np.lib.stride_tricks.as_strided(room[first : first + a.itemsize].view(a.dtype), a.shape, strides)
    view[...] = a
    return view.reshape(()) if a.ndim == 0 else view


LAYOUTS = {f.__name__: f for f in (contiguous, fortran, shifted, stepped, backwards, misaligned)}


# What makes a row of scores a bad one; the target is class 1.
BAD = {
    "nan": lambda row: row.__setitem__(3, np.nan),
    "nan_at_target": lambda row: row.__setitem__(1, np.nan),
    "+inf": lambda row: row.__setitem__(3, np.inf),
    "+inf_at_target": lambda row: row.__setitem__(1, np.inf),
    "two_+inf": lambda row: row.__setitem__(slice(2, 4), np.inf),
    "all_-inf": lambda row: row.__setitem__(slice(None), -np.inf),
    "nan_beside_-inf": lambda row: row.__setitem__(slice(None), [np.nan] + [-np.inf] * (len(row) - 1)),
}


@contextlib.contextmanager
def register():
    """(read, write) of MXCSR: two functions of machine code, stmxcsr [rdi] and ldmxcsr [rdi]."""
    if platform.machine() not in ("x86_64", "AMD64") or sys.platform == "win32":
        pytest.skip("MXCSR is a register of x86-64")
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b"\x0f\xae\x1f\xc3" + b"\x0f\xae\x17\xc3")
    here = ctypes.c_char.from_buffer(page)
    kind = ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_uint32))
    store, load = (kind(ctypes.addressof(here) + at) for at in (0, 4))

    def read():
        word = ctypes.c_uint32()
        store(word)
        return word.value

    def write(value):
        load(ctypes.c_uint32(value))

    before = read()
    try:
        yield read, write
    finally:
        write(before)
        del here
