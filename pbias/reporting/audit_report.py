"""The audit for people: headline first, then who it moved for, then what is undefined and why.

Which metrics are headlines, have a section of their own or are watched for what could have been
missed stands in their entries.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from statistics import median

from pbias.auditing.metrics.entry import Metric
from pbias.auditing.metrics.registry import METRICS
from pbias.files.table import Table
from pbias.reporting.sections import (
    Record,
    Section,
    interval,
    largest,
    mark,
    number,
    numbers,
    signed,
)

STILL = 1e-12  # a difference of rates that is rounding
SMALL = 0.05  # a change that people who ship a model would want to know of


def audit_sections(table: Table, asked: list[str] | None = None) -> list[Section]:
    """The sections of `pbias metrics`, from its table; `asked`: the metrics that were chosen."""
    records = table.records()
    paired = any(record["change"] == record["change"] for record in records)
    groups = list(dict.fromkeys(r["group"] for r in records if r["group"]))
    compared = any(":" in record["runs"] for record in records)  # of audited and reference runs
    headline = _headline(records, groups, paired, asked or [])
    sections = [headline] if headline.rows else []
    for group in groups:
        mine = [record for record in records if record["group"] == group and record["attribute"]]
        for metric in _spotlights(asked):
            if metric.part is None:
                sections.append(_strongest(metric, group, mine, paired))
            elif compared:
                sections.append(_moved_apart(metric, metric.part, group, mine))
    sections += chosen_sections(records, asked or [], paired)
    return [*sections, undefined_section(records), *missed_section(records, asked)]


def _spotlights(asked: list[str] | None) -> list[Metric]:
    """The metrics with a section of their own, if asked for."""
    wanted = METRICS if asked is None else asked
    return [m for m in METRICS.values() if m.spotlight and m.name in wanted]


def _headline(records: list[Record], groups: list[str], paired: bool, asked: list[str]) -> Section:
    chosen = [metric for metric in METRICS.values() if metric.headline]
    by_group = [metric.name for metric in chosen if metric.of_groups]
    means = {
        (r["metric"], r["group"]): r
        for r in records
        if not r["attribute"] and (not r["group"] or r["metric"] in by_group)
    }
    overall = [metric.name for metric in chosen if not metric.of_groups]
    wanted = [(name, "") for name in dict.fromkeys([*overall, *asked])]
    wanted += [(name, group) for group in groups for name in by_group]
    found = [(key, means[key]) for key in wanted if key in means]
    rows = [[_title(*key), *numbers(record, paired), _over(record)] for key, record in found]
    columns = ["reference", "audited", "change"] if paired else ["value"]
    title = "Means over attributes" + (", and what compression changed" if paired else "")
    facts = [metric for metric in chosen if metric.fact]
    notes = [note for metric in facts for note in _facts(metric, records, paired)]
    return Section(title, ["metric", *columns, "over"], rows, notes)


def _facts(metric: Metric, records: list[Record], paired: bool) -> list[str]:
    """The attributes of which a fact holds, first those of which it does not in the reference."""
    mine = [r for r in records if r["metric"] == metric.name and not r["group"]]
    holds = [r for r in mine if r["attribute"] and r["value"] == 1]
    both = [r["attribute"] for r in holds if r["reference"] == 1]
    new = [r["attribute"] for r in holds if r["reference"] != 1]
    told = {
        f"{metric.fact}, but by the reference" if paired else metric.fact: new,
        f"{metric.fact}, nor by the reference": both,
    }
    return [f"{what} ({len(who)}): {', '.join(who)}" for what, who in told.items() if who]


def _title(name: str, group: str) -> str:
    mean_title = METRICS[name].mean_title or name.replace("_", " ")
    return mean_title + (f" ({group})" if group else "")


def _over(record: Record) -> str:
    """`over 18 of 40, without ...` shortened to `18 of 40`."""
    if record["status"] == "undefined":
        return "none"
    reason = str(record["reason"])
    return reason.partition(",")[0].removeprefix("over ") if reason.startswith("over ") else "all"


def _strongest(metric: Metric, group: str, records: list[Record], paired: bool) -> Section:
    """The attributes of which a metric changed most, or (alone) is largest."""
    key = "change" if paired else "value"
    worst = largest([r for r in records if r["metric"] == metric.name], key)
    columns = ["dense", "audited", "change"] if paired else ["value"]
    rows = [[r["attribute"], *numbers(r, paired), mark(r)] for r in worst]
    title = f"{group}: {metric.spotlight}, " + ("largest changes" if paired else "largest values")
    return Section(title, ["attribute", *columns, ""], rows, [] if rows else ["undefined for all"])


def _moved_apart(metric: Metric, part: Metric, group: str, records: list[Record]) -> Section:
    """The attributes whose rates moved apart (or together) most between the values of a group."""
    known = [r for r in records if r["metric"] == metric.name and r["value"] == r["value"]]
    moved = [r for r in known if abs(r["value"]) > STILL]
    sure = [r for r in moved if r["status"] == "ok"] or moved
    worst = largest(sure, "value")
    rates = {(r["attribute"], r["contrast"]): r for r in records if r["metric"] == part.name}
    of_two = all(r["contrast"] == "1-0" for r in worst)  # else of a value, and of all others
    rows = []
    for r in worst:
        sides = r["contrast"].rsplit("-", 1)[: 2 if of_two else 1]
        shown = signed(r["value"]) + interval(r["low"], r["high"])
        moves = [_move(rates.get((r["attribute"], side))) for side in sides]
        rows.append([r["attribute"], r["contrast"], shown, *moves, mark(r)])
    title, rate = f"{group}: {metric.spotlight}", part.label
    of_sides = [f"{rate} of {group}={value}" for value in "10"]
    of_sides = of_sides if of_two else [f"{rate} of the value"]
    header = ["attribute", "contrast", f"DiD of {rate}", *of_sides, ""]
    nothing = "none moved" if known else "undefined for all"
    return Section(title, header, rows, [] if rows else [nothing])


def _move(record: Record | None) -> str:
    if record is None:
        return ""
    return f"{number(record['reference'])} to {number(record['value'])}"


def undefined_section(records: Iterable[Record]) -> Section:
    """What has no value, by reason: contrasts repeat what their two sides say and are left out."""
    metrics: dict[str, dict[str, None]] = defaultdict(dict)
    places: dict[str, dict[str, None]] = defaultdict(dict)
    for r in records:
        contrast = r["contrast"].endswith(("1-0", "-rest", "max-min"))
        if r["status"] == "undefined" and not contrast and r["attribute"] not in ("", r["group"]):
            place = " ".join(filter(None, (r["attribute"], r["group"], r["contrast"])))
            metrics[r["reason"]][r["metric"]] = None
            places[r["reason"]][place] = None
    ranked = sorted(places, key=lambda reason: -len(places[reason]))
    rows = [
        [why, _some(list(metrics[why])), str(len(places[why])), _some(list(places[why]))]
        for why in ranked
    ]
    notes = [] if rows else ["nothing"]
    return Section("Undefined, and why", ["reason", "metrics", "places", "where"], rows, notes)


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def chosen_sections(records: list[Record], asked: list[str], paired: bool) -> list[Section]:
    """One section a metric and group: the attributes with the largest changes, or values."""
    groups = dict.fromkeys(r["group"] for r in records)
    pairs = [(metric, group) for metric in asked for group in groups]
    found = [
        _largest(
            [r for r in records if (r["metric"], r["group"]) == pair and r["attribute"]], paired
        )
        for pair in pairs
        if not (pair[1] and METRICS[pair[0]].spotlight)
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
    watched = asked or [metric.name for metric in METRICS.values() if metric.watched]
    found: dict[tuple[str, str, str], list[float]] = {}
    for r in records:
        of_group = r["group"] and (METRICS[r["metric"]].contrasted or _of_one_value(r["contrast"]))
        wanted = r["metric"] in watched and (asked or not of_group)
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
