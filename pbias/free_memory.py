"""How much memory this process can still have. Only the standard library."""

from __future__ import annotations

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
MEMINFO = Path("/proc/meminfo")


def free_memory() -> int:
    """Bytes of memory that can be had without swapping, within the limit of a container."""
    limits = [_system_memory()]
    try:
        limit = int((CGROUP / "memory.max").read_text())
        limits.append(limit - int((CGROUP / "memory.current").read_text()))
    except (OSError, ValueError):
        pass  # no container, or one without a limit ("max")
    return max(0, min(limits))


def _system_memory() -> int:
    try:
        fields = dict(line.split(":") for line in MEMINFO.read_text().splitlines())
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
