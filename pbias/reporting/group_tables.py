"""Tables of group values: size, shares and error rates, before and after, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pbias.auditing.findings.labels import group_values
from pbias.auditing.metrics.entry import Metric
from pbias.auditing.metrics.registry import METRICS
from pbias.reporting.sections import (
    FEW,
    Record,
    Section,
    few_left,
    mark,
    num_of,
    number,
    over,
    signed,
    span,
)

MAX_VALUES = 12
WIDE = 13  # characters of a value beside which a column of metrics has no room in 80


def group_sections(records: Sequence[Record], *, paired: bool, of_classes: bool) -> list[Section]:
    """Return one table per group, or one per metric if the names of its values are long.

    With several attributes, the numbers are means; with one, its own numbers.
    """
    attributes = list(dict.fromkeys(r["attribute"] for r in records if r["attribute"]))
    metrics = [m for m in METRICS.values() if m.by_value and not (of_classes and m.binary_only)]
    shown = attributes[0] if len(attributes) == 1 else ""
    sections = []
    for group, values in group_values(records).items():
        mine = [r for r in records if r["group"] == group and METRICS[r["metric"]].by_value]
        if shown == group:
            continue
        found = [_Rows.of(m, mine, values, shown, paired=paired) for m in metrics]
        means = "means over classes" if of_classes else "means over attributes"
        what = f"`{shown}`" if shown else means
        sections += _tables(group, found, values, what, paired)
    return sections


class _Rows:
    """The rows of one metric: value, n, numbers, over how many attributes, mark."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.rows: list[list[str]] = []
        self.blank = True  # undefined for every value
        self.means: list[tuple[str, Record]] = []  # by what they are called

    @classmethod
    def of(
        cls,
        metric: Metric,
        records: Sequence[Record],
        values: Sequence[str],
        attribute: str,
        *,
        paired: bool,
    ) -> _Rows:
        found = cls(metric)
        mine = [r for r in records if r["metric"] == metric.name]
        wanted = "" if metric.pooled else attribute
        numbers = {r["contrast"]: r for r in mine if r["attribute"] == wanted}
        for value in [value for value in values if value in numbers][:MAX_VALUES]:
            sizes = [r["n"] for r in mine if r["contrast"] == value and r["n"] == r["n"]]
            size = f"{round(max(sizes))}" if sizes else ""
            record = numbers[value]
            said = _numbers(record, paired=paired), over(record).partition(" (")[0]
            found.blank = found.blank and all(cell == "-" for cell in said[0])
            found.rows.append([value, size, *said[0], said[1], FEW * bool(mark(record))])
            found.means.append((f"{metric.label} of {record['group']}={value}", record))
        return found


def _numbers(record: Record, *, paired: bool) -> list[str]:
    if not paired:
        return [number(record["value"]) + span(record, changed=False)]
    change = signed(record["change"]) + span(record, changed=True)
    ends = [number(record[key]) for key in ("reference", "value")]
    return ["-" if ends == ["-", "-"] else " to ".join(ends), change]


def _tables(
    group: str, found: Sequence[_Rows], values: Sequence[str], what: str, paired: bool
) -> list[Section]:
    blank = [rows.metric.label for rows in found if rows.rows and rows.blank]
    found = [rows for rows in found if not rows.blank]
    undefined = [f"Undefined for every value: {', '.join(blank)}."] if blank else []
    if not found:
        return [Section(f"{group}: each value, {what}", [], [], undefined)] if blank else []
    columns = ["from, to", "change"] if paired else ["value"]
    more = len(values) - MAX_VALUES
    notes = [f"and {num_of(more, 'more value')}: -f csv has all"] if more > 0 else []
    if any(row[-2] for rows in found for row in rows.rows):
        columns.append("over")
        notes.append("over: how many attributes have a number; the mean is over these alone.")
        notes += few_left([mean for rows in found for mean in rows.means])
    else:  # all means are over all attributes
        for rows in found:
            rows.rows = [[*row[:-2], row[-1]] for row in rows.rows]
    notes += undefined
    if max(map(len, values[:MAX_VALUES])) > WIDE:
        header = ["n", group, *columns, ""]  # long names may break, but only in the first column
        parts = [
            Section(
                f"{group}: {rows.metric.label}, {what}",
                header,
                [[size, value, *rest] for value, size, *rest in rows.rows],
            )
            for rows in found
        ]
        return [*parts[:-1], replace(parts[-1], notes=notes)]
    table = [[rows.metric.label, *row] for rows in found for row in rows.rows]
    header = ["", group, "n", *columns, ""]
    return [Section(f"{group}: each value, {what}", header, table, notes)]
