"""Flags for people: what is at risk, which attributes, and what came of it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pbias.files.table import Table
from pbias.reporting.sections import Section, interval, number, signed

SHOWN = 20
VERDICTS = ("high", "raised", "low", "undefined")
RANKINGS = ("risk", "margin", "random")
Record = dict[str, Any]


def flag_sections(table: Table) -> list[Section]:
    """The riskiest predictions; the whole list is in the other formats."""
    rows = [[_cell(value) for value in record.values()] for record in table.records()[:SHOWN]]
    rest = len(table) - len(rows)
    notes = [f"and {rest} more: -o flags.csv writes all"] if rest else []
    title = f"{len(table)} predictions at risk, riskiest first"
    return [Section(title, list(table.columns), rows, notes)]


def summary_sections(table: Table) -> list[Section]:
    """Attributes and groups by risk, how many there are of each verdict, and which have none."""
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
    """Each reason why a risk is undefined, with the attributes and groups."""
    places: dict[str, list[str]] = {}
    for r in records:
        if r["verdict"] == "undefined":
            places.setdefault(r["reasons"], []).append(f"{r['attribute']} ({r['group']})")
    return [f"Undefined, {why}: {', '.join(where)}" for why, where in places.items()]


def evaluation_sections(table: Table) -> list[Section]:
    """For each run: what the flagged predictions found, what they carry, what risk foretold."""
    records = table.records()
    runs = dict.fromkeys(r["run"] for r in records)
    return [one for run in runs for one in _of_run(run, [r for r in records if r["run"] == run])]


def _of_run(run: str, records: list[Record]) -> list[Section]:
    flagged = next(r["n_flagged"] for r in records if r["n_flagged"] is not None)
    found = [r for r in records if r["measure"] in ("precision", "recall", "lift", "auc")]
    tables = {
        f"{run}: what {flagged} flagged predictions found": found,
        f"{run}: share of the change of bias that they carry": [
            r for r in records if r["measure"] == "share_of_change"
        ],
        f"{run}: rank correlation of attribute risk and change": [
            r for r in records if r["measure"] == "spearman"
        ],
    }
    return [_ranked(title, mine) for title, mine in tables.items() if mine]


def _ranked(title: str, records: list[Record]) -> Section:
    """A row a number, its rankings side by side."""
    cells: dict[tuple[str, str, str], dict[str, Record]] = {}
    for r in records:
        cells.setdefault((r["measure"], r["outcome"], r["group"]), {})[r["ranking"]] = r
    present = [name for name in RANKINGS if any(name in one for one in cells.values())]
    header = ["", "of", "group", *present]
    rows = [
        [*map(_short, key[:2]), key[2], *(_value(one.get(name)) for name in present)]
        for key, one in cells.items()
    ]
    return Section(title, header, rows, _without_value(cells))


def _without_value(cells: dict[tuple[str, str, str], dict[str, Record]]) -> list[str]:
    """Each reason with what it leaves undefined; a ranking is named where the risk has a value."""
    found: dict[str, dict[str, None]] = {}
    for (measure, outcome, group), one in cells.items():
        for name, r in one.items():
            if r["reason"]:
                which = "" if one["risk"]["reason"] else f"by {name}"
                what = " ".join(filter(None, (_short(measure), _short(outcome), group, which)))
                found.setdefault(r["reason"], {})[what] = None
    return [f"Undefined, {why}: {', '.join(what)}" for why, what in found.items()]


def _short(text: str) -> str:
    return text.replace("bias_amplification", "BA").replace("_", " ")


def _value(record: Record | None) -> str:
    if record is None:
        return ""
    mark = " (few)" if record["status"] == "low_power" else ""
    return number(record["value"]) + interval(record["low"], record["high"]) + mark


def _cell(value: Any) -> str:
    return number(value) if isinstance(value, float) else str(value)
