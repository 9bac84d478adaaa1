"""P1 to P3: forked children neither hang nor differ, no more threads than allowed, safe from many threads.
P12: a good neighbour. All of it holds for the threads of the pool and for OpenMP's (FASTLOSS_THREADS=openmp).

Each case runs in a fresh interpreter: what a fork meets depends on which runtimes ran before it. An
alarm turns a hang into a failure that says SIGALRM."""

import functools
import itertools
import json
import os
import re
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

import fastloss as fl
from fastloss import _threads
from support import ROOT, catalogue
from support.forks import WAYS
from support.layouts import environment, same_bits

pytestmark = [pytest.mark.openmp, pytest.mark.without_openmp, pytest.mark.same_lines]

LINUX = sys.platform == "linux"


def run(*command, timeout=100, **settings):
    """Runs code, or a script, in a fresh interpreter without OpenMP settings but those given."""
    unset = {k: None for k in os.environ if k.startswith("OMP_")}
    done = subprocess.run(
        [sys.executable, *command],
        env=environment(**unset | settings),
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr[-3000:] or f"exit {done.returncode}"
    return done.stdout


@functools.cache
def runtime():
    """The OpenMP library that the core was linked with, "" where there is none or nothing says which."""
    if not (LINUX and fl._core.openmp):
        return ""
    maps = run("-c", "import fastloss; print(open('/proc/self/maps').read())")
    return (re.findall(r"/\S*/lib[gi]?omp[-.]\S*", maps) or [""])[0]


# --- P1 ------------------------------------------------------------------------------------------------


@functools.cache
def forks(who, imported):
    return json.loads(run(str(ROOT / "tests" / "support" / "forks.py"), who, imported, timeout=250))


# Who ran threads in the parent of each fork, and where fastloss was imported; forks.py says more.
STATES = ["nobody-before", "nobody-child", "we-before", "raw-before", "raw-child"]
WITH_TORCH = ["torch_idle-before", "torch_idle-child", "torch-before", "torch-child", "torch_and_we-before"]


@pytest.mark.parametrize("way", WAYS[:-1])
@pytest.mark.parametrize("state", STATES)
def test_a_forked_child_computes_the_same_bits(state, way):
    """On any number of threads; and other people's parallel regions end there, where we could see to it."""
    assert forks(*state.split("-"))[way] == ""


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("state", WITH_TORCH)
def test_a_forked_child_beside_torch(state, way):
    """Torch computes in the child too, with threads of its own."""
    pytest.importorskip("torch", reason="torch is optional")
    assert forks(*state.split("-"))[way] == ""


@pytest.mark.parametrize("count", [10, pytest.param(100, marks=pytest.mark.slow)])
def test_forks_while_two_threads_compute(count):
    run(
        "-c",
        "import sys; sys.path.insert(0, sys.argv[1])"
        + textwrap.dedent("""
        import threading, warnings
        from support.forks import digest, in_child, in_fork
        warnings.simplefilter("ignore")
        want, stop, wrong = digest(), threading.Event(), []
        def compute():
            while not stop.is_set():
                if digest() != want:
                    wrong.append(1)
        threads = [threading.Thread(target=compute) for _ in range(2)]
        for t in threads: t.start()
        try:
            for i in range(int(sys.argv[2])):
                # In every tenth child a region of others too: this thread's pool is ours to give back.
                found = in_fork(lambda: in_child(i % 10 == 0))
                assert found == [*[want] * 3, 4][: len(found)], found
        finally:
            stop.set()
            for t in threads: t.join()
        assert not wrong
        """),
        str(ROOT / "tests"),
        str(count),
    )


# --- P2 ------------------------------------------------------------------------------------------------


# Threads are counted by a thread: while the call runs, since a team may be gone when it ends, and after it.
COUNT = """
import os, re, sys, threading
from pathlib import Path
import numpy as np
import fastloss as fl

def threads():
    return int(re.search(r"Threads:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

class Peak:
    "How many threads there are at most, above those of now."
    def __enter__(self):
        self.most, self.stop = 0, threading.Event()
        self.watcher = threading.Thread(target=self.watch, daemon=True)
        self.watcher.start()
        self.before = threads()
        return self
    def watch(self):
        while not self.stop.wait(0.0005):
            self.most = max(self.most, threads())
    def __exit__(self, *_):
        last = threads()  # before the watcher goes, which takes the system a moment
        self.stop.set()
        self.watcher.join()
        self.most = max(self.most, last) - self.before

logits, target = np.zeros((40_000, 50), np.float32), np.zeros(40_000, int)
"""


def threads_made(call, before="", **settings):
    code = (
        COUNT
        + textwrap.dedent(before)
        + "\nwith Peak() as peak:\n    for _ in range(3):\n"
        + textwrap.indent(textwrap.dedent(call) or "pass", " " * 8)
        + "\nprint(peak.most)"
    )
    return int(run("-c", code, OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", **settings))


if LINUX:  # /proc counts them; elsewhere there is no such number to look at
    BIG = "fl.cross_entropy.value_and_grad(logits, target{})"

    @pytest.mark.parametrize(
        "call, before, settings",
        [
            (BIG.format(", n_threads=1"), "", {}),
            (BIG.format(""), "", {"OMP_NUM_THREADS": "1"}),
            (BIG.format(""), "", {"OMP_THREAD_LIMIT": "1"}),
            (BIG.format(", n_threads=4"), "", {"OMP_THREAD_LIMIT": "1"}),
            (BIG.format(""), "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})", {}),
            ("fl.cross_entropy.value_and_grad(logits[:32], target[:32])", "", {"OMP_NUM_THREADS": "4"}),
            ("fl.mse(logits[:32], logits[:32])", "", {"OMP_NUM_THREADS": "4"}),
            ("fl.cross_entropy.value_and_grad(logits[:1], target[:1], n_threads=9)", "", {}),
            ("", "", {}),
        ],
        ids=[
            "one",
            "OMP_NUM_THREADS",
            "OMP_THREAD_LIMIT",
            "limit_beats_explicit",
            "affinity",
            "small",
            "small_mse",
            "one_row",
            "import",
        ],
    )
    def test_no_thread_is_made(call, before, settings):
        assert threads_made(call, before, **settings) == 0

    @pytest.mark.parametrize(
        "call, settings, most",
        [
            (BIG.format(""), {"OMP_NUM_THREADS": "3"}, 3),
            (BIG.format(""), {"OMP_NUM_THREADS": "4", "OMP_DYNAMIC": "true"}, 4),
            (BIG.format(", n_threads=4"), {"OMP_DYNAMIC": "true"}, 4),
            (BIG.format(""), {"OMP_NUM_THREADS": "4", "OMP_THREAD_LIMIT": "2"}, 2),
            (BIG.format(", n_threads=9"), {"OMP_THREAD_LIMIT": "3"}, 3),
            *[(BIG.format(f", n_threads={k}"), {}, k) for k in (2, 3, 5)],
            # 12 tasks of 16,384 elements, of which a thread is worth 4
            ("fl.mse(logits[:3900], logits[:3900])", {"OMP_NUM_THREADS": "8"}, 3),
        ],
        ids=str,
    )
    def test_at_most_k_threads(call, settings, most):
        assert threads_made(call, **settings) <= most - 1

    def test_what_is_allowed_is_used():
        """Else the tests above would prove nothing. Calls that ended, well or not, are not in flight."""
        before = """
            for _ in range(20):
                fl.cross_entropy(logits, target, n_threads=1)
                try:
                    fl.cross_entropy(logits, target + 50, n_threads=1)
                except ValueError:
                    continue
                raise AssertionError
        """
        assert threads_made(BIG.format(""), before, OMP_NUM_THREADS="3") == 2

    def test_taskset():
        taskset = "import os, subprocess, sys; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
        inside = COUNT + "with Peak() as peak: " + BIG.format("") + "\nprint(peak.most)"
        assert run("-c", taskset + f"subprocess.run([sys.executable, '-c', {inside!r}], check=True)") == "0\n"

    @pytest.mark.skipif(not fl._core.openmp, reason="threadpoolctl limits the runtimes that are loaded")
    def test_threadpoolctl_limits_us():
        call = "import threadpoolctl\nwith threadpoolctl.threadpool_limits(1):\n    " + BIG.format("")
        assert threads_made(call, "import threadpoolctl", OMP_NUM_THREADS="4") == 0

    @pytest.mark.parametrize("k", [1, 2])
    def test_torch_limits_us(k):
        pytest.importorskip("torch", reason="torch is optional")
        before = f"import torch\ntorch.set_num_threads({k})"
        assert threads_made(BIG.format(""), before, OMP_NUM_THREADS="4") <= k - 1

    @pytest.mark.parametrize("quota, most", [("100000 100000", 1), ("250000 100000", 3), ("max 100000", 8)])
    def test_the_quota_of_a_control_group(tmp_path, quota, most):
        """A false one; and a false machine of eight processors, which OpenMP is told of by a user."""
        (tmp_path / "cpu.max").write_text(quota + "\n")
        before = f"""
            import threadpoolctl
            from fastloss import _threads
            _threads._quota = lambda: _threads.quota({str(tmp_path)!r}, "/nothing")
            os.sched_getaffinity = lambda pid: set(range(8))
            threadpoolctl.threadpool_limits(8)
        """
        made = threads_made(BIG.format(""), before)
        assert made == most - 1

    def test_eight_callers_at_once():
        """All in flight at once, by a barrier and calls of some tenth of a second. The j-th that came has
        4 // j threads or one: four threads beyond the eight callers, where each for itself would have 24."""
        before = """
            pred = np.broadcast_to(np.float32(1.5), (1 << 27,))
            zero = np.broadcast_to(np.float32(0), pred.shape)
            start, end = threading.Barrier(8), threading.Barrier(9)
            def go():
                start.wait()
                fl.log_cosh(pred, zero)
                end.wait(60)
                end.wait(60)  # a caller's pool dies with it
            callers = [threading.Thread(target=go) for _ in range(8)]
        """
        call = """
            if not callers[0].ident:
                for t in callers: t.start()
                end.wait(60)
                peak.most = max(peak.most, threads())
                end.wait(60)
        """
        assert 8 - 1 <= threads_made(call, before, OMP_NUM_THREADS="4") <= 8 + 4

    def test_a_forked_child_runs_one_thread():
        code = (
            COUNT
            + BIG.format(", n_threads=4")
            + textwrap.dedent("""
            if os.fork() == 0:
                fl.cross_entropy.value_and_grad(logits, target, n_threads=4)
                fl.cross_entropy.value_and_grad(logits, target)
                os._exit(threads())
            sys.exit(os.waitstatus_to_exitcode(os.wait()[1]) - 1)
        """)
        )
        run("-c", code)


@pytest.mark.skipif("libgomp" not in runtime(), reason="calls the entry point of GCC's runtime")
def test_inside_a_parallel_region_one_thread():
    """Each of a region's four threads calls us, whatever it asks for."""
    before = f"""
        import ctypes
        found = []
        def body(_):
            value = fl.cross_entropy(logits, target, n_threads=4), fl.cross_entropy(logits, target)
            found.append((fl._core.openmp_threads(), value))
        region = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(body)
        gomp = ctypes.CDLL({runtime()!r})
        want = fl.cross_entropy(logits, target, n_threads=1)
    """
    call = """
        gomp.GOMP_parallel(region, None, 4, 0)
        assert len(found) == 4 and all(f == (1, (want, want)) for f in found), found
        found.clear()
    """
    assert threads_made(call, before) == 3


@pytest.mark.parametrize(
    "text, processors",
    [
        ("max 100000", None),
        ("100000 100000", 1),
        ("150000 100000", 2),
        ("10000 100000", 1),
        ("800000 100000", 8),
        ("800000", None),
        ("a b", None),
        ("", None),
        (None, None),
    ],
)
def test_what_a_control_group_allows(tmp_path, text, processors):
    """Rounded up; a file that is not there, or not as expected, limits nothing."""
    if text is not None:
        (tmp_path / "cpu.max").write_text(text)
    assert _threads.quota(str(tmp_path)) == processors


@pytest.mark.parametrize(
    "limits, processors",
    [
        ({"": "max 100000", "a": "300000 100000", "a/b": "max 100000", "a/b/c": "max 100000"}, 3),
        ({"a": "300000 100000", "a/b": "100000 100000", "a/b/c": "max 100000"}, 1),
        ({"a/b/c": "200000 100000"}, 2),
        ({"": "400000 100000"}, 4),
        ({"x": "100000 100000", "a/b/c/d": "100000 100000"}, None),
        ({}, None),
    ],
)
def test_the_least_quota_on_the_way_up_counts(tmp_path, limits, processors):
    """As under systemd, where the group of a service is not the root."""
    for folder, text in limits.items():
        (tmp_path / "cgroup" / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "cgroup" / folder / "cpu.max").write_text(text + "\n")
    (tmp_path / "own").write_text("12:cpu:/x\n0::/a/b/c\n")
    assert _threads.quota(str(tmp_path / "cgroup"), str(tmp_path / "own")) == processors
    top = _threads.quota(str(tmp_path / "cgroup"), str(tmp_path / "none"))
    assert top == (4 if limits.get("", "").startswith("4") else None)


def test_threads_available(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(_threads, "_quota", lambda: None)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3, 5}, raising=False)
    assert _threads.available() == 3
    monkeypatch.setattr(_threads, "_quota", lambda: 2)
    assert _threads.available() == 2
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert _threads.available() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "7")  # final, and OpenMP's own business
    assert _threads.available() > 7


@pytest.mark.parametrize("bad", [0, -1, -4, 1.5, 2.0, "2", [2], np.float64(2), np.nan], ids=repr)
@pytest.mark.parametrize("name", ["cross_entropy", "mse", "softmax"])
def test_n_threads_is_none_or_a_positive_integer(name, bad):
    args = (np.zeros((2, 3)),) if name == "softmax" else (np.zeros((2, 3)), np.ones((2, 3)))
    out = np.full((2, 3), 7.0)
    f = getattr(fl, name)
    for call, options in ((f, {}), (getattr(f, "grad", f), dict(out=out))):
        with pytest.raises(ValueError, match="n_threads"):
            call(*args, n_threads=bad, **options)
    assert (out == 7).all()


@pytest.mark.parametrize("good", [1, 2, 1000, np.int64(3), np.uint8(2), 2**40])
def test_n_threads_takes_any_integer_type(good):
    logits, target = np.zeros((2, 3)), [0, 1]
    assert fl.cross_entropy(logits, target, n_threads=good) == fl.cross_entropy(logits, target)


# --- P3 ------------------------------------------------------------------------------------------------


def in_threads(count, job):
    """Runs job(i) in so many threads, all started at a barrier."""
    barrier, failures = threading.Barrier(count), []

    def go(i):
        try:
            barrier.wait()
            job(i)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=go, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failures:
        raise failures[0]


@pytest.mark.parametrize("subject", catalogue.FIRST, ids=str)
def test_eight_threads_on_shared_input_get_equal_bits(subject):
    """All that each loss, metric and primitive can say, in some tasks: a call may have threads of its own."""
    rows = (300,) if subject.rowwise else (40_000,)
    calls = [(f, catalogue.arguments(f, rows, 130, weighted=True)) for f in catalogue.functions(subject)]
    want = [catalogue.call(f, given, n_threads=1) for f, given in calls]

    def job(i):
        for turn in range(3):
            for (f, given), expected in zip(calls, want):
                found = catalogue.call(f, given, n_threads=(i + turn) % 4 or None)
                assert all(same_bits(found[what], expected[what]) for what in expected), f

    in_threads(8, job)


def test_the_gil_is_released():
    """While one thread is inside a kernel, another runs Python. The switch interval is set so long that
    the second gets its turn only from a thread that lets go."""
    rng = np.random.default_rng(1)
    logits, target = rng.standard_normal((200_000, 100), np.float32), rng.integers(0, 100, 200_000)
    inside, seen = [False], []

    def compute():
        inside[0] = True
        fl.cross_entropy(logits, target, n_threads=1)
        inside[0] = False

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        worker = threading.Thread(target=compute)
        worker.start()  # waits for the thread to begin, and so hands it the GIL
        seen.append(inside[0])
        worker.join()
    finally:
        sys.setswitchinterval(interval)
    assert seen == [True]


# --- P12 -----------------------------------------------------------------------------------------------


def test_nothing_in_the_environment_changes():
    """By the import, by calls and by a fork. OpenMP's settings are those of the calling thread."""
    code = """
import ctypes, locale, os, signal, sys, warnings
import numpy as np

GETTERS = "max_threads dynamic nested max_active_levels thread_limit num_procs".split()
omp = ctypes.CDLL(sys.argv[1]) if sys.argv[1] else None

def state():
    settings = [getattr(omp, "omp_get_" + name)() for name in GETTERS] if omp else None
    kind, chunk = ctypes.c_int(), ctypes.c_int()
    if omp:
        omp.omp_get_schedule(ctypes.byref(kind), ctypes.byref(chunk))
    return (
        dict(os.environ), np.geterr(), np.geterrcall(), np.get_printoptions(), np.random.get_state()[2],
        [signal.getsignal(s) for s in signal.valid_signals()], signal.pthread_sigmask(signal.SIG_BLOCK, []),
        settings, kind.value, chunk.value, list(warnings.filters), locale.setlocale(locale.LC_ALL),
        os.getcwd(), sys.getswitchinterval(), sys.getrecursionlimit(),
    )

if omp:
    omp.omp_set_num_threads(3)
before = state()
import fastloss as fl
assert state() == before
x, y = np.zeros((40_000, 50), "f4"), np.zeros(40_000, int)
for k in (None, 1, 2, 5):
    fl.cross_entropy.value_and_grad(x, y, n_threads=k)
    fl.mse.grad_and_hess(x, x, n_threads=k)
    assert state() == before
pid = os.fork()
if pid == 0:
    fl.mse(x, x)
    os._exit("libgomp" in sys.argv[1] and state() != before)  # LLVM's begins anew in a child
assert os.waitpid(pid, 0)[1] == 0 and state() == before
fl.mse(x, x)
assert state() == before

sys.path.insert(0, sys.argv[2])
import hypothesis, pytest
from support import catalogue
before = state()
for subject in catalogue.FIRST:
    for function in catalogue.functions(subject):
        catalogue.call(function, catalogue.arguments(function, (600,), 130, "f4"))
        assert state() == before, function
fl.Accumulator(["cross_entropy", "accuracy"]).update(x, y).result()
fl.evaluate(x, y, "cross_entropy", batch_size=999)
assert state() == before
"""
    run("-c", code, runtime(), str(ROOT / "tests"))


IMPORTED = {
    "torch": """
import torch
x = torch.randn(3000, 100, generator=torch.Generator().manual_seed(0))
assert abs(float(torch.logsumexp(x, -1).exp().sum() / x.exp().sum()) - 1) < 1e-5
""",
    "sklearn": """
import sklearn.cluster, sklearn.metrics
rng = np.random.default_rng(0)
points = np.concatenate([rng.normal(c, 0.1, (2000, 2)) for c in (0, 9)])
found = sklearn.cluster.KMeans(2, n_init=1, random_state=0).fit(points).cluster_centers_  # has OpenMP inside
assert abs(np.sort(found[:, 0]) - [0, 9]).max() < 0.1
""",
    "fastloss": """
import fastloss as fl
z, y = np.random.default_rng(1).standard_normal((30_000, 20)), np.arange(30_000) % 20
p = np.exp(z - z.max(1, keepdims=True))
want = -np.log(p[np.arange(30_000), y] / p.sum(1)).mean()
value, grad = fl.cross_entropy.value_and_grad(z, y)
assert abs(value / want - 1) < 1e-12 and abs(grad.sum()) < 1e-12
assert fl.cross_entropy.value_and_grad(z, y, n_threads=1)[1].tobytes() == grad.tobytes()
""",
}


@pytest.mark.slow
@pytest.mark.parametrize("order", list(itertools.permutations(IMPORTED)), ids="-".join)
def test_imports_in_every_order(order):
    """Each computes right, with threads, when it comes and again when all are there."""
    for name in ("torch", "sklearn"):
        pytest.importorskip(name, reason="torch and scikit-learn are optional")
    code = "import numpy as np\n" + "".join(IMPORTED[name] for name in order) * 2
    run("-c", code, OMP_NUM_THREADS="2")


@pytest.mark.memory_safety
def test_many_threads_asked_for_are_not_too_many():
    x = np.broadcast_to(np.float32(1), (600, 16384))
    assert fl.mse(x, x, n_threads=10**6) == 0
