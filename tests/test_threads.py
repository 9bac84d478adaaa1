"""P1 to P3: forked children neither hang nor differ, no more threads than allowed, safe from many threads.

Each case runs in a fresh interpreter: what a fork meets depends on which runtimes ran before it. An
alarm turns a hang into a failure that says SIGALRM."""

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
from layouts import environment, same_bits

import fastloss as fl

LINUX = sys.platform == "linux"

COMMON = """
import os, signal, sys, threading, warnings
warnings.simplefilter("ignore")  # Python's own warning about fork beside threads: that is what is tested
import numpy as np

def work(n_threads=4):
    import fastloss as fl
    rng = np.random.default_rng(0)
    logits, target = rng.standard_normal((20_000, 50), np.float32), rng.integers(0, 50, 20_000)
    value, grad = fl.cross_entropy.value_and_grad(logits, target, n_threads=n_threads)
    return value, grad.tobytes()

def in_fork(f):
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        try:
            os._exit(0 if f() else 3)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(4)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status == 0, f"child: {signal.Signals(-status).name if status < 0 else status}"
    return True
"""

BEFORE = {
    "nobody": "",
    "we": "work()",
    "torch": "import torch; torch.set_num_threads(4); torch.rand(2000, 500).exp().sum()",
    "torch_and_we": "import torch; torch.set_num_threads(4); torch.rand(2000, 500).exp().sum(); work()",
}

THEN = {
    "os_fork": "in_fork(lambda: work() == want())",
    "grandchild": "in_fork(lambda: work() == want() and in_fork(lambda: work() == want()))",
    "fork_twice": "in_fork(lambda: work() == want()); work(); in_fork(lambda: work(None) == want())",
    "fork_from_a_thread": """
        failures = []
        def go():
            try:
                in_fork(lambda: work() == want())
            except BaseException as e:
                failures.append(e)
        t = threading.Thread(target=go); t.start(); t.join()
        assert not failures, failures
    """,
    "pool_fork": """
        import multiprocessing
        signal.alarm(60)
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert all(v == want() for v in pool.map(work, [None, 1, 4, 4]))
    """,
    "executor_fork": """
        import concurrent.futures, multiprocessing
        signal.alarm(60)
        with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
            assert all(v == want() for v in pool.map(work, [None, 1, 4, 4]))
    """,
}


