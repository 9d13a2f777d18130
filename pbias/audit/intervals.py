"""Intervals for rates and their differences that hold where counts are small.

Counts may be effective ones, not whole (`effective_total`); everything broadcasts. Without rows an
interval is undefined (NaN). `df` are the degrees of freedom of an estimated design effect, infinite
for whole counts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbias.audit.distributions import Floats, critical, floats, range_ppf


class Interval(NamedTuple):
    """Lower and upper ends."""

    low: Floats
    high: Floats


def wilson(
    successes: ArrayLike, total: ArrayLike, level: float = 0.95, df: ArrayLike = np.inf
) -> Interval:
    """Score interval of a rate. Source: Wilson (1927), JASA 22:209."""
    k, n = np.broadcast_arrays(floats(successes), np.where(floats(total) > 0, total, np.nan))
    square = critical(level, df) ** 2
    centre = (k + square / 2) / (n + square)
    margin = np.sqrt(square * (k * (n - k) / n + square / 4)) / (n + square)
    # Rounding must not leave a rate of 0 or 1 outside of its own interval.
    low = np.where(k == 0, 0.0 * n, centre - margin)
    return Interval(low, np.where(k == n, 1.0, centre + margin))


def mover_difference(
    value_1: Floats, low_1: Floats, high_1: Floats, value_2: Floats, low_2: Floats, high_2: Floats
) -> Interval:
    """Interval of value 1 less value 2 from the intervals of independent estimates.

    Each end recovers the variances of the two near that end. Source: Zou and Donner (2008),
    section 2.
    """
    difference = value_1 - value_2
    return Interval(
        difference - np.hypot(value_1 - low_1, high_2 - value_2),
        difference + np.hypot(high_1 - value_1, value_2 - low_2),
    )


def newcombe_difference(
    successes_1: ArrayLike,
    total_1: ArrayLike,
    successes_2: ArrayLike,
    total_2: ArrayLike,
    level: float = 0.95,
    df: ArrayLike = np.inf,
) -> Interval:
    """Hybrid score interval of rate 1 - rate 2 in unpaired groups.

    Source: Newcombe (1998), Statistics in Medicine 17:873, method 10.
    """
    parts: list[Floats] = []
    for successes, total in ((successes_1, total_1), (successes_2, total_2)):
        n = np.where(floats(total) > 0, total, np.nan)
        parts += [floats(successes) / n, *wilson(successes, total, level, df)]
    return mover_difference(*parts)


def newcombe_paired(
    both: ArrayLike,
    first_only: ArrayLike,
    second_only: ArrayLike,
    neither: ArrayLike,
    level: float = 0.95,
    df: ArrayLike = np.inf,
) -> Interval:
    """Score interval of the rate of the first less that of the second, on the same rows.

    The parts as in MOVER, less what the correlation of the two (corrected for continuity) takes.
    Source: Newcombe (1998), Statistics in Medicine 17:2635, method 10.
    """
    a, b, c, d = np.broadcast_arrays(*(floats(v) for v in (both, first_only, second_only, neither)))
    n = np.where(a + b + c + d > 0, a + b + c + d, np.nan)
    low_1, high_1 = wilson(a + b, n, level, df)
    low_2, high_2 = wilson(a + c, n, level, df)
    rate_1, rate_2 = (a + b) / n, (a + c) / n
    phi = _corrected_phi(a, b, c, d)

    def reach(first: Floats, second: Floats) -> Floats:
        return np.sqrt(np.maximum(first**2 - 2.0 * phi * first * second + second**2, 0.0))

    difference = (b - c) / n
    return Interval(
        difference - reach(rate_1 - low_1, high_2 - rate_2),
        difference + reach(high_1 - rate_1, rate_2 - low_2),
    )


def _corrected_phi(a: Floats, b: Floats, c: Floats, d: Floats) -> Floats:
    product = (a + b) * (c + d) * (a + c) * (b + d)
    excess = a * d - b * c
    corrected = np.where(excess > 0, np.maximum(excess - (a + b + c + d) / 2, 0.0), excess)
    return corrected / np.sqrt(np.where(product > 0, product, np.inf))


def pairwise_differences(
    successes: ArrayLike, totals: ArrayLike, level: float = 0.95, df: float = np.inf
) -> Interval:
    """Simultaneous intervals of all differences rate i - rate j of K groups, [..., K, K].

    Counts are [..., K]. Each interval adds a success and a failure to both groups (Agresti and
    Caffo 2000); the studentised range makes all hold at once (Tukey and Kramer; Agresti et al.
    2008, Biometrics 64:1270). NaN on the diagonal and for groups without rows, which count for
    nothing.
    """
    k, n = np.broadcast_arrays(floats(successes), floats(totals))
    rate = np.where(n > 0, (k + 1) / (n + 2), np.nan)
    variance = rate * (1 - rate) / (n + 2)
    difference = rate[..., :, None] - rate[..., None, :]
    difference[..., range(k.shape[-1]), range(k.shape[-1])] = np.nan
    error = np.sqrt(variance[..., :, None] + variance[..., None, :])
    margin = _range_critical(np.asarray((n > 0).sum(axis=-1)), level, df)[..., None, None] * error
    return Interval(difference - margin, difference + margin)


def _range_critical(num_groups: NDArray[np.integer], level: float, df: float) -> Floats:
    """Standard errors of a difference to either side, for each number of groups; NaN below 2."""
    reach = np.full(num_groups.shape, np.nan)
    for num in np.unique(num_groups[num_groups > 1]):
        reach[num_groups == num] = range_ppf(level, int(num), df) / np.sqrt(2.0)
    return reach


def largest_difference(pairwise: Interval) -> Interval:
    """Interval of the largest less the smallest of K rates, from simultaneous ones [..., K, K].

    Where all pairwise intervals hold, so does this: the range is the largest difference, hence at
    least the largest lower end and at most the largest upper end. So the lower end is 0 unless some
    pair differs, and a true range of 0 is covered, which a bootstrap interval never does. NaN with
    fewer than 2 groups.
    """
    low, high = (np.fmax.reduce(end, axis=(-2, -1)) for end in pairwise)
    return Interval(np.maximum(low, 0.0), np.minimum(high, 1.0))


def absolute(signed: Interval) -> Interval:
    """Interval of a size from that of the signed number: from 0 where that includes 0."""
    low, high = signed
    return Interval(np.maximum(np.maximum(low, -high), 0.0), np.maximum(high, -low))


def design_effect(se: ArrayLike, rate: ArrayLike, total: ArrayLike) -> Floats:
    """How many times the variance of a rate exceeds that of independent rows; NaN at rates 0 and 1.

    Source: Kish (1965); the standard error is one that honours clusters, as the jackknife's.
    """
    p, n = floats(rate), floats(total)
    independent = p * (1 - p) / np.where(n > 0, n, np.nan)
    return floats(se) ** 2 / np.where(independent > 0, independent, np.nan)


def effective_total(total: ArrayLike, effect: ArrayLike) -> Floats:
    """Independent rows worth as much as `total` rows of this design effect; never more than those.

    Multiply counts by `effective_total / total`. Source: Korn and Graubard (1998).
    """
    return floats(total) / np.maximum(floats(effect), 1.0)
