"""Rows of the table of `make bench-quick`: each measurement leaves one where it is asked to."""

from __future__ import annotations

import json
import os
from pathlib import Path

ROWS = "PBIAS_BENCH_ROWS"  # names the file, if rows are wanted


def leave_row(work: str, ours: str, peer: str, ratio: float, aim: str, *, met: bool) -> None:
    """Append what was measured to the file that the environment names."""
    path = os.environ.get(ROWS)
    if path is None:
        return
    row = {"work": work, "ours": ours, "peer": peer, "ratio": ratio, "aim": aim, "met": met}
    with Path(path).open("a") as file:
        file.write(json.dumps(row) + "\n")