def run(*command, **settings):
    """Runs code, or a script, in a fresh interpreter without OpenMP settings but those given."""
    unset = {k: None for k in os.environ if k.startswith("OMP_")}
    done = subprocess.run(
        [sys.executable, *command],
        env=environment(**unset | settings),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr[-3000:] or f"exit {done.returncode}"
    return done.stdout


@pytest.mark.parametrize("then", THEN)
@pytest.mark.parametrize("before", ["nobody", "we"])
def test_a_forked_child_computes_the_same_bits(before, then):
    fork(before, then)


@pytest.mark.parametrize("then", ["os_fork", "pool_fork"])
@pytest.mark.parametrize("before", ["torch", "torch_and_we"])
def test_a_forked_child_beside_torch(before, then):
    pytest.importorskip("torch", reason="torch is optional")
    fork(before, then)


def fork(before, then):
    """`want` is what one thread gives in the very process that asks; the last call finds the parent well."""
    code = COMMON + "def want():\n    return work(1)\n" + BEFORE[before] + "\n" + textwrap.dedent(THEN[then])
    run("-c", code + "\nassert work() == want()\n")


def test_import_in_the_child_only():
    run(
        "-c",
        COMMON
        + "in_fork(lambda: work() == work(1) and 'fastloss' in sys.modules)\n"
        + "assert 'fastloss' not in sys.modules",
    )


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_other_start_methods(method, tmp_path):
    script = tmp_path / "job.py"
    script.write_text(
        COMMON
        + textwrap.dedent(f"""
        if __name__ == "__main__":
            import multiprocessing
            signal.alarm(60)
            parent = work()
            with multiprocessing.get_context("{method}").Pool(2) as pool:
                assert all(v == parent for v in pool.map(work, [None, 4]))
        """)
    )
    run(str(script))


def test_forks_while_two_threads_compute():
    run(
        "-c",
        COMMON
        + textwrap.dedent("""
        want, stop, wrong = work(), threading.Event(), []
        def compute():
            while not stop.is_set():
                if work() != want:
                    wrong.append(1)
        threads = [threading.Thread(target=compute) for _ in range(2)]
        for t in threads: t.start()
        try:
            for _ in range(20):
                in_fork(lambda: work() == want)
        finally:
            stop.set()
            for t in threads: t.join()
        assert not wrong
    """),
    )


GOMP = """
import ctypes

def raw_region():
    "A parallel region of four that is not ours, in the OpenMP runtime that we use."
    import fastloss
    path = next(line.split()[-1] for line in open("/proc/self/maps") if "/libgomp.so" in line)
    count, lock = [0], threading.Lock()
    def body(_):
        with lock:
            count[0] += 1
    ctypes.CDLL(path).GOMP_parallel(ctypes.CFUNCTYPE(None, ctypes.c_void_p)(body), None, 4, 0)
    return count[0]
"""


if LINUX and "/libgomp.so" in Path("/proc/self/maps").read_text():  # GCC's runtime; it is the one that hangs

    @pytest.mark.parametrize("parent", ["work()", "raw_region()", "work(); raw_region()"])
    @pytest.mark.parametrize(
        "child", ["raw_region() == 4", "work() == want()", "work() == want() and raw_region() == 4"]
    )
    def test_a_child_may_run_a_region_of_its_own_or_ours(parent, child):
        """Before a fork the pool is given back; in the child we keep out of it all the same."""
        run(
            "-c",
            COMMON
            + GOMP
            + f"""
def want():
    return work(1)
{parent}
in_fork(lambda: {child})
assert work() == want() and raw_region() == 4
""",
        )


# --- P2 ------------------------------------------------------------------------------------------------


COUNT = """
import os, re, sys
import numpy as np

def threads():
    return int(re.search(r"Threads:\\s+(\\d+)", open("/proc/self/status").read())[1])

import fastloss as fl
logits, target = np.zeros((40_000, 50), np.float32), np.zeros(40_000, int)
before = threads()
"""


def threads_made(call, before="", **settings):
    code = (
        COUNT.replace("before = threads()", before + "\nbefore = threads()")
        + call
        + "\nprint(threads() - before)"
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
            ("fl.cross_entropy.value_and_grad(logits[:32], target[:32])", "", {}),
            ("fl.mse(logits[:32], logits[:32])", "", {}),
            ("fl.cross_entropy.value_and_grad(logits[:1], target[:1], n_threads=9)", "", {}),
            ("", "", {}),
        ],
        ids=[
            "one",
            "OMP_NUM_THREADS",
            "OMP_THREAD_LIMIT",
            "limit_beats_explicit",
            "taskset",
            "small",
            "small_mse",
            "one_row",
            "import",
        ],
    )
    def test_no_thread_is_made(call, before, settings):
        assert threads_made(call, before, **settings) == 0

    def test_threadpoolctl_limits_us():
        call = "import threadpoolctl\nwith threadpoolctl.threadpool_limits(1):\n    " + BIG.format("")
        assert threads_made(call, "import threadpoolctl") == 0

    def test_a_forked_child_runs_one_thread():
        code = (
            COUNT
            + BIG.format(", n_threads=4")
            + textwrap.dedent("""
            if os.fork() == 0:
                fl.cross_entropy.value_and_grad(logits, target, n_threads=4)
                os._exit(threads())
            sys.exit(os.waitstatus_to_exitcode(os.wait()[1]) - 1)
        """)
        )
        run("-c", code)

    @pytest.mark.parametrize("k", [2, 3, 5])
    def test_at_most_k_threads(k):
        assert threads_made(BIG.format(f", n_threads={k}")) <= k - 1


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


def test_nothing_in_the_environment_changes():
    run(
        "-c",
        """
import os, signal
import numpy as np
before = dict(os.environ), np.geterr(), [signal.getsignal(s) for s in signal.valid_signals()]
import fastloss as fl
fl.cross_entropy.value_and_grad(np.zeros((40_000, 50), "f4"), np.zeros(40_000, int))
assert before == (dict(os.environ), np.geterr(), [signal.getsignal(s) for s in signal.valid_signals()])
""",
    )


# --- P3 ------------------------------------------------------------------------------------------------


def test_eight_threads_on_shared_input_get_equal_bits():
    rng = np.random.default_rng(0)
    logits, target = rng.standard_normal((3000, 70), np.float32), rng.integers(0, 70, 3000)
    pred, weight = rng.standard_normal(50_000), rng.random(3000)
    barrier, failures = threading.Barrier(8), []

    def calls(k):
        return (
            *fl.cross_entropy.value_and_grad(logits, target, sample_weight=weight, n_threads=k),
            fl.softmax(logits, n_threads=k),
            fl.mse(pred, pred[::-1], n_threads=k),
        )

    want = calls(1)

    def run_one(k):
        try:
            barrier.wait()
            for _ in range(10):
                for a, b in zip(calls(k or None), want):
                    assert same_bits(a, b)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run_one, args=(k % 4,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures


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
