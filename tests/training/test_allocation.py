"""Memory that was freed is used again."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

# Blocks that grow, each freed before the next is wanted. Left to itself, glibc gives every one of
# them back to the system.
FAULTS = """
import resource, sys
import torch
from pbias.training.allocation import keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for megabytes in range(1, 30):
    torch.ones(megabytes * 250_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator is what is set")
def test_freed_memory_is_used_again() -> None:
    of_malloc = ("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD")
    env = {name: value for name, value in os.environ.items() if not name.startswith(of_malloc)}
    given, kept = (
        subprocess.run(
            [sys.executable, "-c", FAULTS, how], env=env, check=True, capture_output=True
        )
        for how in ("give", "keep")
    )
    assert int(kept.stdout) < 0.5 * int(given.stdout)  # new pages of memory
