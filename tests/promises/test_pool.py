"""P13: fast in company; the threads of the pool (src/pool.c), and the OpenMP settings they obey (openmp.c).

P1 to P3 are in test_threads.py, which CI runs with the pool and with OpenMP's own threads."""

import json
import os
import shutil
import subprocess
import sys

import pytest

import fastloss as fl
from support import ROOT
from support.layouts import child

pytestmark = pytest.mark.same_lines

POOL = fl._core.team == "pool"

if sys.platform != "linux":
    pytest.skip("looks at /proc", allow_module_level=True)

BEGIN = """
import ctypes, glob, json, os, re, resource, signal, subprocess, sys, threading, time
import numpy as np
import fastloss as fl

logits, target = np.zeros((40_000, 50), np.float32), np.zeros(40_000, int)

def status(task, field):
    return re.search(field + r":\\s*(.*)", open(f"{task}/status").read())[1]

def workers():
    return [task for task in glob.glob("/proc/self/task/*") if status(task, "Name") == "fastloss"]
"""


def run(code, *arguments, timeout=100, **settings):
    """What the code prints as JSON, in a fresh interpreter without OpenMP settings but those given."""
    unset = {name: None for name in os.environ if name.startswith(("OMP_", "GOMP_"))}
    done = child(BEGIN + code, *arguments, timeout=timeout, **unset | settings)
    assert done.returncode == 0, done.stderr[-3000:] or f"exit {done.returncode}"
    return json.loads(done.stdout)


# --- P13 -----------------------------------------------------------------------------------------------


@pytest.mark.skipif(not POOL, reason="OpenMP's threads do not keep this promise")
@pytest.mark.parametrize("neighbours", [1, 2, 4, 8])
def test_beside_busy_processes_a_call_costs_what_it_costs_on_one_thread(neighbours):
    """The caller neither spins for threads that do not run, which would be its processor time, nor sleeps and
    waits its turn again in most calls, which would be voluntary switches. Seconds are left to a benchmark."""
    found = run(
        """
from support.layouts import neighbours
logits, target = np.zeros((3_125, 100), np.float32), np.zeros(3_125, int)

def cost(**options):
    before = resource.getrusage(resource.RUSAGE_THREAD)
    for _ in range(300):
        fl.cross_entropy(logits, target, **options)
    after = resource.getrusage(resource.RUSAGE_THREAD)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, after.ru_nvcsw - before.ru_nvcsw, after.ru_nivcsw - before.ru_nivcsw

with neighbours(int(sys.argv[1])):
    time.sleep(0.3)
    fl.cross_entropy(logits, target)
    turns = [(cost(), cost(n_threads=1)) for _ in range(5)]
print(json.dumps(turns))
""",
        str(neighbours),
        OMP_NUM_THREADS="2",
    )
    ours = sorted(all_threads[0] / one[0] for all_threads, one in found)
    assert ours[2] <= 1.6, found
    for all_threads, _ in found:
        assert all_threads[1] <= 150, f"{all_threads[1]} voluntary switches in 300 calls"
    involuntary = sorted(all_threads[2] - one[2] for all_threads, one in found)
    assert involuntary[2] <= 300, found


def test_a_worker_that_slept_is_woken():
    """Else the pool would work only while its threads spin."""
    found = run("""
fl.cross_entropy(logits, target, n_threads=2)
[worker] = workers()
ran = lambda: int(open(worker + "/schedstat").read().split()[0])
def tries():
    for _ in range(20):
        time.sleep(0.1)
        before = ran()
        fl.cross_entropy.value_and_grad(logits, target, n_threads=2)
        yield ran() - before
print(json.dumps(sorted(tries())))
""")
    assert found[-1] > 200_000, f"nanoseconds that a worker ran in calls of a millisecond: {found}"


# --- what workers are ----------------------------------------------------------------------------------


