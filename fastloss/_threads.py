"""How many threads a call may use when nobody says: processors this process may run on, and its quota.

OpenMP's own answer (environment, threadpoolctl, torch.set_num_threads) is read by the core at every call;
what it does not know is looked up here, and only for calls large enough to share.
"""

from __future__ import annotations

import math
import os
from functools import cache
from pathlib import Path


def quota(root: str = "/sys/fs/cgroup") -> int | None:
    """Processors that the control group's `cpu.max` allows, rounded up; None where there is no limit."""
    try:
        limit, period = Path(root, "cpu.max").read_text().split()
        return None if limit == "max" else max(1, math.ceil(int(limit) / int(period)))
    except (OSError, ValueError):
        return None


_quota = cache(quota)


def available() -> int:
    """Threads to use at most: a user's OMP_NUM_THREADS is final, else affinity and quota decide."""
    if "OMP_NUM_THREADS" in os.environ:
        return 1 << 30
    try:
        processors = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        processors = os.cpu_count() or 1
    return min(processors, _quota() or processors)
