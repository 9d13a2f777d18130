"""How the C library deals with memory that one step frees and the next one wants again."""

from __future__ import annotations

import ctypes
import sys

# The names and numbers of malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
LARGEST_HEAP_BLOCK = 32 * 2**20  # bytes; glibc takes no more


def keep_freed_memory() -> None:
    """Let this process keep freed blocks of up to 32 MiB: in glibc, elsewhere nothing happens.

    A step on the CPU frees hundreds of blocks of megabytes. glibc gives most of them back to the
    system, which must find new pages for the next step and fill them with zeros. The price is that
    most of what was used at the peak is held until the process ends.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not in musl
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST_HEAP_BLOCK)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
