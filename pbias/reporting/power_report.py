"""The report of what gates can decide: each gate, then the rows that it covers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pbias.auditing.gates.power import assumed
from pbias.files.table import Table
from pbias.reporting.sections import Section, number, signed

SHOWN = 20
VERDICTS = ("pass", "inconclusive", "fail")
Record = Mapping[str, Any]


def power_sections(gates: Sequence[Record], table: Table) -> list[Section]:
    """Return how often each gate would be decided, and for each the rows nearest to its bound."""
    records = table.records()
    return [
        _gates(gates),
        *(_rows(r["gate"], [row for row in records if row["gate"] == r["gate"]]) for r in gates),
    ]


def _gates(gates: Sequence[Record]) -> Section:
    rows = [
        [r["gate"], *(f"{r[verdict] / r['draws']:.0%}" for verdict in VERDICTS), r["note"]]
        for r in gates
    ]
    said = assumed(gates[0])
    notes = [f"{said[:1].upper()}{said[1:]}. Drawn {gates[0]['draws']} times."]
    return Section("What gates can decide", ["gate", *VERDICTS, "expected"], rows, notes)


def _rows(gate: str, records: Sequence[Record]) -> Section:
    header = [
        "attribute", "group", "", "value", "half-width", "place", "fails from", "fewest labels in",
        "labels", "needed",
    ]  # fmt: skip
    rows = [_row(record) for record in records[:SHOWN]]
    rest = len(records) - len(rows)
    notes = [f"and {rest} more: -o power.csv writes all"] if rest else []
    return Section(gate, header, rows, notes)


def _row(r: Record) -> list[str]:
    undefined = r["value"] != r["value"]
    return [
        r["attribute"] or "mean",
        r["group"] or "everyone",
        r["contrast"],
        r["reason"] if undefined else signed(r["value"]),
        number(r["half_width"]),
        r["place"].replace("_", " "),
        signed(r["detectable"]),
        r["smallest_group"] or "everyone",
        f"{r['n']:,}",
        "-" if r["n_needed"] is None else f"{r['n_needed']:,}",
    ]
