"""Selection rates, impact ratios and error rates by group value, one table per attribute."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pbias.reporting.sections import Record, Section, number, signed

# The columns of a table, by metric; metrics that compression can change also show the change.
RATES = {
    "predicted_positive_rate": "selection rate",
    "impact_ratio": "impact ratio",
    "accuracy": "accuracy",
    "fpr": "false-positive rate",
    "fnr": "false-negative rate",
}
CHANGED = ("accuracy", "fnr")
SMALL_SHARE = 0.02
SMALL_MARK = "*"
NOTE = (
    "Intervals are in brackets. The impact ratio is a group's selection rate over that of the "
    f"most selected group. {SMALL_MARK} marks groups with less than 2 % of the samples."
)

Sizes = Mapping[str, Mapping[str, int]]
Place = tuple[str, str, str, str]  # metric, attribute, group and value


def group_tables(records: Iterable[Record], sizes: Sizes, *, paired: bool) -> list[Section]:
    """Make one table per attribute, with a row for each value of each group.

    `sizes` are all samples of a value, labeled or not; a `:` joins groups and values of an
    intersection. With `paired`, columns for the changes against the reference are added.
    """
    kept = [r for r in records if r["metric"] in RATES and r["attribute"] and r["group"]]
    cells = {_place(r): r for r in kept}
    attributes = dict.fromkeys(r["attribute"] for r in kept)
    return [_table(name, cells, sizes, paired=paired) for name in attributes]


def _place(record: Record) -> Place:
    return record["metric"], record["attribute"], record["group"], record["contrast"]


def _table(attribute: str, cells: Mapping[Place, Record], sizes: Sizes, *, paired: bool) -> Section:
    header = ["group", "n", "positive", "unknown", *RATES.values()]
    header += [f"change of {RATES[metric]}" for metric in CHANGED if paired]
    rows = []
    for group, values in sizes.items():
        total = sum(values.values())
        for value, size in values.items():
            found = {m: cells.get((m, attribute, group, value)) for m in RATES}
            if found["predicted_positive_rate"] is None:  # a target is not its own group
                continue
            labeled, positive = _labeled(found["accuracy"])
            mark = SMALL_MARK if size < SMALL_SHARE * total else ""
            row = [f"{group}={value}{mark}", str(size), str(positive), str(size - labeled)]
            row += [_rate(found[metric]) for metric in RATES]
            rows.append(row + [_change(found[metric]) for metric in CHANGED if paired])
    return Section(f"{attribute} by group", header, rows, [NOTE])


def _labeled(record: Record | None) -> tuple[int, int]:
    """Return the number of samples with a label, and with a positive label."""
    if record is None or record["n"] != record["n"]:
        return 0, 0
    return int(record["n"]), int(record["n_positive"])


def _rate(record: Record | None) -> str:
    if record is None or record["value"] != record["value"]:
        return f"- ({record['reason']})" if record and record["reason"] else "-"
    low, high = record["low"], record["high"]
    ends = "" if low != low else f" [{number(low)}, {number(high)}]"
    return f"{number(record['value'])}{ends}"


def _change(record: Record | None) -> str:
    if record is None or record["change"] != record["change"]:
        return "-"
    low, high = record["change_low"], record["change_high"]
    ends = "" if low != low else f" [{signed(low)}, {signed(high)}]"
    return f"{signed(record['change'])}{ends}"
