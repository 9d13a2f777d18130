"""The report of exemplars: the first in the list, and over-represented groups."""

from __future__ import annotations

from typing import Any

from pbias.files.table import Table
from pbias.reporting.sections import (
    FEW_EXEMPLARS,
    Section,
    interval,
    num_of,
    number,
    signed,
    with_legend,
)

SHOWN = 20
LEFT_OUT = ("top", "dense_share", "sparse_share")
TOP = 10


def exemplar_sections(table: Table) -> list[Section]:
    """Return the samples that the two sides predict most differently."""
    shown = [name for name in table.columns if name not in LEFT_OUT]
    rows = [[_cell(record[name]) for name in shown] for record in table.records()[:SHOWN]]
    rest = len(table) - len(rows)
    notes = [f"and {rest} more: -o cie.csv writes all"] if rest else []
    title = f"{num_of(len(table), 'compression identified exemplar')}, furthest apart first"
    header = [name.replace("_probability", " p") for name in shown]
    return [Section(title, header, rows, notes)]


def over_representation_sections(table: Table) -> list[Section]:
    """Report, for each kind, all attributes together, then the most conspicuous single ones."""
    records, sections = table.records(), []
    for kind in dict.fromkeys(record["kind"] for record in records):
        mine = [record for record in records if record["kind"] == kind]
        together = [record for record in mine if not record["attribute"]]
        title = f"Among {kind} exemplars of all attributes"
        sections.append(with_legend(Section(title, _HEADER[1:], [_row(r)[1:] for r in together])))
        sure = [r for r in mine if r["attribute"] and r["status"] == "ok" and _clear(r)]
        worst = sorted(sure, key=lambda r: -abs(r["value"]))[:TOP]
        num = len({r["attribute"] for r in mine}) - 1
        notes = [f"Intervals one by one, not corrected for being of {num} attributes."]
        notes = notes if worst else ["no single attribute is beyond doubt"]
        title = f"Attributes whose {kind} exemplars are of one group most"
        sections.append(with_legend(Section(title, _HEADER, [_row(r) for r in worst], notes)))
    return sections


_HEADER = [
    "attribute",
    "group",
    "value",
    "over-representation",
    "of exemplars",
    "of all",
    "num",
    "",
]


def _row(record: dict[str, Any]) -> list[str]:
    return [
        record["attribute"],
        record["group"],
        record["contrast"],
        signed(record["value"]) + interval(record["low"], record["high"]),
        number(record["share"]),
        number(record["base"]),
        str(record["n_exemplars"]),
        {"ok": "", "low_power": FEW_EXEMPLARS}.get(record["status"], record["reason"]),
    ]


def _clear(record: dict[str, Any]) -> bool:
    """Return whether the interval lies on one side of 0."""
    return bool(record["low"] > 0 or record["high"] < 0)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return number(value) if isinstance(value, float) else str(value)
