"""Reports of one table each: runs side by side, fitted thresholds, the benefit of overriding."""

from __future__ import annotations

from typing import Any

from pbias.auditing.metrics.registry import METRICS
from pbias.auditing.run_comparison import FACTS
from pbias.files.table import Table
from pbias.reporting.sections import Section, number, signed

SHOWN = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # budgets to show, as far as an order reaches


def compare_sections(table: Table) -> list[Section]:
    """Return a row per run; notes list facts that all networks share, and what means leave out."""
    alike = _alike(table)
    shown = [name for name in table.columns if name not in alike and not name.endswith("_over")]
    rows = [[_cell(name, record[name]) for name in shown] for record in table.records()]
    over = {
        name: table.columns[f"{name}_over"][0] for name in shown if f"{name}_over" in table.columns
    }
    most = max(over.values())
    parts = [f"{_title(name)} over {count}" for name, count in over.items() if count < most]
    notes = [f"Means over the attributes defined in all runs: {most} of them"]
    notes[0] += f" ({', '.join(parts)})." if parts else "."
    told = [f"{name} {value}" for name, value in alike.items() if value not in ("", "-")]
    notes += [f"All runs: {', '.join(told)}."] if told else []
    return [Section("Runs", [_title(name) for name in shown], rows, notes)]


def _alike(table: Table) -> dict[str, str]:
    """Return the text facts of a network that are the same for every run and need no column."""
    found = {name: [_cell(name, value) for value in table.columns[name]] for name in FACTS[1:]}
    return {
        name: cells[0]
        for name, cells in found.items()
        if len(set(cells)) == 1 and (len(cells) > 1 or cells[0] in ("", "-"))
    }


def _title(name: str) -> str:
    """Return the short name of a metric, with the group of the column."""
    for metric in METRICS.values():
        of_group = metric.of_groups and name.startswith(f"{metric.name}_")
        if of_group or name == metric.name:
            return metric.label + name.removeprefix(metric.name).replace("_", " ")
    return name.replace("_", " ")


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name == "sparsity":
        return f"{value:.1%}"
    return number(value) if isinstance(value, float) else str(value)


def threshold_sections(table: Table) -> list[Section]:
    """Return a row per attribute: its threshold, and the number of positives before and after."""
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


def curve_sections(table: Table) -> list[Section]:
    """Return a section per metric and group: a row per budget, a column per order."""
    records = table.records()
    orders = list(dict.fromkeys(record["order"] for record in records))
    sections = []
    for metric, group in dict.fromkeys((r["metric"], r["group"]) for r in records):
        mine = [r for r in records if (r["metric"], r["group"]) == (metric, group)]
        points: dict[tuple[str, int], float] = {}
        for r in mine:  # keep the first of each percentage; the flags may end just after it
            points.setdefault((r["order"], round(100 * r["budget"])), r["value"])
        rows = [
            [f"{share:.0%}", *(number(points.get((order, round(100 * share)))) for order in orders)]
            for share in SHOWN
        ]
        title = f"{metric}@{group}" if group else metric
        note = f"Means over the {mine[0]['over']} values defined at every budget."
        sections.append(Section(title, ["overridden", *orders], rows, [note]))
    return sections
