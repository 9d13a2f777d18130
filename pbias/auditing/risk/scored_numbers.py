"""One number of an evaluation of flags, with its interval, and the table of all."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pbias.auditing.inference.distributions import Floats, critical
from pbias.auditing.inference.intervals import scaled_interval
from pbias.auditing.inference.jackknife import estimate
from pbias.auditing.metrics.entry import Scale
from pbias.auditing.metrics.measures import FEW

MIN_RANKED = 4
COLUMNS = (
    "run", "measure", "outcome", "group", "ranking", "value", "low", "high", "status", "reason",
    "n", "n_outcome", "n_flagged",
)  # fmt: skip


class Number(NamedTuple):
    """A value with its interval; NaN where undefined (`reason`), the ends also where not known."""

    value: float
    low: float = float("nan")
    high: float = float("nan")
    status: str = "ok"
    reason: str = ""


def undefined(reason: str) -> Number:
    """No value, because of `reason`."""
    return Number(float("nan"), status="undefined", reason=reason)


def of_folds(values: Floats, level: float, scale: Scale, few: bool) -> Number:
    """From values [1+J], on the whole and without each fold, with an interval on this scale.

    With few events the errors of a ratio are uneven beyond what a scale mends: low power.
    """
    found = estimate(values[None, :, None])
    low, high = (float(end[0]) for end in scaled_interval(scale, found, level))
    return Number(float(values[0]), low, high, "low_power" if few else "ok")


def spearman(x: Floats, y: Floats, level: float) -> tuple[Number, int]:
    """Rank correlation of two columns where both are known, and over how many rows.

    Ties have their mean rank. The interval is that of Bonett and Wright (2000), Psychometrika
    65:23, Fisher's z with variance `(1 + r^2 / 2) / (n - 3)`: it takes the rows as a sample.
    """
    known = ~(np.isnan(x) | np.isnan(y))
    num = int(known.sum())
    if num < MIN_RANKED:
        return undefined(f"fewer than {MIN_RANKED} attributes"), num
    a, b = (_mean_ranks(v[known]) for v in (x, y))
    if a.std() == 0 or b.std() == 0:
        return undefined("all attributes alike"), num
    r = float(np.clip(np.corrcoef(a, b)[0, 1], -1.0, 1.0))
    reach = float(critical(level)) * np.sqrt((1 + r**2 / 2) / (num - 3))
    with np.errstate(divide="ignore"):
        z = np.arctanh(r)
    status = "low_power" if num < FEW else "ok"
    return Number(r, float(np.tanh(z - reach)), float(np.tanh(z + reach)), status), num


def _mean_ranks(values: Floats) -> Floats:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[inverse])
