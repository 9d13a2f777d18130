"""Intervals from counts, which hold even for small ones, and from standard errors.

A standard error is used on a scale on which errors are symmetric: logit within 0 and 1, log for
ratios. An AUC near 1, or a rate among few people, errs more to one side, and by luck often has a
small standard error: plain 95 % t intervals cover 77-93 %.

Counts may be effective ones, which are not whole (`effective_total`); everything broadcasts.
Without rows an interval is undefined (NaN). `df` are the degrees of freedom of an estimated design
effect, infinite for whole counts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbias.auditing.inference.distributions import (
    Floats,
    critical,
    floats,
    gamma_low,
    range_ppf,
    two_sided,
)
from pbias.auditing.inference.jackknife import Estimate, Level, student
from pbias.auditing.metrics.entry import Scale

_COMMON = 0.95  # up to this level the score interval of a rate errs about symmetrically
_HALVINGS = 50


class Interval(NamedTuple):
    """Lower and upper ends."""

    low: Floats
    high: Floats


def wilson(
    successes: ArrayLike, total: ArrayLike, level: Level = 0.95, df: ArrayLike = np.inf
) -> Interval:
    """Return the score interval of a rate. Source: Wilson (1927), JASA 22:209."""
    k, n = np.broadcast_arrays(floats(successes), np.where(floats(total) > 0, total, np.nan))
    square = student(level, df) ** 2
    centre = (k + square / 2) / (n + square)
    margin = np.sqrt(square * (k * (n - k) / n + square / 4)) / (n + square)
    # Rounding must not exclude a rate of 0 or 1 from its own interval.
    low = np.where(k == 0, 0.0 * n, centre - margin)
    return Interval(low, np.where(k == n, 1.0, centre + margin))


def rare_wilson(successes: ArrayLike, total: ArrayLike, level: Level = 0.95) -> Interval:
    """Return the same interval, but corrected for 1 to 3 successes or failures.

    There the score interval covers only 84 % for rates near 0 or 1. The corrected end is the rate
    under which that many or more are as rare as the level implies. Source: Brown, Cai and DasGupta
    (2001), Statistical Science 16:101, section 4.1.1. Beyond 95 %, for example if many rows are
    judged at once, the interval reaches at least as far as the likelihood-ratio interval, because
    the score interval misses twice as many of the rare ones as it states.
    """
    low, high = wilson(successes, total, level)
    k, n = np.broadcast_arrays(floats(successes), np.where(floats(total) > 0, total, np.nan))
    reach = floats(student(level))
    beyond = two_sided(reach)
    ends = Interval(
        np.fmin(low, gamma_low(k, beyond) / n), np.fmax(high, 1 - gamma_low(n - k, beyond) / n)
    )
    far = reach > critical(_COMMON) * (1 + 1e-9)
    if not far.any():
        return ends
    farthest = likelihood_interval(k, n, reach)
    return Interval(
        np.where(far, np.fmin(ends.low, farthest.low), ends.low),
        np.where(far, np.fmax(ends.high, farthest.high), ends.high),
    )


def likelihood_interval(successes: Floats, total: Floats, reach: Floats) -> Interval:
    """Return the rates with a deviance of at most `reach` squared, by bisection, or NaN."""
    k, n = np.broadcast_arrays(successes, total)
    rate, ends = k / n, []
    for outermost in (0.0, 1.0):
        inside, outside = rate, np.full(rate.shape, outermost)
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            near = _deviance(k, n, middle) <= reach**2
            inside, outside = np.where(near, middle, inside), np.where(near, outside, middle)
        ends.append(np.where(rate == outermost, rate, outside))
    return Interval(*ends)


def _deviance(k: Floats, n: Floats, rate: Floats) -> Floats:
    """Return twice the log of the likelihood ratio of k / n and a rate within 0 and 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        of_k = np.where(k > 0, k * np.log(k / (n * rate)), 0.0)
        others = np.where(k < n, (n - k) * np.log((n - k) / (n * (1 - rate))), 0.0)
    return floats(2 * (of_k + others))


def mover_difference(
    value_1: Floats,
    low_1: Floats,
    high_1: Floats,
    value_2: Floats,
    low_2: Floats,
    high_2: Floats,
    correlation: ArrayLike = 0.0,
) -> Interval:
    """Return the interval of value 1 - value 2 from both intervals and the estimates' correlation.

    Each end recovers the variances of both values near that end. Source: Zou and Donner (2008),
    section 2.
    """
    r = floats(correlation)

    def reach(first: Floats, second: Floats) -> Floats:
        return np.sqrt(np.maximum(first**2 - 2.0 * r * first * second + second**2, 0.0))

    difference = value_1 - value_2
    return Interval(
        difference - reach(value_1 - low_1, high_2 - value_2),
        difference + reach(high_1 - value_1, value_2 - low_2),
    )


