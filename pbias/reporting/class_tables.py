"""The table of a softmax's classes: the number of samples and the recall of each."""

from __future__ import annotations

from collections.abc import Sequence

from pbias.auditing.findings.selection import told_columns
from pbias.auditing.metrics.registry import METRICS
from pbias.reporting.change_lists import Ranking
from pbias.reporting.sections import Record, Section, mark, numbers

MAX_CLASSES = 12
LEADING = "tpr"  # for a class, its recall


def are_classes(records: Sequence[Record]) -> bool:
    """Return whether the targets of a table are classes, which have numbers over all classes."""
    return any(METRICS[r["metric"]].pooled for r in records)


def class_sections(records: Sequence[Record], ranking: Ranking, *, paired: bool) -> list[Section]:
    """Report the recall of every class; of many classes, those with the largest change or value."""
    mine = [r for r in records if r["metric"] == LEADING and not r["group"] and r["attribute"]]
    if not mine:
        return []
    shown, notes = mine, []
    if len(mine) > MAX_CLASSES:
        known = [r for r in mine if r[told_columns(r)[0]] == r[told_columns(r)[0]]]
        shown = ranking.first(known, MAX_CLASSES)
        notes = [*ranking.note(known, shown), f"{len(mine)} classes: -f csv has all."]
    columns = ["reference", "audited", "change"] if paired else ["recall"]
    rows = [[r["attribute"], f"{r['n_positive']:g}", *numbers(r, paired), mark(r)] for r in shown]
    return [Section("Recall of each class", ["class", "n", *columns, ""], rows, notes)]