def test_workers_block_signals_but_faults():
    code = """
for _ in range(50):
    fl.cross_entropy(logits, target, n_threads=3)
found = [int(status(task, "SigBlk"), 16) for task in workers()]
caught = []
signal.signal(signal.SIGUSR1, lambda *_: caught.append(threading.current_thread() is threading.main_thread()))
os.kill(os.getpid(), signal.SIGUSR1)
print(json.dumps([found, caught, int(status("/proc/self", "SigBlk"), 16)]))
"""
    found, caught, own = run(code)
    faults = {4, 7, 8, 11}  # SIGILL, SIGBUS, SIGFPE, SIGSEGV
    ordinary = {1, 2, 3, 10, 12, 13, 14, 15, 17, 27}
    assert len(found) == 2 and caught == [True] and own == 0
    for mask in found:
        blocked = {n for n in range(1, 32) if mask >> n - 1 & 1}
        assert ordinary <= blocked and not faults & blocked


def test_no_more_workers_than_a_machine_can_bear():
    """However many are asked for; those that exist serve all callers."""
    found = run("""
fl.cross_entropy(logits, target, n_threads=10**6)
most = len(workers())
fl.cross_entropy(logits, target, n_threads=3)
nine = dict(target=fl.cross_entropy, args=(logits, target), kwargs=dict(n_threads=9))
callers = [threading.Thread(**nine) for _ in range(9)]
for caller in callers: caller.start()
for caller in callers: caller.join()
print(json.dumps([most, len(workers())]))
""")
    most = max(16, 4 * os.cpu_count()) - 1
    assert found[0] <= most and found[1] <= most
    assert found[0] >= min(most, 100)


def test_threads_that_cannot_be_made_are_done_without():
    """The address space is full: not one stack fits."""
    found = run("""
want = fl.cross_entropy(logits, target, n_threads=1)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**20, resource.RLIM_INFINITY))
found = [fl.cross_entropy(logits, target, n_threads=4) == want for _ in range(20)]
none = len(workers())
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
found.append(fl.cross_entropy(logits, target, n_threads=4) == want)
print(json.dumps([all(found), none, len(workers())]))
""")
    assert found == [True, 0, 3]


def test_bits_do_not_depend_on_who_has_flushed_subnormals():
    """A program may have set its thread to flush them, as torch.set_flush_denormal does: all tasks of a call
    must agree, and a worker that served that thread must not keep it for others."""
    found = run("""
from support.layouts import register
tiny, zero = np.full((1 << 21,), 1e-20, np.float32), np.zeros(1 << 21, np.float32)
weight = np.full(1 << 21, 1e-20)
def value(k):
    return fl.mse.grad(tiny, zero, reduction="sum", sample_weight=weight, n_threads=k).tobytes()
def all_of(**_):
    one = value(1)
    return one, [value(4) == one for _ in range(20)]
kept, before = all_of()
with register() as (read, write):
    write(read() | 0x8040)  # flush to zero, denormals are zero
    flushed, during = all_of()
print(json.dumps([all(before), all(during), kept != flushed, all(value(4) == kept for _ in range(20))]))
""")
    assert found == [True, True, True, True]


@pytest.mark.skipif(not fl._core.openmp, reason="a build without OpenMP loads none, and nobody binds")
def test_workers_are_not_bound_to_their_callers_place():
    """OMP_PROC_BIND has libgomp bind the thread that loads it to one processor; workers have all places."""
    code = """
fl.cross_entropy(logits, target, n_threads=2)
print(json.dumps([[status(task, "Cpus_allowed_list") for task in workers()], fl._core.openmp_processors()]))
"""
    free, none = run(code)
    bound, places = run(code, OMP_PROC_BIND="true")
    assert bound == free and len(free) == 1
    assert none == 0 and places == len(os.sched_getaffinity(0))


# --- which threads -------------------------------------------------------------------------------------


