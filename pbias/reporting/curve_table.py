"""What overriding buys, for people."""

from __future__ import annotations

from pbias.files.table import Table
from pbias.reporting.sections import Section, number

SHOWN = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # budgets, as far as an order reaches


def curve_sections(table: Table) -> list[Section]:
    """One section a metric and group: a row for each budget, a column for each order."""
    records = table.records()
    orders = list(dict.fromkeys(record["order"] for record in records))
    sections = []
    for metric, group in dict.fromkeys((r["metric"], r["group"]) for r in records):
        mine = [r for r in records if (r["metric"], r["group"]) == (metric, group)]
        points: dict[tuple[str, int], float] = {}
        for r in mine:  # the first of each percent: the last of the flags may come just after it
            points.setdefault((r["order"], round(100 * r["budget"])), r["value"])
        rows = [
            [f"{share:.0%}", *(number(points.get((order, round(100 * share)))) for order in orders)]
            for share in SHOWN
        ]
        title = f"{metric}@{group}" if group else metric
        note = f"Means over the {mine[0]['over']} values defined at every budget."
        sections.append(Section(title, ["overridden", *orders], rows, [note]))
    return sections
