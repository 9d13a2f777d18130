"""Compare remedies with plain pruning, as Markdown, from the audits of `examples/remedies.sh`.

    python3 remedies.py --group Male --set faces-0.95 --dense faces-dense plain distill balance

The first table compares with the dense networks, the second with plain pruning. Intervals are those
of `pbias metrics`, which cover the variation of samples and seeds.
"""

from __future__ import annotations

import argparse
import csv
import re
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

import pbias

Row = dict[str, str]
MIN_POSITIVES = 2  # per attribute and group value, because one has no variance


def read(path: str) -> list[Row]:
    """Return the rows of a table."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def pick(table: Sequence[Row], metric: str, group: str = "", contrast: str = "") -> Row:
    """Return the mean of a metric over attributes, for a group value if one is named."""
    wanted = (metric, group, contrast, "")
    names = ("metric", "group", "contrast", "attribute")
    return next(row for row in table if tuple(row[name] for name in names) == wanted)


def squared_did(
    dense: npt.NDArray[np.bool_],
    sparse: npt.NDArray[np.bool_],
    labels: npt.NDArray[np.int8],
    groups: npt.NDArray[np.int16],
) -> float:
    """Return the mean over attributes of DiD² - se² of the true-positive rate.

    Predictions and labels are [N, A], groups [N] of 0 and 1 (-1: unknown). DiD is the amount by
    which the rate fell more in group 1 than in group 0, from dense to sparse. Its square is too
    large by the variance of DiD, which is subtracted, so that noise alone gives 0 on average.
    """
    found = []
    for a in range(labels.shape[1]):
        moved = [
            sparse[rows, a].astype(float) - dense[rows, a]
            for rows in ((labels[:, a] == 1) & (groups == value) for value in (0, 1))
        ]
        if min(map(len, moved)) >= MIN_POSITIVES:
            did = moved[1].mean() - moved[0].mean()
            found.append(did**2 - sum(each.var(ddof=1) / len(each) for each in moved))
    return float(np.mean(found))


def of_seeds(dense: str, sparse: str, group: str) -> list[float]:
    """Return `squared_did` for each seed."""
    found = []
    for path in sorted(Path().glob(f"{sparse}-[0-9]*.npz")):
        seed = path.stem.rpartition("-")[2]
        ours, theirs = pbias.read_logits(path), pbias.read_logits(f"{dense}-{seed}.npz")
        codes = ours.groups[:, ours.group_names.index(group)]
        found.append(squared_did(theirs.logits > 0, ours.logits > 0, ours.labels, codes))
    return found


def speed(name: str) -> float:
    """Return the median of the images per second in the logs of all seeds."""
    said = (path.read_text(encoding="utf-8") for path in Path().glob(f"{name}-[0-9]*.pt.log"))
    rates = [float(rate.replace(",", "")) for text in said for rate in RATE.findall(text)]
    return statistics.median(rates) if rates else float("nan")


RATE = re.compile(r"([\d,]+) images/s")


def against_dense(group: str, dense: str, name: str) -> list[str]:
    """Return the cells of a remedy in the first table."""
    table = read(f"{name}.csv")
    lost = [
        -float(pick(table, "accuracy", group, value)["change"]) for value in values_of(table, group)
    ]
    positives = [
        float(pick(table, "lost_positives", group, value)["value"])
        for value in values_of(table, group)
    ]
    squares = of_seeds(dense, name, group)
    return [
        f"{float(pick(table, 'accuracy')['value']):.4f}",
        f"{max(lost):.4f}",
        *(f"{value:.3f}" for value in positives),
        f"{1000 * np.mean(squares):.1f} ({1000 * min(squares):.1f} to {1000 * max(squares):.1f})",
        f"{float(pick(table, 'tcb')['value']):.3f}",
        f"{100 * float(pick(table, 'never_predicted')['value']):.0f} %",
        f"{speed(name):,.0f}",
    ]


def values_of(table: Sequence[Row], group: str) -> list[str]:
    """Return the values of a group, in the order of the table."""
    rows = [row for row in table if row["metric"] == "accuracy" and row["group"] == group]
    names = dict.fromkeys(row["contrast"] for row in rows)
    return [name for name in names if "-" not in name]


def against_plain(group: str, name: str) -> list[str]:
    """Return the cells of a remedy in the second table: changes with their intervals."""
    table = read(f"{name}-over-plain.csv")
    rows = [pick(table, "accuracy"), pick(table, "tcb")]
    rows += [pick(table, "tpr", group, value) for value in values_of(table, group)]
    return [_change(row) for row in rows]


def _change(row: Row) -> str:
    low, high = row["change_low"], row["change_high"]
    ends = f" [{float(low):+.3f}, {float(high):+.3f}]" if low and high else ""
    return f"{float(row['change']):+.3f}{ends}"


def print_table(
    head: Sequence[str], names: Sequence[str], cells: Callable[[str], list[str]]
) -> None:
    """Print a Markdown table with one row per remedy."""
    for row in (head, ["---"] * len(head), *([name, *cells(name)] for name in names)):
        print(f"| {' | '.join(row)} |")


def main() -> None:
    """Read the arguments and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--group", required=True)
    parser.add_argument("--set", required=True, help="what the names of files begin with")
    parser.add_argument("--dense", required=True, help="the same of the dense networks")
    parser.add_argument("remedies", nargs="+")
    asked = parser.parse_args()
    group, names = asked.group, list(dict.fromkeys(asked.remedies))
    names = [name for name in names if Path(f"{asked.set}-{name}.csv").exists()]
    values = values_of(read(f"{asked.set}-{names[0]}.csv"), group)
    lost = [f"lost positives, {group}={value}" for value in values]
    print_table(
        ["", "accuracy", f"accuracy lost by the worst {group}", *lost,
         "mean(DiD² - se²) of TPR, in thousandths (seeds)", "TCB", "never predicted", "images/s"],
        names,
        lambda name: against_dense(group, asked.dense, f"{asked.set}-{name}"),
    )  # fmt: skip
    print()
    print_table(
        ["change from plain", "accuracy", "TCB", *(f"TPR, {group}={value}" for value in values)],
        [name for name in names if name != "plain"],
        lambda name: against_plain(group, f"{asked.set}-{name}"),
    )


if __name__ == "__main__":
    main()
