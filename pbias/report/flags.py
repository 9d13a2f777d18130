"""Flagged samples for people."""

from __future__ import annotations

from typing import Any

from pbias.files.table import Table
from pbias.report.sections import Section, number

SHOWN = 20


def flag_sections(table: Table) -> list[Section]:
    """The most uncertain predictions; the whole list is in the other formats."""
    rows = [[_cell(value) for value in record.values()] for record in table.records()[:SHOWN]]
    rest = len(table) - len(rows)
    notes = [f"and {rest} more: -o flags.csv writes all"] if rest else []
    title = f"{len(table)} predictions at risk, most uncertain first"
    return [Section(title, list(table.columns), rows, notes)]


def _cell(value: Any) -> str:
    return number(value) if isinstance(value, float) else str(value)
