"""The report of a file's content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbias.files.table import Table
from pbias.reporting.sections import Section, number

MIB = 2**20
MAX_LISTED = 40


def info_sections(table: Table, facts: Mapping[str, Any]) -> list[Section]:
    """Return the facts of a file, then its table: one row per layer or per target."""
    rows = [[name.replace("_", " "), _fact(name, value)] for name, value in facts.items()]
    records = table.records()
    header = [name.replace("_", " ") for name in table.columns]
    cells = [[_cell(value) for value in record.values()] for record in records]
    for record, row in zip(records, cells, strict=True):
        row[0] = next(iter(record.values())) or "all"
    return [
        Section("File", ["what", "value"], [row for row in rows if row[1]]),
        Section("Content", header, cells),
    ]


def _fact(name: str, value: Any) -> str:
    if name.startswith("bytes_"):
        return f"{value / MIB:.1f} MiB"
    if isinstance(value, Mapping):
        given = {key: inner for key, inner in value.items() if inner not in ("", [], {}, None)}
        return ", ".join(f"{key}: {_fact(key, inner)}" for key, inner in given.items())
    if isinstance(value, list):
        more = f", and {len(value) - MAX_LISTED} more" if len(value) > MAX_LISTED else ""
        return ", ".join(map(str, value[:MAX_LISTED])) + more
    return _cell(value)


def _cell(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:,}" if isinstance(value, int) else number(value, 4)