@pytest.mark.parametrize("team", ["pool", "openmp"])
def test_the_team_is_chosen_at_import(team):
    if team == "openmp" and not fl._core.openmp:
        done = child("import fastloss", FASTLOSS_THREADS=team)
        assert "ImportError: FASTLOSS_THREADS = 'openmp', but this build has no OpenMP" in done.stderr
        return
    code = """
import contextlib, io
sys.path.insert(0, sys.argv[1])
from support.forks import digest
with contextlib.redirect_stdout(io.StringIO()) as shown:
    fl.show_config()
print(json.dumps([fl._core.team, digest(3), digest(1), len(workers()), shown.getvalue()]))
"""
    chosen, on_three, on_one, made, shown = run(code, str(ROOT / "tests"), FASTLOSS_THREADS=team)
    assert chosen == team and on_three == on_one
    assert made == (2 if team == "pool" else 0)
    assert ("threads run by   " + {"pool": "fastloss", "openmp": "OpenMP"}[team]) in shown


def test_an_unknown_team_is_an_import_error():
    done = child("import fastloss", FASTLOSS_THREADS="tbb")
    assert done.returncode == 1
    assert "ImportError: FASTLOSS_THREADS = 'tbb' is unknown: it may be pool or openmp" in done.stderr


# --- OpenMP's settings, whoever brought the runtime ----------------------------------------------------

FALSE_RUNTIME = """
int threads = 1 << 20, limit = 1 << 20, inside, paused;
int omp_get_max_threads(void) { return threads; }
int omp_get_thread_limit(void) { return limit; }
int omp_in_parallel(void) { return inside; }
int omp_pause_resource_all(int kind) { paused += kind; return 0; }
"""


@pytest.fixture(scope="module")
def false_runtime(tmp_path_factory):
    """A library that looks like a copy of libgomp, whose answers a test sets."""
    folder = tmp_path_factory.mktemp("runtime")
    (folder / "runtime.c").write_text(FALSE_RUNTIME)
    compiler = os.environ.get("CC", "gcc")
    made = folder / "libgomp-f41se.so.1"
    subprocess.run([*compiler.split(), "-shared", "-fPIC", "-o", made, folder / "runtime.c"], check=True)
    return made


def test_the_least_limit_of_all_runtimes_counts(false_runtime):
    code = """
runtime = ctypes.CDLL(sys.argv[1])
found = []
for limit in (2, 3, 9):
    ctypes.c_int.in_dll(runtime, "limit").value = limit
    found.append(fl._core.openmp_limit())
print(json.dumps(found))
"""
    assert run(code, str(false_runtime), OMP_THREAD_LIMIT="3") == [2, 3, 3 if fl._core.openmp else 9]


def test_the_least_answer_of_all_runtimes_counts(false_runtime):
    """Also of one that was loaded after the first call, and locally, as extension modules load theirs."""
    code = """
def made(**options):
    before = len(workers())
    fl.cross_entropy(logits, target, **options)
    return len(workers()) - before
allowed = [fl._core.openmp_threads()]
fl.cross_entropy(logits, target, n_threads=1)
runtime = ctypes.CDLL(sys.argv[1], mode=os.RTLD_LOCAL)
setting = lambda name: ctypes.c_int.in_dll(runtime, name)
for threads, limit, inside in ((1 << 20, 1 << 20, 0), (3, 9, 0), (9, 2, 0), (9, 9, 1)):
    setting("threads").value, setting("limit").value, setting("inside").value = threads, limit, inside
    allowed.append(fl._core.openmp_threads())
inside = made(n_threads=5)
setting("inside").value, setting("limit").value = 0, 1
limited = made(n_threads=5)
setting("limit").value, setting("threads").value = 9, 1
default, explicit = made(), made(n_threads=2)
if os.fork() == 0:
    os._exit(0)
os.wait()
print(json.dumps([allowed, inside, limited, default, explicit, setting("paused").value]))
"""
    found = run(code, str(false_runtime), OMP_NUM_THREADS="4")
    # Where a runtime is loaded, its own reading of the variable counts.
    unlimited = 4 if fl._core.openmp else 1 << 20
    assert found == [[4, unlimited, 3, 2, 1], 0, 0, 0, int(POOL), 1]


