"""P10: every operand between two pages that may not be touched, and how far the resident set grows. Tests run
these in a process of its own: a read or write one byte too far kills it."""

import ctypes
import mmap

import ml_dtypes
import numpy as np

import fastloss as fl
from support import catalogue
from support.catalogue import ELEMENTS, FIRST, ROWS, VARIANTS
from support.layouts import DTYPES, LABELS

F4 = np.dtype("f4")


class Fenced:
    """Memory with a forbidden page before and behind it; arrays are laid against either fence."""

    def __init__(self, pages=40):
        page = mmap.PAGESIZE
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        protect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
        self.bytes = np.frombuffer(mmap.mmap(-1, (pages + 2) * page), np.uint8)[page:-page]
        for fence in (self.bytes.ctypes.data - page, self.bytes.ctypes.data + len(self.bytes)):
            assert protect(fence, page, 0) == 0, ctypes.get_errno()

    def put(self, array, behind, step=1):
        """Its last element ends at the fence, or its first begins there; elements `step` times as far off."""
        strides = [step * s for s in np.empty(array.shape, array.dtype).strides]
        extent = array.itemsize + sum((n - 1) * s for n, s in zip(array.shape, strides)) if array.size else 0
        start = len(self.bytes) - extent if behind else 0
        first = self.bytes[start : start + array.itemsize if array.size else start]
        if not array.size:
            return first.view(array.dtype).reshape(array.shape)
        view = np.lib.stride_tricks.as_strided(first.view(array.dtype), array.shape, strides)
        view[...] = array
        return view


def touch_the_fence():
    fence = Fenced()
    ctypes.string_at(fence.bytes.ctypes.data + len(fence.bytes), 1)


def sizes(subject):
    """(rows, classes): each mod 64; elements behind a block too, classes of one chunk and of more. Whole
    groups of rows of few classes, whose results leave as they are, into outs of each type."""
    if not subject.rowwise:
        return [(n, 1) for r in range(64) for n in (r, 1024 + r)]
    wide = [1025, 1031, 1039, 1040, 1041, 1087, 2049]
    few = [(64, c) for _ in DTYPES for c in (2, 3, 4, 7)]
    return few + [(7 * c % 64, c) for c in range(1, 71)] + [(3, c) for c in wide]


def calls_between_fences(dtype, of_rows):
    fences = [Fenced() for _ in range(10)]
    dtype, number = np.dtype(getattr(ml_dtypes, dtype, None) or dtype), 0
    for subject in ROWS if of_rows else ELEMENTS:
        variants = VARIANTS[subject.name, subject.kind]
        for i, (n, classes) in enumerate(sizes(subject)):
            for function in catalogue.functions(variants[i % len(variants)]):
                print(function, n, classes, flush=True)
                for axis in (-1, 0) if of_rows else (-1,):
                    given, outs = between(function, n, classes, dtype, axis, i)
                    for behind in (True, False):
                        step = 2 if i % 3 == 2 and not behind else 1
                        laid = iter(fences)
                        put = lambda a: next(laid).put(a, behind, step) if isinstance(a, np.ndarray) else a  # noqa: B023, E731
                        inside = {k: put(v) for k, v in given.items()}
                        catalogue.call(function, inside, {k: put(v) for k, v in outs.items()}, axis=axis)
                        number += 1
    print("survived", number)


def between(function, n, classes, dtype, axis, i):
    """Arguments and outputs; labels of every width, as sizes go by, other operands of every type."""
    given = catalogue.arguments(function, (n,), classes, dtype, weighted=i % 2 == 0, axis=axis)
    for name, role in catalogue.roles(function, given).items():
        if name in ("target", "index") and role == "rows":
            label = LABELS[i % 10]
            most = min(classes, np.iinfo(label).max)
            given[name] = (np.maximum(given[name], 0) % most).astype(label)
        elif name in ("vector", "sample_weight", "weight", "x2") or (name == "target" and role == "scores"):
            given[name] = given[name].astype(DTYPES[i % 4])
    return given, catalogue.outs_for(function, given, axis, DTYPES[(i // 4) % 4])


# --- how far the resident set grows -----------------------------------------------------------------------


def resident(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field)) << 10


def growth(call):
    """Bytes by which the most that was ever resident grows, the core's own memory and stacks with it."""
    with open("/proc/self/clear_refs", "w") as clear:
        clear.write("5")
    before = resident("VmHWM")
    call()
    return resident("VmHWM") - before


def nothing_is_kept_resident():
    """What is freed goes back at once: else memory that is taken and given back within a call is not seen."""
    m_mmap_threshold = -3
    assert ctypes.CDLL(None).mallopt(m_mmap_threshold, 1 << 16) == 1


def take(size):
    """Memory as C takes it, used and given back."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    at = libc.malloc(size)
    ctypes.memset(at, 1, size)
    libc.free(at)


def print_growth():
    nothing_is_kept_resident()
    for _ in range(3):
        print("canary", 0, growth(lambda: take(2 << 20)))
    for subject in FIRST:
        n, classes = (2000, 1000) if subject.rowwise else (2_000_000, 1)
        for function in catalogue.functions(subject):
            given = catalogue.arguments(function, (n,), classes, F4)
            outs = catalogue.outs_for(function, given)
            small = catalogue.arguments(function, (1000,), 70, F4)
            for threads in (1, 2):
                catalogue.call(function, small, n_threads=threads)  # what a first call keeps is not meant
                grown = growth(lambda: catalogue.call(function, given, outs, n_threads=threads))  # noqa: B023
                print(function, threads, grown, flush=True)
    scores, labels = np.zeros((2000, 1000), F4), np.zeros(2000, int)
    for which in ("cross_entropy", "top_k_accuracy", ["cross_entropy", "perplexity", "accuracy"]):
        total = fl.Accumulator(which)
        total.update(scores[:10], labels[:10])
        print("Accumulator", which, growth(lambda: total.update(scores, labels)))  # noqa: B023
        print("evaluate", which, growth(lambda: fl.evaluate(scores, labels, which, batch_size=1000)))  # noqa: B023
