"""Axes of numbers: a domain with room for all marks, and ticks whose labels differ."""

from __future__ import annotations

import math
from collections.abc import Iterable

from pbias.reporting.charts.figure import Spec

ROOM = 0.05  # on each side of the marks, as a share of the domain


def axis_of(
    values: Iterable[float],
    *,
    least: float,
    most_ticks: int,
    within: tuple[float, float] = (-math.inf, math.inf),
) -> Spec:
    """Return `scale` and `axis` of an encoding that shows all values.

    The domain is at least `least` long, around the values and where possible `within` these bounds,
    so that small differences look small and equal values have an axis. Ticks are multiples of 1, 2
    or 5 times a power of ten, with as many decimals as they need.
    """
    known = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(known), max(known)
    span = max(high - low, least)
    low = max(min((low + high - span) / 2, within[1] - span), min(low, within[0]))
    low, high = low - ROOM * span, low + (1 + ROOM) * span
    ticks, digits = _ticks(low, high, most_ticks)
    axis = {
        "values": ticks, "format": f".{digits}f", "labelFlush": False, "labelOverlap": "greedy",
        "labelSeparation": 4,
    }  # fmt: skip
    return {"scale": {"domain": [low, high], "nice": False, "zero": False}, "axis": axis}


def _ticks(low: float, high: float, most: int) -> tuple[list[float], int]:
    """Return at most `most` ticks between two ends, and how many decimals they have.

    >>> _ticks(-0.03, 0.028, 5), _ticks(0.0, 26.0, 4)
    (([-0.02, 0.0, 0.02], 2), ([0.0, 10.0, 20.0], 0))
    """
    power = math.floor(math.log10((high - low) / most))
    for times in (1, 2, 5, 10):
        step = times * 10.0**power
        first, last = math.ceil(low / step), math.floor(high / step)
        if last - first < most:
            break
    digits = max(0, -power - (times == 10))
    return [round(i * step, digits + 1) + 0.0 for i in range(first, last + 1)], digits
