"""Put tables of `pbias metrics` (CSV), one per sparsity, side by side as Markdown.

    python3 claims.py s0.9.csv s0.95.csv s0.99.csv
    python3 claims.py --common faces/labels.csv

The first column is the reference in the first file. The other columns are changes from it with
their intervals, as means over the attributes defined on both sides (with their number in brackets
if it is not all of them). `--common` prints the attributes that at least a fifth of the training
faces have and a fifth lack, separated by commas; groups are left out.
"""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path

Row = dict[str, str]

MEANS = ("accuracy", "auc", "uncertainty", "interdependence", "tcb", "never_predicted")
BY_GROUP = "bias_amplification"
ALPHA = 0.05
COMMON = 0.2
GROUPS = ("Male", "Young", "Chubby", "Pale_Skin")


def read(path: str) -> list[Row]:
    """Return the rows of a table."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def mean_row(table: list[Row], metric: str, group: str) -> Row:
    """Return the mean of a metric over attributes, for a group if one is named."""
    return next(
        row
        for row in table
        if (row["metric"], row["group"], row["attribute"]) == (metric, group, "")
    )


def signed(text: str) -> str:
    """Return a change with its sign; empty if there is none."""
    return f"{float(text):+.3f}" if text else ""


def change(row: Row) -> str:
    """Return a change with its interval, and the number of attributes if it is not all of them."""
    if not row["change"]:
        return "undefined"
    low, high = signed(row["change_low"]), signed(row["change_high"])
    interval = f" [{low}, {high}]" if low and high else ""
    found = re.match(r"over (\d+) of", row["reason"])
    return signed(row["change"]) + interval + (f" ({found[1]})" if found else "")


def counts(table: list[Row], metric: str, group: str) -> str:
    """Count the tested attributes in which a metric rose and fell, by its adjusted p-value."""
    rows = [
        row
        for row in table
        if row["metric"] == metric and row["group"] == group and row["attribute"]
    ]
    tested = [row for row in rows if row["p_adjusted"]]
    changed = [float(row["change"]) for row in tested if float(row["p_adjusted"]) < ALPHA]
    rose = sum(value > 0 for value in changed)
    return f"{rose} up, {len(changed) - rose} down of {len(tested)}"


def lines(tables: dict[str, list[Row]]) -> list[list[str]]:
    """Return the cells of the Markdown table."""
    first = next(iter(tables.values()))
    groups = sorted({row["group"] for row in first if row["metric"] == BY_GROUP and row["group"]})
    whats = [(name, "") for name in MEANS] + [(BY_GROUP, group) for group in groups]
    short = [name.rpartition("-")[2] for name in tables]
    heads = short if len(set(short)) == len(short) else list(tables)
    cells = [["", "reference", *heads], ["---"] * (len(tables) + 2)]
    for metric, group in whats:
        rows = [mean_row(table, metric, group) for table in tables.values()]
        name = metric.replace("_", " ") + (f" ({group})" if group else "")
        before = f"{float(rows[0]['reference']):.3f}" if rows[0]["reference"] else ""
        cells.append([name, before, *map(change, rows)])
    for group in groups:
        found = [counts(table, BY_GROUP, group) for table in tables.values()]
        cells.append([f"attributes with changed amplification ({group})", "", *found])
    return cells


def common(path: str) -> list[str]:
    """Return the attributes whose rarer value occurs in at least a fifth of the training rows."""
    rows = [row for row in read(path) if row["split"] == "train"]
    rates = {
        name: sum(row[name] == "1" for row in rows) / len(rows)
        for name in rows[0]
        if name not in ("image", "split", *GROUPS)
    }
    return [name for name, rate in rates.items() if COMMON <= rate <= 1 - COMMON]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--common"]:
        print(",".join(common(sys.argv[2])))
        sys.exit()
    if not sys.argv[1:]:
        sys.exit(__doc__)
    tables = {Path(path).stem: read(path) for path in sys.argv[1:]}
    for cells in lines(tables):
        print("| " + " | ".join(cells) + " |")
