"""The audit for people: headline first, then who it moved for, then what is undefined and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from pbias.files.table import Table
from pbias.reporting.chosen import chosen_sections, missed_section
from pbias.reporting.records import Record, largest, mark, numbers
from pbias.reporting.sections import Section, interval, number, signed

HEADLINE = ("accuracy", "auc", "uncertainty", "tcb", "interdependence", "never_predicted")
STILL = 1e-12  # a difference of rates that is rounding


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
        if asked is None or "bias_amplification" in asked:
            sections.append(_amplified(group, mine, paired))
        if compared and (asked is None or "did_tpr" in asked):
            sections.append(_gaps(group, mine))
    sections += chosen_sections(records, asked or [], paired)
    return [*sections, _undefined(records), *missed_section(records, asked)]


def _headline(records: list[Record], groups: list[str], paired: bool, asked: list[str]) -> Section:
    means = {
        (r["metric"], r["group"]): r
        for r in records
        if not r["attribute"] and (not r["group"] or r["metric"] == "bias_amplification")
    }
    wanted = [(metric, "") for metric in dict.fromkeys([*HEADLINE, *asked])]
    wanted += [("bias_amplification", group) for group in groups]
    found = [(key, means[key]) for key in wanted if key in means]
    rows = [[_title(*key), *numbers(record, paired), _over(record)] for key, record in found]
    columns = ["reference", "audited", "change"] if paired else ["value"]
    title = "Means over attributes" + (", and what compression changed" if paired else "")
    return Section(title, ["metric", *columns, "over"], rows, _never_predicted(records, paired))


def _never_predicted(records: list[Record], paired: bool) -> list[str]:
    """The attributes that are never predicted, first those that the reference does predict."""
    found = [r for r in records if _is_never(r)]
    both = [r["attribute"] for r in found if r["reference"] == 1]
    new = [r["attribute"] for r in found if r["reference"] != 1]
    told = {
        "Never predicted, but by the reference" if paired else "Never predicted": new,
        "Never predicted, nor by the reference": both,
    }
    return [f"{what} ({len(who)}): {', '.join(who)}" for what, who in told.items() if who]


def _is_never(record: Record) -> bool:
    overall = record["metric"] == "never_predicted" and not record["group"]
    return bool(overall and record["attribute"] and record["value"] == 1)


def _title(metric: str, group: str) -> str:
    title = metric.replace("_", " ") + (f" ({group})" if group else "")
    return "share never predicted" if metric == "never_predicted" else title


def _over(record: Record) -> str:
    """`over 18 of 40, without ...` shortened to `18 of 40`."""
    if record["status"] == "undefined":
        return "none"
    reason = str(record["reason"])
    return reason.partition(",")[0].removeprefix("over ") if reason.startswith("over ") else "all"


def _amplified(group: str, records: list[Record], paired: bool) -> Section:
    """The attributes whose tie to the group grew (or, alone, is) strongest."""
    key = "change" if paired else "value"
    worst = largest([r for r in records if r["metric"] == "bias_amplification"], key)
    columns = ["dense", "audited", "change"] if paired else ["value"]
    rows = [[r["attribute"], *numbers(r, paired), mark(r)] for r in worst]
    title = f"{group}: bias amplification, " + ("largest changes" if paired else "largest values")
    return Section(title, ["attribute", *columns, ""], rows, [] if rows else ["undefined for all"])


def _gaps(group: str, records: list[Record]) -> Section:
    """The attributes whose true-positive rates moved apart (or together) most."""
    known = [r for r in records if r["metric"] == "did_tpr" and r["value"] == r["value"]]
    moved = [r for r in known if abs(r["value"]) > STILL]
    sure = [r for r in moved if r["status"] == "ok"] or moved
    worst = largest(sure, "value")
    tpr = {(r["attribute"], r["contrast"]): r for r in records if r["metric"] == "tpr"}
    of_two = all(r["contrast"] == "1-0" for r in worst)  # else of a value, and of all others
    rows = []
    for r in worst:
        sides = r["contrast"].rsplit("-", 1)[: 2 if of_two else 1]
        shown = signed(r["value"]) + interval(r["low"], r["high"])
        moves = [_move(tpr.get((r["attribute"], side))) for side in sides]
        rows.append([r["attribute"], r["contrast"], shown, *moves, mark(r)])
    title = f"{group}: true-positive rates that moved apart (difference in differences)"
    of_sides = [f"TPR of {group}={value}" for value in "10"] if of_two else ["TPR of the value"]
    header = ["attribute", "contrast", "DiD of TPR", *of_sides, ""]
    nothing = "none moved" if known else "undefined for all"
    return Section(title, header, rows, [] if rows else [nothing])


def _move(record: Record | None) -> str:
    if record is None:
        return ""
    return f"{number(record['reference'])} to {number(record['value'])}"


def _undefined(records: Iterable[Record]) -> Section:
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
