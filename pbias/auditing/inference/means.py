"""The interval of a mean over targets if folds or counts alone are not enough.

Shape suffixes as in counts/sums.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.inference.distributions import Floats, critical, floats
from pbias.auditing.inference.estimates import Estimates
from pbias.auditing.inference.jackknife import (
    Estimate,
    as_wide,
    detectable,
    detectable_by_interval,
    p_value,
)
from pbias.auditing.inference.numbers import Numbers
from pbias.auditing.metrics.measures import Measure

_LARGEST_VARIANCE = 0.25  # of values between 0 and 1
# Where few predictions change, a sample whose change was never seen may change in half of the
# targets at once: half of what is possible is the root of this share of the variance.
_LEAST_ALIKE = 0.25


def widen(
    mean: Numbers,
    each: Numbers,
    thin: NDArray[np.bool_],
    count: NDArray[np.integer],
    level: float,
) -> Numbers:
    """Return a mean over `count` targets [S, 1] with the errors of its `thin` ones [S, A].

    Folds show how targets err together, but underestimate the error of a target with few rows: 3
    successes in 3 trials show no error, and neither does a target whose rows all lie in one fold.
    The excess of such a target's own interval over its folds is added, treated as independent
    (MOVER: Zou and Donner 2008).
    """
    if not thin.any():
        return mean
    z, num = critical(level), np.maximum(count, 1)
    # Variances of the sum over targets, towards either side.
    below, above = (_unseen(each, end, thin, z) for end in (each.low, each.high))
    variance = mean.se**2 + (below + above) / 2 / num**2
    found = Estimate(mean.value, np.sqrt(variance), mean.df)
    wider = replace(
        mean,
        low=mean.value - np.hypot(mean.value - mean.low, z * np.sqrt(below) / num),
        high=mean.value + np.hypot(mean.high - mean.value, z * np.sqrt(above) / num),
        detectable=detectable(found, level),
    )
    return _tested(wider, np.ones_like(mean.few), level)


def _unseen(each: Numbers, end: Floats, thin: NDArray[np.bool_], z: Floats) -> Floats:
    implied = ((end - each.value) / z) ** 2
    implied = np.where(np.isnan(implied), _LARGEST_VARIANCE, implied)
    beyond = np.where(thin, implied - np.nan_to_num(each.se) ** 2, 0.0)
    return floats(np.maximum(beyond, 0.0).sum(axis=1, keepdims=True))


def lengthen(mean: Numbers, values: Sequence[Floats], level: float) -> Numbers:
    """Return a mean that reaches further on its long tail, from sides' values [R, 1+J, S, 1].

    Few clusters with uneven errors make the error of a mean skewed, and the estimate and its
    standard error are low, or high, together: t missed 6 % instead of 2.5 on one side. The end on
    that side moves by Johnson's `skew / 6 (1 + 2 z^2)` standard errors. The other end, which would
    move as well, stays. Source: Johnson (1978), JASA 73:536.
    """
    without = values[0].mean(axis=0)[1:]
    if len(values) > 1:
        without = without - values[1].mean(axis=0)[1:]
    if len(without) < 2:
        return mean
    away = without.mean(axis=0) - without
    squares = (away**2).sum(axis=0)
    skew = (away**3).sum(axis=0) / np.where(squares > 0, squares, np.inf) ** 1.5
    shift = np.nan_to_num(skew) / 6 * (1 + 2 * critical(level) ** 2) * mean.se
    longer = replace(
        mean, low=mean.low + np.minimum(shift, 0.0), high=mean.high + np.maximum(shift, 0.0)
    )
    return _tested(longer, np.ones_like(mean.few), level)


def common_errors(
    estimates: Estimates,
    sides: Sequence[Measure],
    means: Sequence[Measure],
    defined: NDArray[np.bool_],
) -> Floats:
    """Return how alike the `defined` targets [S, A] of the models err: a correlation, [S, 1].

    That of their numbers, by folds, of the side where it is larger; at least `_LEAST_ALIKE`, and 1
    where the folds of a mean rest on few counts.
    """
    found = np.full((len(defined), 1), _LEAST_ALIKE)
    for side, mean in zip(sides, means, strict=True):
        each, whole = (estimates.of(one).se for one in (side, mean))
        each = np.where(defined, np.nan_to_num(each), 0.0)
        alone = (each**2).sum(axis=1, keepdims=True)
        together = each.sum(axis=1, keepdims=True) ** 2
        variance = (whole * defined.sum(axis=1, keepdims=True)) ** 2
        beyond = np.where(together > alone, together - alone, np.nan)
        alike = np.where(mean.few, 1.0, (variance - alone) / beyond)
        found = np.fmax(found, np.nan_to_num(alike, nan=1.0))
    return floats(np.minimum(found, 1.0))


def ends_of_few(
    mean: Numbers,
    each: Numbers,
    defined: NDArray[np.bool_],
    level: float,
    alike: Floats | float = 1.0,
) -> Numbers:
    """Return a mean over the `defined` targets [S, A] of few counts, with ends made from theirs.

    The folds show nothing there. So the ends of the targets are combined as of errors with the
    correlation `alike` (MOVER); with 1 these are the means of the ends. The mean over a single
    target is that target's number.
    """
    count = defined.sum(axis=1, keepdims=True)
    num = np.where(count > 0, count, np.nan)

    def reach(to: Floats) -> Floats:
        to = np.where(defined, to, 0.0)
        of_one, of_sum = ((to**2).sum(axis=1, keepdims=True), to.sum(axis=1, keepdims=True) ** 2)
        return floats(np.sqrt(alike * of_sum + (1.0 - alike) * of_one) / num)

    low = np.where(mean.few, mean.value - reach(each.value - each.low), mean.low)
    high = np.where(mean.few, mean.value + reach(each.high - each.value), mean.high)
    found = Estimate(mean.value, mean.se, mean.df)
    by_ends = detectable_by_interval(found, low, high, level)
    found_at = np.where(mean.few, by_ends, mean.detectable)
    wider = replace(mean, low=low, high=high, detectable=found_at)
    return _only(_tested(wider, mean.few, level), each, defined)


def _tested(mean: Numbers, where: NDArray[np.bool_], level: float) -> Numbers:
    """With the p of an error as large as the interval reaches towards 0, where there is a p."""
    where = where & ~np.isnan(mean.p)
    if not where.any():
        return mean
    df = np.where(np.isnan(mean.df), np.inf, mean.df)
    found = as_wide(Estimate(mean.value, mean.se, df), mean.low, mean.high, level)
    p = np.where(np.isnan(mean.low), np.nan, p_value(found))
    return replace(mean, p=np.where(where, p, mean.p))


def _only(mean: Numbers, each: Numbers, defined: NDArray[np.bool_]) -> Numbers:
    """Return the mean over one target as that target's number, with its reason."""
    alone = defined.sum(axis=1, keepdims=True) == 1
    if not alone.any():
        return mean
    place = defined.argmax(axis=1)[:, None]
    names = ("se", "df", "low", "high", "p", "detectable", "few")
    same = {name: np.take_along_axis(getattr(each, name), place, axis=1) for name in names}
    return replace(mean, **{n: np.where(alone, v, getattr(mean, n)) for n, v in same.items()})
