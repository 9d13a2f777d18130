"""What a report says, before it is known where: titled tables of text, with notes below."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

TOP = 5  # attributes that a section lists
Record = dict[str, Any]


@dataclass(frozen=True)
class Section:
    """One table of a report; columns of numbers are aligned right."""

    title: str
    header: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)

    def numeric(self, column: int) -> bool:
        """Return whether the cells of a column are numbers (or nothing)."""
        cells = [row[column] for row in self.rows if row[column]]
        return bool(cells) and all(cell[0] in "+-0123456789" for cell in cells)


def number(value: float | None, digits: int = 3) -> str:
    """Return a number for eyes: three decimals, and a dash where it is undefined.

    >>> number(0.12345), number(float("nan"))
    ('0.123', '-')
    """
    if value is None or value != value:
        return "-"
    return f"{value:.{digits}f}"


def signed(value: float | None, digits: int = 3) -> str:
    """Return a change for eyes: always with a sign.

    >>> signed(0.0123), signed(-0.5)
    ('+0.012', '-0.500')
    """
    if value is None or value != value:
        return "-"
    return f"{value:+.{digits}f}"


def interval(low: float | None, high: float | None) -> str:
    """Return an interval for eyes, or nothing.

    >>> interval(-0.01, 0.02)
    ' [-0.010, +0.020]'
    """
    if low is None or high is None or low != low or high != high:
        return ""
    return f" [{signed(low)}, {signed(high)}]"


def numbers(record: Record, changed: bool) -> list[str]:
    """Reference, audited, and change with its interval; or the value with its own."""
    value = number(record["value"])
    if not changed:
        return [value + interval(record["low"], record["high"])]
    change = signed(record["change"]) + interval(record["change_low"], record["change_high"])
    return [number(record["reference"]), value, change]


def mark(record: Record) -> str:
    """Return a word beside numbers that few samples carry."""
    low = "low_power" in (record["status"], record["change_status"])
    return "few samples" if low else ""
