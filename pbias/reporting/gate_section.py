"""What gates said of an audit, for people: before all else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pbias.reporting.sections import Section

COUNTS = ("inside", "outside", "undecided", "not_assessable")


def gate_sections(records: Sequence[Mapping[str, Any]]) -> list[Section]:
    """Each gate's verdict, counts of rows and those that decide; nothing without gates."""
    if not records:
        return []
    rows = [[r["gate"], r["verdict"], _counts(r), r["note"]] for r in records]
    return [Section("Gates", ["gate", "verdict", "rows", "which"], rows)]


def _counts(record: Mapping[str, Any]) -> str:
    counts = {name.replace("_", " "): record[name] for name in COUNTS}
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)
