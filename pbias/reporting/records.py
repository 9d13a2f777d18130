"""Records of an audit as rows of text: what sections of a report share."""

from __future__ import annotations

from typing import Any

from pbias.reporting.sections import interval, number, signed

TOP = 5  # attributes that a section lists
Record = dict[str, Any]


def largest(records: list[Record], key: str) -> list[Record]:
    """The records furthest from 0 in a column, of those that have it."""
    known = [record for record in records if record[key] == record[key]]
    return sorted(known, key=lambda record: -abs(record[key]))[:TOP]


def numbers(record: Record, changed: bool) -> list[str]:
    """Reference, audited, and change with its interval; or the value with its own."""
    value = number(record["value"])
    if not changed:
        return [value + interval(record["low"], record["high"])]
    change = signed(record["change"]) + interval(record["change_low"], record["change_high"])
    return [number(record["reference"]), value, change]


def mark(record: Record) -> str:
    """A word beside numbers that few samples carry."""
    low = "low_power" in (record["status"], record["change_status"])
    return "few samples" if low else ""
