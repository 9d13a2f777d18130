"""The report of flags: predictions and attributes at risk, and the evaluation of the flags."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

from pbias.auditing.metrics.flips import FEW
from pbias.files.table import Table
from pbias.reporting.sections import Section, interval, num_of, number, signed, with_legend

SHOWN = 20
VERDICTS = ("high", "raised", "low", "undefined")
OUTCOMES = {
    "flips": ("prediction", "the audited model changed"),
    "lost_positives": ("true positive", "it lost"),
}
Record = dict[str, Any]


def flag_sections(table: Table) -> list[Section]:
    """Return the riskiest predictions; other formats contain the whole list."""
    rows = [[_cell(value) for value in record.values()] for record in table.records()[:SHOWN]]
    rest = len(table) - len(rows)
    notes = [f"and {rest} more: -o flags.csv writes all"] if rest else []
    title = f"{num_of(len(table), 'prediction')} at risk, riskiest first"
    return [Section(title, list(table.columns), rows, notes)]


def summary_sections(table: Table) -> list[Section]:
    """Report attributes and groups by risk, the counts of verdicts, and undefined risks."""
    records = table.records()
    known = [r for r in records if r["verdict"] != "undefined"]
    header = ["attribute", "group", "risk", "verdict", "in training", "TCB", "BA", "reasons"]
    rows = [
        [
            *(str(r[name]) for name in ("attribute", "group")),
            number(r["risk"]),
            r["verdict"],
            f"{r['frequency']:.1%}",
            number(r["tcb"]),
            signed(r["bias_amplification"]),
            r["reasons"],
        ]
        for r in known[:SHOWN]
    ]
    count = Counter(r["verdict"] for r in records)
    told = ", ".join(f"{count[verdict]} {verdict}" for verdict in VERDICTS)
    notes = [
        *([f"and {len(known) - SHOWN} more: -o risk.csv writes all"] if known[SHOWN:] else []),
        f"Of {len(records)} attributes and groups: {told}.",
        *_without_risk(records),
        "Score and verdict: pbias explain attribute_risk",
    ]
    return [Section("Attributes at risk of more bias, highest risk first", header, rows, notes)]


def _without_risk(records: list[Record]) -> list[str]:
    """Return each reason for undefined risks, with the attributes and groups."""
    places: dict[str, list[str]] = {}
    for r in records:
        if r["verdict"] == "undefined":
            places.setdefault(r["reasons"], []).append(f"{r['attribute']} ({r['group']})")
    return [f"Undefined, {why}: {', '.join(where)}" for why, where in places.items()]


def evaluation_sections(table: Table) -> list[Section]:
    """Report what the flags found, what they carry, and what risk predicted, for each run."""
    records = table.records()
    runs = dict.fromkeys(r["run"] for r in records)
    return [one for run in runs for one in _of_run(run, [r for r in records if r["run"] == run])]


def found_in_words(table: Table, share: str) -> str:
    """Say how many predictions with each outcome the flags found, compared with random flags.

    `share` is the share of flags in words. Only the first run counts. Outcomes that never happened
    and undefined intervals are left out. Fewer than 10 outcomes are too few to tell a share.
    """
    records = [r for r in table.records() if r["measure"] == "recall"]
    cells = {(r["outcome"], r["ranking"]): r for r in reversed(records)}
    if not any(r["n_flagged"] for r in records):
        return "No prediction was flagged."
    said = []
    for outcome in dict.fromkeys(r["outcome"] for r in records):
        found, by_chance = cells[outcome, "risk"], cells[outcome, "random"]
        num, (noun, what) = found["n_outcome"], OUTCOMES[outcome]
        if 0 < num < FEW:
            few = f"{what[0].upper()}{what[1:]} {num_of(num, noun)}"
            said.append(f"{few}: too few to tell what the flags find.")
            if outcome == "flips":  # lost positives are some of them
                break
        elif num:
            bounds = ""
            if not math.isnan(found["low"] + found["high"]):
                bounds = f" [{round(100 * found['low'])}, {round(100 * found['high'])}]"
            said.append(
                f"Of the {num_of(num, noun)} that {what}, {round(100 * found['value'])} %"
                f"{bounds} were among the flags; as many chosen at random, {share}, found "
                f"{round(100 * by_chance['value'])} %."
            )
    return " ".join(said) or "The audited model overturned no prediction."


def _of_run(run: str, records: list[Record]) -> list[Section]:
    flagged = next(r["n_flagged"] for r in records if r["n_flagged"] is not None)
    found = [r for r in records if r["measure"] not in ("share_of_change", "spearman")]
    sections = []
    for outcome in dict.fromkeys(r["outcome"] for r in found):
        title = f"{run}: {_short(outcome)} that {num_of(flagged, 'flagged prediction')} found"
        mine = [r for r in found if r["outcome"] == outcome]
        sections.append(_ranked(title, mine, lambda r: r["measure"]))
    shares = [r for r in records if r["measure"] == "share_of_change"]
    title = f"{run}: share of the change of bias that they carry"
    sections.append(_ranked(title, shares, _outcome))
    ranks = [r for r in records if r["measure"] == "spearman"]
    for group in dict.fromkeys(r["group"] for r in ranks):
        title = f"{run}: rank correlation of attributes and change, {group or 'everyone'}"
        sections.append(_ranked(title, [r for r in ranks if r["group"] == group], _outcome))
    shown = [section for section in sections if section.rows]
    left = [f"{s.title}: {'; '.join(s.notes)}" for s in sections if not s.rows]
    return [*shown, Section("What could not be evaluated", [], [], left)] if left else shown


def _outcome(record: Record) -> str:
    return " ".join(filter(None, (_short(record["outcome"]), record["group"])))


def _ranked(title: str, records: list[Record], column: Callable[[Record], str]) -> Section:
    """Return a table with a row per ranking and a column per number."""
    columns = list(dict.fromkeys(map(column, records)))
    cells = {(r["ranking"], column(r)): r for r in records}
    rankings = list(dict.fromkeys(r["ranking"] for r in records))
    rows = [
        [_short(ranking), *(_value(cells.get((ranking, name))) for name in columns)]
        for ranking in rankings
    ]
    notes = _without_value(records, column)
    if all(r["reason"] for r in records):
        return Section(title, [], [], notes)
    return with_legend(Section(title, ["by", *columns], rows, notes))


def _without_value(records: list[Record], column: Callable[[Record], str]) -> list[str]:
    """List each reason with what it leaves undefined; rankings are named if others have a value."""
    known = {column(r) for r in records if not r["reason"]}
    found: dict[str, dict[str, None]] = {}
    for r in records:
        if r["reason"]:
            name = column(r)
            which = f"{name} by {_short(r['ranking'])}" if name in known else name
            found.setdefault(r["reason"], {})[which] = None
    return [
        f"Undefined, {why.removeprefix('undefined ')}: {', '.join(what)}"
        for why, what in found.items()
    ]


def _short(text: str) -> str:
    return text.replace("bias_amplification", "BA").replace("_", " ")


def _value(record: Record | None) -> str:
    if record is None:
        return ""
    mark = " (few)" if record["status"] == "low_power" else ""
    return number(record["value"]) + interval(record["low"], record["high"]) + mark


def _cell(value: Any) -> str:
    return number(value) if isinstance(value, float) else str(value)
