"""The number of cores that this process may use, and how its threads wait for each other.

Uses only the standard library, because threads must be told how to wait before torch is imported.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
STAT = Path("/proc/stat")
OWN_CGROUP = Path("/proc/self/cgroup")
# Turns of libgomp's waiting loop, about 20 to 50 µs, before a waiting thread sleeps. The default is
# about 10 ms, which is longer than a scheduler's time slice: two processes on the same cores then
# wait for threads that cannot run, and take ten times as long as one.
SPIN_COUNT = "1000"


def num_cores() -> int:
    """Return how many cores this process may use, by affinity and by a container's quota.

    A quota of one and a half cores counts as two.
    """
    if hasattr(os, "sched_getaffinity"):  # on Linux
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return math.ceil(min(cores, cpu_quota()))


def cpu_quota() -> float:
    """Return how many cores' time the control groups of this process grant it; inf without limit.

    Version 2 has the file `cpu.max`, version 1 has two files. The group or a parent may set the
    limit.
    """
    return min((share for folder in _groups() for share in _shares(folder)), default=math.inf)


class FreeCores:
    """Measures how many cores were free for this process: idle ones, and those that it used."""

    def __init__(self) -> None:
        """Start the first measurement."""
        self._before = self._now()

    def __call__(self) -> float:
        """Return the number of free cores since the last call; inf if unknown."""
        before, self._before = self._before, self._now()
        wall, used, idle = (b - a for a, b in zip(before, self._before, strict=True))
        return (used + idle) / wall if wall > 0 and idle == idle else math.inf

    def _now(self) -> tuple[float, float, float]:
        """Return seconds of the clock, of this process on all cores, and of idle cores."""
        return time.perf_counter(), time.process_time(), _idle_s()


def _idle_s() -> float:
    """Return the idle seconds of the cores that this process may use; NaN if unknown."""
    try:
        own = {f"cpu{number}" for number in os.sched_getaffinity(0)}
        rows = [line.split() for line in STAT.read_text().splitlines() if line.startswith("cpu")]
        ticks = sum(int(row[4]) + int(row[5]) for row in rows if row[0] in own)
        return ticks / os.sysconf("SC_CLK_TCK")
    except (AttributeError, OSError, ValueError, IndexError):  # not Linux
        return math.nan


def asked_by_environment() -> int:
    """Return the number of threads in OMP_NUM_THREADS; 0 if it is not set."""
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(asked) if asked.isdecimal() else 0


def wait_shortly() -> None:
    """Let waiting threads sleep soon, unless the environment says how to wait.

    This affects only OpenMP libraries that are loaded later.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)


def _groups() -> Iterator[Path]:
    """Yield the folders that may contain limits of this process."""
    try:
        lines = OWN_CGROUP.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        for name in {"", controllers, "cpu"} if controllers else {""}:
            group = CGROUP / name / path.lstrip("/")
            # In a container the path may be the one outside of it, and the root is the process's
            # own group.
            yield from (group, *(up for up in group.parents if up.is_relative_to(CGROUP)))


def _shares(folder: Path) -> Iterator[float]:
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        try:
            words = " ".join((folder / name).read_text() for name in names).split()
            quota, period = int(words[0]), int(words[1])
        except (OSError, ValueError, IndexError):
            continue  # missing, or "max"
        if quota > 0 and period > 0:
            yield quota / period
