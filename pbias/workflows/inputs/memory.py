"""Refuse work that does not fit in memory, before the system ends the process without a word."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pbias.errors import UserError

GIB = 1 << 30
# Bytes that a command takes for each value (sample and target) of its files, measured with
# `bench/memory.py`.
PER_VALUE = {"flag --evaluate": 95, "flag --summary": 75, "exemplars": 60, "override": 75}
PER_FLAG = 800


def check_files(paths: Sequence[str], command: str) -> None:
    """Raise UserError if a command that holds all its files in memory needs more than is free.

    Reads only the headers of the files; pipes are left alone.
    """
    from pbias.files.logits.npz import KNOWN, Npz
    from pbias.files.streams import is_regular

    values, rows = 0, 0
    for path in filter(is_regular, paths):
        with Npz(path, KNOWN) as npz:
            member = npz.members.get("logits")
        if member is not None:
            values, rows = values + math.prod(member.shape), max(rows, *member.shape[:1])
    check_room(
        values * PER_VALUE[command],
        f"'pbias {command}' holds all {rows:,} samples of {paths[0]} in memory",
        "select fewer samples or targets, or use 'pbias metrics', which reads files in blocks",
    )


def check_room(num_bytes: int, what: str, instead: str) -> None:
    """Raise UserError if so many bytes are more than the memory that is free."""
    from pbias.free_memory import free_memory

    if num_bytes > (free := free_memory()):
        raise UserError(
            f"{what}, about {num_bytes / GIB:.1f} GiB, and {free / GIB:.1f} GiB are free; {instead}"
        )
