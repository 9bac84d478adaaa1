"""The work of the stress run: eight threads call all that the library has, forks in between. It has a process
of its own, so that a hang can be ended and shows where each thread stood."""

import faulthandler
import json
import os
import random
import signal
import threading
import time
import warnings
from collections import Counter
from typing import NamedTuple

import numpy as np

from support import catalogue
from support.layouts import DTYPES, LAYOUTS, REDUCTIONS, same_bits

THREADS = 8
SHAPES = [(65, 7), (70, 300), (400, 130), (150, 1100)]  # of one task; of a few; of ten, which None shares out
EACH = 6  # calls of each loss, metric and primitive
PATIENCE = 30  # seconds a call or a child may take before it counts as hung


class Job(NamedTuple):
    text: str
    function: catalogue.Function
    given: dict
    how: dict
    want: dict

    def run(self, n_threads):
        return catalogue.call(self.function, self.given, n_threads=n_threads, **self.how)


def draw(rng, name):
    """A call, and what it gives serially."""
    kind = rng.choice([kind for other, kind in catalogue.VARIANTS if other == name])
    subject = rng.choice(catalogue.VARIANTS[name, kind])
    function = rng.choice(catalogue.functions(subject))
    rows, classes = (most - rng.randrange(most // 3) for most in rng.choice(SHAPES))
    dtype, layout, axis = rng.choice(DTYPES), rng.choice(sorted(LAYOUTS)), rng.choice([-1, -1, 0])
    if not subject.rowwise:
        rows, classes, axis = rows * classes, 1, -1
    how = dict(reduction=rng.choice(REDUCTIONS), axis=axis)
    made = dict(weighted=rng.random() < 0.5, axis=axis, seed=rng.randrange(99))
    given = catalogue.arguments(function, (rows,), classes, dtype, **made)
    given = {k: LAYOUTS[layout](v) if isinstance(v, np.ndarray) else v for k, v in given.items()}
    text = f"{function} {subject.own} {rows} x {classes} {dtype} {layout} {how} {made}"
    job = Job(text, function, given, how, {})
    return job._replace(want=job.run(1))


def compare(job, n_threads):
    """What this call gave that a serial one did not, in words."""
    got = job.run(n_threads)
    wrong = [what for what in job.want if not same_bits(got[what], job.want[what])]
    return [f"{what} of {job.text}, n_threads={n_threads}" for what in wrong]


def fork(rng, jobs, count):
    """Some calls in a forked child; what was wrong there, in words."""
    jobs = [(rng.choice(jobs), rng.choice([None, 1, 2, 4])) for _ in range(count)]
    pid = os.fork()
    if pid == 0:
        status = 2
        try:
            signal.alarm(PATIENCE)
            status = any(compare(job, k) for job, k in jobs)
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return [f"a child ended in {status} after one of {[job.text for job, _ in jobs]}"] if status else []


def work(seconds, seed):
    faulthandler.dump_traceback_later(
        4 * PATIENCE + 4 * seconds, exit=True
    )  # should the watch below hang itself
    warnings.simplefilter("ignore")  # fork beside threads: on purpose
    rng = random.Random(seed)
    jobs = [draw(rng, name) for name in catalogue.REGISTRY for _ in range(EACH)]
    end, wrong, counts = time.monotonic() + seconds, [], [Counter() for _ in range(THREADS)]
    silent = [
        0.0
    ] * THREADS  # seconds since a thread's last sign of life, those in which we were stopped not counted

    def go(i):
        mine, count = random.Random(seed + 1 + i), counts[i]
        try:
            while time.monotonic() < end and len(wrong) < 20:
                wrong.extend(compare(mine.choice(jobs), mine.choice([None, 1, 2, 3, 4, 9])))
                count["calls"] += 1
                silent[i] = 0
                if mine.random() < 0.02:
                    wrong.extend(fork(mine, jobs, 4))
                    count["forks"] += 1
                    silent[i] = 0
        except BaseException as failure:
            wrong.append(f"{type(failure).__name__}: {failure}")

    threads = [threading.Thread(target=go, args=(i,), daemon=True) for i in range(THREADS)]
    for t in threads:
        t.start()
    while alive := [i for i, t in enumerate(threads) if t.is_alive()]:
        time.sleep(0.1)
        for i in alive:
            silent[i] += 0.1
        if max(silent[i] for i in alive) > 2 * PATIENCE:
            faulthandler.dump_traceback(all_threads=True)
            os._exit(3)
    print(json.dumps(dict(wrong=wrong, jobs=len(jobs), **sum(counts, Counter()))))
