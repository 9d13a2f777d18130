"""Fitted thresholds for people."""

from __future__ import annotations

from pbias.files.table import Table
from pbias.reporting.sections import Section, signed


def threshold_sections(table: Table) -> list[Section]:
    """One row an attribute: its threshold, and what it changes in the number of positives."""
    header = ["attribute", "threshold", "positive", "predicted before", "after", "note"]
    rows = [
        [
            record["attribute"],
            signed(record["threshold"]),
            str(record["n_positive"]),
            str(record["n_predicted_before"]),
            str(record["n_predicted_positive"]),
            record["note"],
        ]
        for record in table.records()
    ]
    return [Section("Thresholds on logits", header, rows)]
