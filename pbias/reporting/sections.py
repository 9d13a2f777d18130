"""Sections of a report for any medium: titled tables of text, with notes below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pbias.auditing.findings.selection import OF_CHANGE, OF_VALUE
from pbias.auditing.metrics.registry import METRICS
from pbias.errors import listed

TOP = 5  # attributes that a section lists
# Beside numbers that few samples carry, and what it says.
FEW, FEW_SAMPLES, FEW_EXEMPLARS = "few", "few samples", "few exemplars"
LEGEND = "few: fewer than 10 samples decide it, so that its interval is made from counts."
# In place of an interval that holds every value that the number can have, and what it says.
NO_INFORMATION = "[no information]"
VACUOUS = (
    "no information: the interval covers every value that the number can have (of a ratio: all "
    "from 0 to 2, where 1 is right)."
)
MOST_OF_RATIO = 2.0  # a ratio can be larger, but an interval from 0 to here says nothing already
CONTRASTS = ("1-0", "-rest", "max-min")
SHOWN = 5e-4  # half of the last digit: an end this near to the end of a range is shown as equal
Record = dict[str, Any]


@dataclass(frozen=True)
class Section:
    """A table of a report; columns of numbers are right-aligned."""

    title: str
    header: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)

    def numeric(self, column: int) -> bool:
        """Return whether the cells of a column are numbers or empty."""
        cells = [row[column] for row in self.rows if row[column]]
        return bool(cells) and all(cell[0] in "+-0123456789" for cell in cells)


def number(value: float | None, digits: int = 3) -> str:
    """Format a number for people: three decimals, and a dash if it is undefined.

    >>> number(0.12345), number(float("nan")), number(-0.0001)
    ('0.123', '-', '0.000')
    """
    if value is None or value != value:
        return "-"
    return f"{value:z.{digits}f}"


def signed(value: float | None, digits: int = 3) -> str:
    """Format a change for people: always with a sign.

    >>> signed(0.0123), signed(-0.5), signed(-0.0001)
    ('+0.012', '-0.500', '+0.000')
    """
    if value is None or value != value:
        return "-"
    return f"{value:+z.{digits}f}"


def num_of(num: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1.

    >>> num_of(1, "row"), num_of(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{num:,} {noun}{'s' * (num != 1)}"


def interval(low: float | None, high: float | None) -> str:
    """Format an interval for people; "" if it is undefined.

    >>> interval(-0.01, 0.02)
    ' [-0.010, +0.020]'
    """
    if low is None or high is None or low != low or high != high:
        return ""
    return f" [{signed(low)}, {signed(high)}]"


def span(record: Record, *, changed: bool) -> str:
    """Return the interval of a row's change, or of its value, as text; "" if it is undefined.

    One that covers every value that the number can have says that it holds no information.
    """
    low, high = (record[name] for name in (OF_CHANGE if changed else OF_VALUE)[1:])
    metric = METRICS[record["metric"]]
    least, most = (0.0, MOST_OF_RATIO) if metric.range == "0 and up" else metric.bounds
    contrast = metric.contrasted and record["contrast"].endswith(CONTRASTS)
    for _ in range(changed + contrast):
        least, most = least - most, most - least
    vacuous = low <= least + SHOWN and high >= most - SHOWN
    return f" {NO_INFORMATION}" if vacuous else interval(low, high)


def numbers(record: Record, changed: bool) -> list[str]:
    """Return reference, audited, and change with its interval; or the value with its interval."""
    value = number(record["value"])
    if not changed:
        return [value + span(record, changed=False)]
    change = signed(record["change"]) + span(record, changed=True)
    return [number(record["reference"]), value, change]


def over(record: Record) -> str:
    """Return over how many attributes a mean is, where it leaves some out; else nothing.

    >>> over({"reason": "over 18 of 40 (3 lost), without hat, bald"}), over({"reason": ""})
    ('18 of 40 (3 lost)', '')
    """
    reason = str(record["reason"])
    return reason.partition(",")[0].removeprefix("over ") if reason.startswith("over ") else ""


def is_over_few(record: Record) -> bool:
    """Return whether a mean leaves most attributes out, and so says little of them.

    >>> is_over_few({"reason": "over 1 of 35 (34 lost), without hat"})
    True
    """
    kept, _, rest = over(record).partition(" of ")
    return bool(rest) and 2 * int(kept) < int(rest.split()[0])


def few_left(means: Sequence[tuple[str, Record]]) -> list[str]:
    """Return a warning for means that leave most attributes out, each with its name; or nothing."""
    found = [f"{name} over {over(record)}" for name, record in means if is_over_few(record)]
    if not found:
        return []
    return [f"Means that leave out most attributes, of which they say nothing: {listed(found)}."]


def mark(record: Record) -> str:
    """Return a word that marks numbers with few samples."""
    low = "low_power" in (record["status"], record["change_status"])
    return FEW_SAMPLES if low else ""


def with_legend(section: Section) -> Section:
    """Return the section with what `few` and `no information` mean, where a cell says it."""
    cells = [cell for row in section.rows for cell in row]
    marks = (FEW, FEW_SAMPLES, FEW_EXEMPLARS)
    few = any(cell in marks or cell.endswith(f"({FEW})") for cell in cells)
    vacuous = any(cell.endswith(NO_INFORMATION) for cell in cells)
    notes = [LEGEND] * few + [VACUOUS] * vacuous
    return replace(section, notes=[*section.notes, *notes]) if notes else section
