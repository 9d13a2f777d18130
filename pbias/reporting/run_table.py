"""Runs side by side for people."""

from __future__ import annotations

from typing import Any

from pbias.files.table import Table
from pbias.reporting.sections import Section, number

SHORT = {
    "bias_amplification": "BA",
    "interdependence": "interdep.",
    "uncertainty": "uncertain",
    "never_predicted": "never pred.",
    "auc": "AUC",
    "tcb": "TCB",
}


def compare_sections(table: Table) -> list[Section]:
    """One row a run; a note where a mean leaves attributes out."""
    shown = [name for name in table.columns if not name.endswith("_over")]
    rows = [[_cell(name, record[name]) for name in shown] for record in table.records()]
    over = {
        name: table.columns[f"{name}_over"][0] for name in shown if f"{name}_over" in table.columns
    }
    most = max(over.values())
    parts = [f"{_title(name)} over {count}" for name, count in over.items() if count < most]
    notes = [f"Means over the attributes defined in all runs: {most} of them"]
    notes[0] += f" ({', '.join(parts)})." if parts else "."
    return [Section("Runs", [_title(name) for name in shown], rows, notes)]


def _title(name: str) -> str:
    for long, short in SHORT.items():
        name = name.replace(long, short)
    return name.replace("_", " ")


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name == "sparsity":
        return f"{value:.1%}"
    return number(value) if isinstance(value, float) else str(value)
