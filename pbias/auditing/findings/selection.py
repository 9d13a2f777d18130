"""Numbers chosen for being large: those that hold, and intervals that allow for the choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.inference.distributions import critical
from pbias.auditing.metrics.registry import METRICS
from pbias.files.table import Table

Record = Mapping[str, Any]
Key = tuple[str, str, str, str]
# The rows of one metric at another level of the intervals: (level, metric) -> table.
AtLevel = Callable[[float, str], Table]
KEYS = ("metric", "attribute", "group", "contrast")
OF_VALUE = ("value", "low", "high")
OF_CHANGE = ("change", "change_low", "change_high")


class Ends(NamedTuple):
    """An interval; NaN where there is none."""

    low: float
    high: float

    def nearer(self) -> float:
        """Return the distance of the end nearer 0 from 0: negative if the interval contains 0.

        Returns NaN without an interval.

        >>> Ends(-0.25, -0.125).nearer(), Ends(-0.25, 0.125).nearer()
        (0.125, -0.125)
        """
        return max(self.low, -self.high) if self.low == self.low else float("nan")


def selection_level(level: float, num_chosen: int, num_looked_at: int) -> float:
    """Return the level of each interval so that at most 1 - level of the chosen ones miss.

    That share is the expected one (false coverage rate), for any choice by the numbers themselves.
    Source: Benjamini and Yekutieli (2005), JASA 100:71.

    >>> selection_level(0.75, 2, 8)
    0.9375
    """
    return 1.0 - (1.0 - level) * min(num_chosen, num_looked_at) / max(num_looked_at, 1)


def holding(p: NDArray[np.float64], adjusted: NDArray[np.float64], error: float) -> NDArray[Any]:
    """Return which numbers hold: p adjusted over everything is at most `error`, as is their own.

    With R of m left, p is at most R error / m, so the interval at the level of `selection_level`
    excludes 0. NaN never holds.
    """
    num, held = int((~np.isnan(p)).sum()), adjusted <= error
    while held.any():
        kept = held & (p <= held.sum() * error / num)
        if kept.sum() == held.sum():
            break
        held = kept
    return np.asarray(held, bool)


class Widened:
    """Intervals of rows at other levels, each table made once."""

    def __init__(self, level: float, at_level: AtLevel | None = None) -> None:
        """Use rows at `level`; without `at_level`, intervals are widened by the normal law."""
        self.level, self._at_level = level, at_level
        self._known: dict[tuple[float, str], dict[Key, Ends]] = {}

    def ends(self, record: Record, level: float) -> Ends:
        """Return the interval of a row's change, or of its value, at a level."""
        names = told_columns(record)
        value, own = record[names[0]], Ends(record[names[1]], record[names[2]])
        if level == self.level or own.low != own.low:
            return own
        if self._at_level is None:
            times = float(critical(level) / critical(self.level))
            return Ends(value - times * (value - own.low), value + times * (own.high - value))
        return self._of_metric(level, record["metric"], names)[key_of(record)]

    def _of_metric(self, level: float, metric: str, names: tuple[str, str, str]) -> dict[Key, Ends]:
        if (level, metric) not in self._known:
            assert self._at_level is not None
            columns = self._at_level(level, metric).columns
            keys = zip(*(columns[name] for name in KEYS), strict=True)
            ends = map(Ends, columns[names[1]], columns[names[2]])
            self._known[level, metric] = dict(zip(keys, ends, strict=True))
        return self._known[level, metric]


def told_columns(record: Record) -> tuple[str, str, str]:
    """Return the columns of a row's main number: its change with a reference, else its value."""
    paired = ":" in record["runs"] and not METRICS[record["metric"]].is_change
    return OF_CHANGE if paired else OF_VALUE


def key_of(record: Record) -> Key:
    """Return the key of a row: what it is about."""
    metric, attribute, group, contrast = (record[name] for name in KEYS)
    return metric, attribute, group, contrast


def most_first(rows: list[tuple[Any, Ends]], value: Callable[[Any], float]) -> list[Any]:
    """Rank rows by the end of the interval nearer 0, then those that contain 0 by their value.

    None is left out: a row without an interval ranks with those that contain 0.
    """

    def rank(row: tuple[Any, Ends]) -> tuple[float, float]:
        nearer = row[1].nearer()
        return (-nearer if nearer > 0 else 0.0), -abs(value(row[0]))

    return sorted(rows, key=rank)
