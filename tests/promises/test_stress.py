"""Eight threads call all that the library has, forks in between; each result has the bits of a serial call.

`pytest -m stress`: two minutes, or FASTLOSS_STRESS_SECONDS. The work runs in a process of its own, so that
a hang can be ended and shows where each thread stood.
"""

import json
import os
import random

import pytest

from support.layouts import child
from support.stress import PATIENCE


@pytest.mark.slow
@pytest.mark.stress
def test_many_threads_and_forks(capsys):
    seconds = float(os.environ.get("FASTLOSS_STRESS_SECONDS", "120"))
    seed = random.SystemRandom().randrange(1 << 30)
    code = f"from support import stress; stress.work({seconds}, {seed})"
    done = child(code, timeout=6 * PATIENCE + 5 * seconds)
    assert done.returncode == 0, f"seed {seed}: exit {done.returncode}\n{done.stderr[-5000:]}"
    found = json.loads(done.stdout)
    assert found["wrong"] == [], f"seed {seed}"
    assert found["calls"] > 100 and found["forks"] > 0
    with capsys.disabled():
        print(f"\nstress: {found['calls']} calls of {found['jobs']}, {found['forks']} forks, seed {seed}")
