"""Metrics that were asked for by name, and what the samples were too few to show."""

from __future__ import annotations

from statistics import median

from pbias.reporting.records import Record, largest, mark, numbers
from pbias.reporting.sections import Section, number

SMALL = 0.05  # a change that people who ship a model would want to know of
WATCHED = ("accuracy", "bias_amplification", "did_tpr")
OWN_SECTIONS = ("bias_amplification", "did_tpr")


def chosen_sections(records: list[Record], asked: list[str], paired: bool) -> list[Section]:
    """One section a metric and group: the attributes with the largest changes, or values."""
    groups = dict.fromkeys(r["group"] for r in records)
    pairs = [(metric, group) for metric in asked for group in groups]
    found = [
        _largest(
            [r for r in records if (r["metric"], r["group"]) == pair and r["attribute"]], paired
        )
        for pair in pairs
        if not (pair[1] and pair[0] in OWN_SECTIONS)
    ]
    return [section for section in found if section.rows]


def _largest(records: list[Record], paired: bool) -> Section:
    moved = paired and any(r["change"] == r["change"] for r in records)
    key = "change" if moved else "value"
    worst = largest(records, key)
    rows = [[r["attribute"], r["contrast"], *numbers(r, moved), mark(r)] for r in worst]
    columns = ["reference", "audited", "change"] if moved else ["value"]
    where = f"{records[0]['group']}: " if records and records[0]["group"] else ""
    title = records[0]["metric"].replace("_", " ") if records else ""
    what = "largest changes" if moved else "largest values"
    return Section(f"{where}{title}, {what}", ["attribute", "contrast", *columns, ""], rows)


def missed_section(records: list[Record], asked: list[str] | None) -> list[Section]:
    """How large a difference would have been found four times in five, by metric and group."""
    found: dict[tuple[str, str, str], list[float]] = {}
    for r in records:
        of_group = r["group"] and (r["metric"] == "accuracy" or _of_one_value(r["contrast"]))
        wanted = r["metric"] in (asked or WATCHED) and (asked or not of_group)
        if wanted and r["attribute"] and "undefined" not in (r["status"], r["change_status"]):
            where = (r["metric"].replace("_", " "), r["group"], r["contrast"])
            found.setdefault(where, []).append(r["detectable"])
    rows = [[*where, *_missed(sizes)] for where, sizes in found.items()]
    header = ["metric", "group", "contrast", "found 4 times in 5", f"need more than {SMALL:g}"]
    notes = ["The smallest true difference found with 80 % power: median over the attributes."]
    unknown = sum(size != size for sizes in found.values() for size in sizes)
    if unknown:
        notes.append(f"Left out: {unknown} numbers without an interval that could tell.")
    known = [row for row in rows if row[-1]]
    return [Section("What could have been missed", header, known, notes)] if known else []


def _missed(sizes: list[float]) -> tuple[str, str]:
    """The median of those that are known, and how many of them are more than small."""
    known = [size for size in sizes if size == size]
    if not known:
        return "-", ""
    return number(median(known)), f"{sum(size > SMALL for size in known)} of {len(known)}"


def _of_one_value(contrast: str) -> bool:
    return contrast not in ("", "1-0", "max-min") and not contrast.endswith("-rest")
