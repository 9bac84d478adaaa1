"""Every way to a child process, in a fresh interpreter: what a fork meets depends on who ran threads before.

    python forks.py WHO IMPORTED

WHO ran threads in the parent before each fork: nobody, we, torch, torch_and_we; raw, an OpenMP region that is
not ours; torch_idle, torch imported and unused. IMPORTED: fastloss "before" the fork, or in the "child" only.
Prints a JSON object, way -> what went wrong there. A child that hangs dies of an alarm; its way says so.
"""

import ctypes
import faulthandler
import hashlib
import json
import multiprocessing
import os
import re
import signal
import sys
import threading
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

ALARM = 10  # seconds; what a child has to do takes a small part of one
THREADS = 4


def digest(n_threads=THREADS):
    """What we compute, to the bit: a loss of rows and one of elements, each of some 20 tasks."""
    import fastloss as fl

    rng = np.random.default_rng(0)
    logits, target = rng.standard_normal((6_000, 50), np.float32), rng.integers(0, 50, 6_000)
    value, grad = fl.cross_entropy.value_and_grad(logits, target, n_threads=n_threads)
    mean = fl.log_cosh(logits, logits[::-1], n_threads=n_threads)
    return hashlib.sha256(grad.tobytes() + np.array([value, mean]).tobytes()).hexdigest()


def raw_region():
    """Threads of a parallel region of four that is not ours, in GCC's runtime; 4 where that is not loaded."""
    path = re.search(r"/\S*/libgomp\S*", Path("/proc/self/maps").read_text())
    if path is None:
        return THREADS
    count, lock = [0], threading.Lock()

    def body(_):
        with lock:
            count[0] += 1

    ctypes.CDLL(path[0]).GOMP_parallel(ctypes.CFUNCTYPE(None, ctypes.c_void_p)(body), None, THREADS, 0)
    return count[0]


def torch_computes():
    import torch

    torch.set_num_threads(THREADS)
    return float(torch.rand(2000, 500, generator=torch.Generator().manual_seed(0)).exp().sum())


def answer(others):
    """What parent and child agree on. `others`: regions that are not ours run too; torch's come last, since a
    child of spawn has no torch."""
    found = [digest(THREADS), digest(None), digest(1)]
    if others:
        found.append(raw_region())
        if "torch" in sys.modules:
            found.append(torch_computes())
    return found


def in_child(others):
    signal.alarm(ALARM)
    found = answer(others)
    signal.alarm(0)
    return found


def in_fork(job, fork=os.fork):
    """The job's answer from a forked child."""
    end, begin = os.pipe()
    pid = fork()
    if pid == 0:
        status = 1
        try:
            os.write(begin, json.dumps(job()).encode())
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(begin)
    with open(end, "rb") as pipe:
        text = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status != 0:
        raise ChildProcessError(signal.Signals(-status).name if status < 0 else f"exit {status}")
    return json.loads(text)


def and_in_its_fork():
    """Of a child that computes and forks again: neither may hang, nor the fork itself."""
    found = in_child(False)
    signal.alarm(ALARM)
    again = in_fork(lambda: in_child(False))
    assert again == found
    return found


def in_thread(job):
    found = []

    def go():
        try:
            found.append(job())
        except BaseException as failure:
            found.append(failure)

    thread = threading.Thread(target=go)
    thread.start()
    thread.join()
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0]


def in_pool(method, others):
    with multiprocessing.get_context(method).Pool(2) as pool:
        return pool.map_async(in_child, [others] * 3, 1).get(2 * ALARM)


def in_executor(others):
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
        return [f.result(2 * ALARM) for f in [pool.submit(in_child, others) for _ in range(3)]]


class Answers:
    """A data set whose entries are answers. `before`: is fastloss imported in the parent?"""

    def __init__(self, before):
        self.before = before

    def __len__(self):
        return 3

    def __getitem__(self, i):
        return in_child(self.before)


def in_data_loader(before):
    from torch.utils.data import DataLoader

    how = dict(num_workers=2, timeout=2 * ALARM, multiprocessing_context=multiprocessing.get_context("fork"))
    return [found for [found] in DataLoader(Answers(before), batch_size=1, collate_fn=list, **how)]


def ways(before):
    """Name -> what gives the answers of some children.

    Regions that are not ours run where Python makes the fork and we were there before it: then we gave the
    pool back. A fork in C passes us by, and where nobody has imported us nobody helps the others.
    """
    found = {
        "os_fork": lambda: [in_fork(lambda: in_child(before))],
        "grandchild": lambda: [in_fork(lambda: in_fork(lambda: in_child(before)))],
        "from_a_thread": lambda: [in_thread(lambda: in_fork(lambda: in_child(before)))],
        "fork_in_C": lambda: [in_fork(lambda: in_child(False), ctypes.PyDLL(None).fork)],
        "fork_in_C_then_fork": lambda: [in_fork(and_in_its_fork, ctypes.PyDLL(None).fork)],
        "import_then_fork": lambda: [in_fork(and_in_its_fork)],
        "fork": lambda: in_pool("fork", before),
        "executor": lambda: in_executor(before),
        "forkserver": lambda: in_pool("forkserver", True),
        "spawn": lambda: in_pool("spawn", True),
    }
    return found | ({"data_loader": lambda: in_data_loader(before)} if "torch" in sys.modules else {})


WAYS = [*(way for way in ways(True) if way != "data_loader"), "data_loader"]  # torch loaded or not


def main(who, imported):
    faulthandler.dump_traceback_later(200, exit=True)
    warnings.simplefilter("ignore")  # Python's own about fork beside threads: that is what is tested
    if imported == "before":
        import fastloss  # noqa: F401
    if "torch" in who:
        import torch  # noqa: F401
    runs = {
        "we": [digest],
        "raw": [raw_region],
        "torch": [torch_computes],
        "torch_and_we": [torch_computes, digest],
    }.get(who, [])
    got, wrong = {}, {}
    for name, children in ways(imported == "before").items():
        for run in runs:
            run()
        try:
            got[name] = children()
        except BaseException as failure:
            got[name], wrong[name] = [], f"{type(failure).__name__}: {failure}"
    if imported == "child":
        assert "fastloss" not in sys.modules
    want = answer(True)
    assert len(set(want[:3])) == 1, "the parent's own bits differ"
    for name, answers in got.items():
        for found in answers:
            if found != want[: len(found)]:
                wrong[name] = f"{found}, but the parent has {want}"
    print(json.dumps({name: wrong.get(name, "") for name in got}))


if __name__ == "__main__":
    main(*sys.argv[1:])
