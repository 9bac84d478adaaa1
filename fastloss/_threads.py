"""How many threads a call may use when nobody says: processors this process may run on, and its quota.

OpenMP's own answer (environment, threadpoolctl, torch.set_num_threads) is read by the core at every call;
what it does not know is looked up here, and only for calls large enough to share.
"""

from __future__ import annotations

import math
import os
from functools import cache
from pathlib import Path

from fastloss import _core


def quota(root: str = "/sys/fs/cgroup", own: str = "/proc/self/cgroup") -> int | None:
    """Processors that the control group of this process allows, rounded up; None where there is no limit.

    The least `cpu.max` on the way from the group, which `own` names, up to `root`. In a container that is
    mostly the root itself; under systemd's CPUQuota it is not.
    """
    top = Path(root)
    groups = [top / group.lstrip("/") for group in _group(own)]
    limits = [
        _limit(folder) for group in groups for folder in (group, *group.parents) if folder.is_relative_to(top)
    ]
    return min((limit for limit in limits if limit is not None), default=None)


def _group(own: str) -> list[str]:
    """The path of the group in the unified hierarchy, and the root, whose file a container may have."""
    try:
        lines = Path(own).read_text().splitlines()
    except OSError:
        lines = []
    return ["", *(line.removeprefix("0::") for line in lines if line.startswith("0::") and ".." not in line)]


def _limit(folder: Path) -> int | None:
    try:
        limit, period = (folder / "cpu.max").read_text().split()
        return None if limit == "max" else max(1, math.ceil(int(limit) / int(period)))
    except (OSError, ValueError):
        return None


_quota = cache(quota)


def available() -> int:
    """Threads to use at most: a user's OMP_NUM_THREADS is final, else affinity and quota decide."""
    if "OMP_NUM_THREADS" in os.environ:
        return 1 << 30
    try:
        processors = _core.openmp_processors() or len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        processors = os.cpu_count() or 1
    return min(processors, _quota() or processors)


# By name when it is asked: a test puts another in its place.
_core.set_available(lambda: available())
