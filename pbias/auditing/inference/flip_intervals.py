"""Intervals of changes from the rows that flip, valid even if almost none do.

Shapes as in metrics/flips.py: T tables, S rows, A targets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.inference.distributions import Floats, floats
from pbias.auditing.inference.intervals import Interval, wilson
from pbias.auditing.inference.inversion import p_of_reach
from pbias.auditing.inference.jackknife import Level, student
from pbias.auditing.metrics.flips import Flips, Scaled


@dataclass(frozen=True)
class FlipInterval:
    """The interval of a change [S, A], from flips of which a `share` counts as independent.

    The share is known with `df` degrees of freedom, so Student's t replaces the normal
    distribution.

    The interval is MOVER over the score intervals of both directions of every table, which are
    correlated like the cells of a multinomial. With few rows, rows without a flip thus say little,
    however large the model. Sources: Zou and Donner (2008), section 2; Wilson (1927), for the rates
    that are combined.
    """

    flips: Flips
    share: Floats
    df: Floats

    def interval(self, value: Floats, level: Level) -> Interval:
        """Return the ends around `value`, [S, A]."""
        down, up = _reaches(self.flips, self.share, student(level, self.df))
        return Interval(value - down, value + up)

    def p(self, value: Floats, where: NDArray[np.bool_], level: float) -> Floats:
        """Return two-sided p for no change, from this interval; NaN except at `where`."""
        p = np.full(value.shape, np.nan)
        if not where.any():
            return p
        part, one = _at(self.flips, where), value[where][None]
        share, df = self.share[where][None], self.df[where][None]
        rising = one > 0

        def facing(z: Level) -> Floats:
            down, up = _reaches(part, share, student(z, df))
            return np.where(rising, down, up)

        p[where] = p_of_reach(one, facing, facing(level), level)[0]
        return p


def variance(flips: Flips) -> Floats:
    """Return the variance of a change whose rows are independent, [S, A]."""
    n = np.where(flips.trials > 0, flips.trials, np.nan)
    each = flips.num - (flips.gained - flips.lost) ** 2 / n
    return floats(np.nansum(flips.weight**2 * each, axis=0))


def _at(flips: Flips, where: NDArray[np.bool_]) -> Flips:
    """Return some of the numbers, as the targets of a single row."""

    def some(array: Floats) -> Floats:
        return array[:, where][:, None]

    scaled = flips.scaled
    if scaled is not None:
        scaled = Scaled(some(scaled.part), some(scaled.count), some(scaled.total))
    return Flips(
        some(flips.weight),
        some(flips.gained),
        some(flips.lost),
        some(flips.trials),
        flips.steady[where][None],
        scaled,
    )


def _reaches(flips: Flips, share: Floats, z: Floats) -> tuple[Floats, Floats]:
    """Return how far the interval reaches down and up, [S, A]."""
    n = flips.trials * share
    gained, lost = (_distances(count * share, n, z) for count in (flips.gained, flips.lost))
    common = np.sqrt(_odds(flips.gained, flips.trials) * _odds(flips.lost, flips.trials))

    def square(first: Floats, second: Floats) -> Floats:
        return first**2 + second**2 + 2 * common * first * second

    fall, rise = square(gained[0], lost[1]), square(gained[1], lost[0])
    up = flips.weight > 0
    size = np.where(n > 0, (flips.weight * flips.trials) ** 2, 0.0)
    down_squares = (size * np.where(up, fall, rise)).sum(axis=0)
    up_squares = (size * np.where(up, rise, fall)).sum(axis=0)
    if flips.scaled is not None:
        part, total = flips.scaled.part, flips.scaled.total * share
        shrink, grow = _distances_of_odds(flips.scaled.count * share, total, z)
        falling = (part * np.where(part > 0, shrink, grow)) ** 2
        rising = (part * np.where(part > 0, grow, shrink)) ** 2
        down_squares = down_squares + falling.sum(axis=0)
        up_squares = up_squares + rising.sum(axis=0)
    return np.sqrt(down_squares), np.sqrt(up_squares)


def _distances(count: Floats, trials: Floats, z: Floats) -> tuple[Floats, Floats]:
    """Return the distances from a rate to the ends of its score interval; 0 without rows."""
    low, high = wilson(count, trials, z)
    rate = count / np.where(trials > 0, trials, np.nan)
    return np.nan_to_num(rate - low), np.nan_to_num(high - rate)


def _distances_of_odds(count: Floats, total: Floats, z: Floats) -> tuple[Floats, Floats]:
    """Return how far the odds against a row of `count` may fall and rise, relatively."""
    low, high = wilson(count, total, z)
    some = (count > 0) & (count < total)
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = (total - count) / count
        fall, rise = 1 - (1 / high - 1) / odds, (1 / low - 1) / odds - 1
    return np.where(some, fall, 0.0), np.where(some, rise, 0.0)


def _odds(count: Floats, trials: Floats) -> Floats:
    others = trials - count
    return np.where(others > 0, count / np.where(others > 0, others, 1.0), 0.0)
