"""What a file is, from its first bytes."""

from __future__ import annotations

import sys
from pathlib import Path

from pbias.files.streams import STDIO

ZIP = b"PK\x03\x04"
NAME_AT = 30  # the first file name in a zip archive
NUM_BYTES = 256


def holds_arrays(path: str) -> bool:
    """Whether a file (`-`: standard input, which is not consumed) is an archive of numpy arrays."""
    if path == STDIO:
        first = getattr(sys.stdin.buffer, "peek")(NUM_BYTES)[:NUM_BYTES]  # noqa: B009
    else:
        with Path(path).open("rb") as file:
            first = file.read(NUM_BYTES)
    return first.startswith(ZIP) and b".npy" in first[NAME_AT:]
