"""Convert CSVs of `pbias override` or `pbias flag`, one per seed, to a Markdown table.

    python3 countermeasures.py --group Male curve-0.csv curve-1.csv
    python3 countermeasures.py --group Male --run s0.95 evaluation-0.csv evaluation-1.csv

Curves are shown as the mean over seeds with the smallest and largest value, evaluations as each
seed with its interval. The tables contain the numbers for everyone and for one group.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

Row = dict[str, str]

BUDGETS = (0, 1, 2, 5, 10, 20, 50, 100)  # percent
ORDERS = ("flags", "uncertainty", "random")


def read(path: str) -> list[Row]:
    """Return the rows of a table."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def at_budgets(table: list[Row], order: str, metric: str, group: str) -> dict[int, float]:
    """Return the values at the budgets to show, from the first row of each percentage."""
    found: dict[int, float] = {}
    for row in table:
        if (row["order"], row["metric"], row["group"]) == (order, metric, group) and row["value"]:
            found.setdefault(round(100 * float(row["budget"])), float(row["value"]))
    return {budget: found[budget] for budget in BUDGETS if budget in found}


def curve_lines(tables: Sequence[list[Row]], wanted: str) -> list[list[str]]:
    """Return one line per metric and order, with one column per budget."""
    cells = [["metric", "chosen by", *(f"{b} %" for b in BUDGETS)], ["---"] * (len(BUDGETS) + 2)]
    metrics = dict.fromkeys((row["metric"], row["group"]) for row in tables[0])
    for metric, group in ((metric, group) for metric, group in metrics if group in ("", wanted)):
        for order in ORDERS:
            seeds = [at_budgets(table, order, metric, group) for table in tables]
            values = [[seed[b] for seed in seeds if b in seed] for b in BUDGETS]
            shown = [_with_range(found) if found else "" for found in values]
            cells.append([f"{metric} ({group})" if group else metric, order, *shown])
    return cells


def _with_range(values: list[float]) -> str:
    spread = f" ({min(values):.3f}-{max(values):.3f})" if len(values) > 1 else ""
    return f"{mean(values):.3f}{spread}"


def evaluation_lines(named: dict[str, list[Row]], run: str, wanted: str) -> list[list[str]]:
    """Return one line per measure, outcome and ranking, with one column per seed."""
    keys = ("measure", "outcome", "group", "ranking")
    found = [
        {tuple(row[key] for key in keys): row for row in table if row["run"].startswith(f"{run}-")}
        for table in named.values()
    ]
    cells = [[*keys, *named], ["---"] * (len(keys) + len(named))]
    for key in (key for key in found[0] if key[2] in ("", wanted)):
        cells.append([*key, *(_with_interval(seed[key]) for seed in found)])
    return cells


def _with_interval(row: Row) -> str:
    if not row["value"]:
        return row["reason"]
    ends = [f"{float(row[end]):.3f}" for end in ("low", "high") if row[end]]
    return f"{float(row['value']):.3f}" + (f" [{', '.join(ends)}]" if len(ends) == 2 else "")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--group", default="")
    parser.add_argument("--run", help="evaluations, of the runs of this name")
    asked = parser.parse_args()
    tables = {Path(path).stem: read(path) for path in asked.files}
    if asked.run:
        lines = evaluation_lines(tables, asked.run, asked.group)
    else:
        lines = curve_lines(list(tables.values()), asked.group)
    for cells in lines:
        print("| " + " | ".join(cells) + " |")
