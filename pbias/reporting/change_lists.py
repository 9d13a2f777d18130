"""Lists of the largest changes or values of a metric, with intervals that allow for the choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pbias.auditing.findings.labels import group_values, other_side
from pbias.auditing.findings.selection import (
    OF_CHANGE,
    OF_VALUE,
    Ends,
    Widened,
    most_first,
    selection_level,
    told_columns,
)
from pbias.auditing.metrics.entry import Metric
from pbias.auditing.metrics.registry import METRICS
from pbias.reporting.sections import (
    TOP,
    Record,
    Section,
    mark,
    number,
    numbers,
    signed,
    span,
)

STILL = 1e-12  # a difference of rates due to rounding
UNDEFINED = "undefined for all"  # the note of a section that has nothing to list


@dataclass(frozen=True)
class Ranking:
    """Chooses the first of many rows; with `widened` None, intervals are not adjusted."""

    widened: Widened | None = None

    def first(self, records: Sequence[Record], top: int = TOP) -> list[Record]:
        """Return the first defined rows, with intervals adjusted for the choice."""
        known = [r for r in records if r[told_columns(r)[0]] == r[told_columns(r)[0]]]
        rows = [(record, self._ends(record, top, len(known))) for record in known]
        ranked = most_first(rows, lambda record: record[told_columns(record)[0]])[:top]
        return [
            record | dict(zip(told_columns(record)[1:], ends, strict=True))
            for record, ends in ranked
        ]

    def note(self, records: Sequence[Record], shown: Sequence[Record]) -> list[str]:
        """Say how the rows were chosen, if some were left out."""
        num = sum(r[told_columns(r)[0]] == r[told_columns(r)[0]] for r in records)
        has_ends = any(r[told_columns(r)[1]] == r[told_columns(r)[1]] for r in shown)
        if num <= len(shown) or not has_ends:
            return []
        adjusted = "; intervals allow for this choice" if self.widened else ""
        return [f"First {len(shown)} of {num}, by the end of the interval nearer 0{adjusted}."]

    def _ends(self, record: Record, top: int, num: int) -> Ends:
        names = told_columns(record)
        if self.widened is None:
            return Ends(record[names[1]], record[names[2]])
        level = selection_level(self.widened.level, top, num)
        return self.widened.ends(record, level)


def strongest(
    metric: Metric, group: str, records: Sequence[Record], ranking: Ranking, *, paired: bool
) -> Section:
    """Return the attributes for which a metric changed most, or (without reference) is largest."""
    mine = [r for r in records if r["metric"] == metric.name]
    first = ranking.first(mine)
    columns = ["reference", "audited", "change"] if paired else ["value"]
    rows = [[r["attribute"], *numbers(r, paired), mark(r)] for r in first]
    title = f"{group}: {metric.spotlight}, " + ("largest changes" if paired else "largest values")
    notes = ranking.note(mine, first) if rows else [UNDEFINED]
    return Section(title, ["attribute", *columns, ""], rows, notes)


def moved_apart(
    metric: Metric, part: Metric, group: str, records: Sequence[Record], ranking: Ranking
) -> Section:
    """Return the attributes whose rates diverged (or converged) most between a group's values."""
    values = group_values(records).get(group, ())
    sides = {r["contrast"]: other_side(r["contrast"], values) for r in records}
    known = [r for r in records if r["metric"] == metric.name and r["value"] == r["value"]]
    mine = [r for r in known if sides[r["contrast"]]]
    moved = [r for r in mine or known if abs(r["value"]) > STILL]
    first = ranking.first(moved)
    rates = {(r["attribute"], r["contrast"]): r for r in records if r["metric"] == part.name}
    found = [sides[r["contrast"]] for r in first]
    of_two = bool(first) and all(side and side[2] for side in found)
    rows = []
    for r, side in zip(first, found, strict=True):
        shown = signed(r["value"]) + span(r, changed=False)
        named = (side[:2] if of_two else side[:1]) if side else ()
        moves = [_move(rates.get((r["attribute"], value))) for value in named]
        rows.append([r["attribute"], r["contrast"], shown, *(moves or [""]), mark(r)])
    rate = part.label
    of_sides = [f"{rate} of the value"]
    if of_two and found[0]:
        of_sides = [f"{rate} of {group}={value}" for value in found[0][:2]]
    header = ["attribute", "contrast", f"DiD of {rate}", *of_sides, ""]
    nothing = "none moved" if known else UNDEFINED
    notes = ranking.note(moved, first) if rows else [nothing]
    return Section(f"{group}: {metric.spotlight}", header, rows, notes)


def _move(record: Record | None) -> str:
    if record is None:
        return ""
    return f"{number(record['reference'])} to {number(record['value'])}"


def chosen_lists(
    records: Sequence[Record], asked: Sequence[str], ranking: Ranking
) -> list[Section]:
    """Return a section per metric and group: attributes with the largest changes or values."""
    groups = dict.fromkeys(r["group"] for r in records)
    pairs = [(metric, group) for metric in asked for group in groups]
    found = [
        _largest(
            [r for r in records if (r["metric"], r["group"]) == pair and r["attribute"]], ranking
        )
        for pair in pairs
        if not (pair[1] and METRICS[pair[0]].spotlight)
    ]
    return [section for section in found if section.rows]


def _largest(records: Sequence[Record], ranking: Ranking) -> Section:
    values = group_values(records)
    mirrored = [r for r in records if _is_mirrored(r, values.get(r["group"], ()))]
    mine = [r for r in records if r not in mirrored] if mirrored else list(records)
    first = ranking.first(mine)
    moved = any(told_columns(r) == OF_CHANGE for r in first)
    rows = [[r["attribute"], r["contrast"], *numbers(r, moved), mark(r)] for r in first]
    columns = ["reference", "audited", "change"] if moved else [OF_VALUE[0]]
    where = f"{records[0]['group']}: " if records and records[0]["group"] else ""
    title = records[0]["metric"].replace("_", " ") if records else ""
    what = "largest changes" if moved else "largest values"
    header = ["attribute", "contrast", *columns, ""]
    return Section(f"{where}{title}, {what}", header, rows, ranking.note(mine, first))


def _is_mirrored(record: Record, values: Sequence[str]) -> bool:
    """Return whether the row is the second of two contrasts that mirror each other."""
    label = record["contrast"]
    is_contrast = label.endswith("-rest") and label not in values
    return len(values) == 2 and is_contrast and other_side(label, values) is None
