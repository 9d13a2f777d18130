"""What a file is, from its first bytes."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pbias.files.streams import STDIO

ZIP = b"PK\x03\x04"
NAME_AT = 30  # the first file name in a zip archive
NUM_BYTES = 256
# What stands first in archives of exported programs; torch.save writes NAME/data.pkl first.
PROGRAM = rb"[^/]*/(data/(weights|constants)|models|archive_format)|serialized_exported_program"


def holds_arrays(path: str) -> bool:
    """Whether a file (`-`: standard input, which is not consumed) is an archive of numpy arrays."""
    first = _first(path)
    return first.startswith(ZIP) and b".npy" in first[NAME_AT:]


def holds_program(path: str) -> bool:
    """Whether a file (`-`: standard input, not consumed) is what `torch.export.save` writes."""
    first = _first(path)
    return first.startswith(ZIP) and re.match(PROGRAM, first[NAME_AT:]) is not None


def _first(path: str) -> bytes:
    if path == STDIO:
        first: bytes = getattr(sys.stdin.buffer, "peek")(NUM_BYTES)[:NUM_BYTES]  # noqa: B009
        return first
    with Path(path).open("rb") as file:
        return file.read(NUM_BYTES)