@pytest.mark.parametrize(
    "settings, threads, limit",
    [
        ({}, None, None),
        ({"OMP_NUM_THREADS": "3"}, 3, None),
        ({"OMP_NUM_THREADS": "3,2"}, 3, None),
        ({"OMP_NUM_THREADS": "5", "OMP_THREAD_LIMIT": "2"}, 2, 2),
    ],
    ids=str,
)
def test_the_environment_counts_with_a_runtime_and_without(settings, threads, limit):
    code = "print(json.dumps([fl._core.openmp_threads(), fl._core.openmp_limit()]))"
    found = run(code, **settings)
    if threads is not None:
        assert found[0] == threads
    assert found[1] == limit or (limit is None and found[1] > 1000)


@pytest.mark.parametrize("library", ["torch", "sklearn"])
def test_a_limit_on_the_runtime_of_a_wheel_limits_us(library):
    """Torch's and scikit-learn's wheels bring copies of libgomp."""
    pytest.importorskip(library, reason=f"{library} is optional")
    found = run(
        """
import threadpoolctl
exec({"torch": "import torch", "sklearn": "import sklearn.cluster"}[sys.argv[1]])
brought = [l.filepath for l in threadpoolctl.ThreadpoolController().lib_controllers if l.user_api == "openmp"]
allowed = []
for path in brought:
    runtime = ctypes.CDLL(path)
    before = runtime.omp_get_max_threads()
    runtime.omp_set_num_threads(1)
    allowed.append(fl._core.openmp_threads())
    runtime.omp_set_num_threads(before)
print(json.dumps([brought, allowed, fl._core.openmp_threads()]))
""",
        library,
        OMP_NUM_THREADS="3",
    )
    brought, allowed, after = found
    assert brought and allowed == [1] * len(brought)
    assert after > 1


# --- the pool alone, in C ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stress_program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pool")

    def build(*flags):
        program = folder / f"pool_stress{len(list(folder.iterdir()))}"
        sources = [ROOT / "src" / f"{name}.c" for name in ("pool", "openmp", "process")]
        options = ["-std=c11", "-g", "-O1", "-pthread", *flags, "-iquote", ROOT / "src", "-o", program]
        command = ["gcc", *options, ROOT / "tests" / "support" / "pool_stress.c", *sources, "-lm", "-ldl"]
        done = subprocess.run(command, capture_output=True, text=True)
        return program, done

    if not shutil.which("gcc"):
        pytest.skip("no gcc")
    return build


def stress(program, milliseconds, workers_in_child):
    return subprocess.run(
        [program, str(milliseconds), str(workers_in_child)],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip


def test_many_callers_and_forks(stress_program):
    """Children too may have workers of their own: the pool begins anew there."""
    program, built = stress_program()
    assert built.returncode == 0, built.stderr
    done = stress(program, 1500, 3)
    assert done.returncode == 0 and done.stdout == "passed\n", done.stderr


@pytest.mark.slow
def test_the_thread_sanitizer_finds_no_race(stress_program):
    """And would find one."""
    program, built = stress_program("-fsanitize=thread")
    if "cannot find" in built.stderr:
        pytest.skip("gcc's thread sanitizer is not installed")
    assert built.returncode == 0, built.stderr
    done = stress(program, 4000, 0)
    assert done.returncode == 0 and done.stdout == "passed\n", done.stderr[-3000:]
    program, built = stress_program("-fsanitize=thread", "-DRACE")
    assert built.returncode == 0, built.stderr
    done = stress(program, 1000, 0)
    assert done.returncode == 66 and "data race" in done.stderr