def mover_ratio(
    value_1: Floats,
    low_1: Floats,
    high_1: Floats,
    value_2: Floats,
    low_2: Floats,
    high_2: Floats,
) -> Interval:
    """Return the interval of value 1 / value 2, at least 0 and independent, from both intervals.

    This is MOVER on the log scale. For a value 1 of 0, it reaches from 0 to the upper end of value
    1 over the lower end of value 2. Source: Donner and Zou (2012), Statistical Methods in Medical
    Research 21:347.
    """
    some = np.where(value_1 > 0, value_1, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = [np.log(v) for v in (some, low_1, high_1, value_2, low_2, high_2)]
        low, high = map(np.exp, mover_difference(*logs))
        none = value_1 == 0
        return Interval(np.where(none, 0.0, low), np.where(none, high_1 / low_2, high))


def ratio_of_counts(above: ArrayLike, below: ArrayLike, level: Level = 0.95) -> Interval:
    """Return the interval of the ratio of two expectations from score intervals of both counts.

    This is MOVER on the log scale, as if the counts were independent; overlapping counts vary less.
    Source: Li, Tang and Wong (2014), Computational Statistics 29, for the ratio of Poisson rates.
    """
    k, n = np.broadcast_arrays(floats(above), np.where(floats(below) > 0, below, np.nan))
    (low_k, high_k), (low_n, high_n) = _poisson_score(k, level), _poisson_score(n, level)
    with np.errstate(divide="ignore", invalid="ignore"):
        down = np.hypot(np.log(k / low_k), np.log(high_n / n))
        up = np.hypot(np.log(high_k / k), np.log(n / low_n))
        low, high = k / n * np.exp(-down), k / n * np.exp(up)
    return Interval(np.where(k > 0, low, 0.0 * n), np.where(k > 0, high, high_k / low_n))


def _poisson_score(count: Floats, level: Level) -> Interval:
    square = student(level) ** 2
    middle, margin = count + square / 2, np.sqrt(square * (count + square / 4))
    return Interval(middle - margin, middle + margin)


def pairwise_differences(
    successes: ArrayLike, totals: ArrayLike, level: float = 0.95, df: float = np.inf
) -> Interval:
    """Return simultaneous intervals of all differences rate i - rate j of K groups, [..., K, K].

    Counts are [..., K]. Each interval adds a success and a failure to both groups (Agresti and
    Caffo 2000). The studentized range makes all hold at once (Tukey and Kramer; Agresti et al.
    2008, Biometrics 64:1270). NaN on the diagonal and for groups without rows, which do not count.
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
    """Return standard errors of a difference to either side, by number of groups; NaN below 2."""
    reach = np.full(num_groups.shape, np.nan)
    for num in np.unique(num_groups[num_groups > 1]):
        reach[num_groups == num] = range_ppf(level, int(num), df) / np.sqrt(2.0)
    return reach


def largest_difference(pairwise: Interval) -> Interval:
    """Return the interval of the range (largest minus smallest) of K rates, from [..., K, K].

    If all simultaneous pairwise intervals hold, so does this one: the range is the largest
    difference, hence at least the largest lower end and at most the largest upper end. So the lower
    end is 0 unless some pair differs, and a true range of 0 is covered, which a bootstrap interval
    never does. NaN with fewer than 2 groups.
    """
    low, high = (np.fmax.reduce(end, axis=(-2, -1)) for end in pairwise)
    return Interval(np.maximum(low, 0.0), np.minimum(high, 1.0))


def effective_total(total: ArrayLike, effect: ArrayLike) -> Floats:
    """Return the number of independent rows worth `total` rows with this design effect.

    It is never more than `total`. Multiply counts by `effective_total / total`. Source: Korn and
    Graubard (1998).
    """
    return floats(total) / np.maximum(floats(effect), 1.0)


def scaled_interval(scale: Scale, found: Estimate, level: Level) -> Interval:
    """Return Student's t interval on a scale (delta method).

    NaN at the ends of a scale, where there is no such error. Source: Pepe (2003), The Statistical
    Evaluation of Medical Tests, section 5.2, for the AUC.
    """
    value, reach = found.value, student(level, found.df) * found.se
    if scale is Scale.LOGIT:
        inside = np.where((value > 0) & (value < 1), value, np.nan)
        logit, step = np.log(inside / (1 - inside)), reach / (inside * (1 - inside))
        return Interval(_expit(logit - step), _expit(logit + step))
    if scale is Scale.LOG:
        inside = np.where(value > 0, value, np.nan)
        with np.errstate(over="ignore"):
            return Interval(value * np.exp(-reach / inside), value * np.exp(reach / inside))
    if scale is Scale.SQUARES:
        return _growing(value, found.se, reach)
    return Interval(value - reach, value + reach)


def _growing(value: Floats, se: Floats, reach: Floats) -> Interval:
    """Return the score interval for sums of squared errors, whose variance grows with them.

    The variance is `4 s^2 value + rest`: it grows by `se^2 / value` per unit without a rest,
    otherwise by less. Half of that is used as the slope, at most that of a value of one standard
    error. The end points solve `(value - x)^2 = t^2 (se^2 + slope (x - value))`.
    """
    slope = 0.5 * se**2 / np.maximum(np.maximum(value, se), np.finfo(float).tiny)
    shift = slope * reach**2 / np.where(se > 0, se, 1.0) ** 2 / 2
    margin = np.hypot(reach, shift)
    return Interval(value + shift - margin, value + shift + margin)


def _expit(x: Floats) -> Floats:
    return 0.5 + 0.5 * np.tanh(x / 2)
