"""Intervals from small counts.

A difference combines the intervals of its two sides, a change uses the rows that flip, and a spread
takes the largest of all differences. Unless rows are independent (no clusters, one run), counts are
reduced by the design effect. Shapes [S, A] as in counts/sums.py.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbias.auditing.inference.auc_interval import auc_estimate, auc_interval, unlike
from pbias.auditing.inference.distributions import Floats, floats
from pbias.auditing.inference.estimates import Setting
from pbias.auditing.inference.flip_intervals import FlipInterval, variance
from pbias.auditing.inference.intervals import (
    Interval,
    effective_total,
    largest_difference,
    mover_difference,
    mover_ratio,
    pairwise_differences,
    rare_wilson,
    ratio_of_counts,
    wilson,
)
from pbias.auditing.inference.jackknife import Estimate, student
from pbias.auditing.metrics.entry import Counted
from pbias.auditing.metrics.flips import Flips
from pbias.auditing.metrics.measures import Measure

_LEAST_DF = 7.0


def has_counts(measure: Measure) -> bool:
    """Return whether a measure is made of counts, or of measures that are."""
    if measure.raw is not None:
        return has_counts(measure.raw)
    if pair := measure.sides or measure.quotient:
        return all(map(has_counts, pair))
    return measure.trials is not None


def is_proportion(measure: Measure) -> bool:
    """Return whether a measure counts successes among trials."""
    return measure.trials is not None and measure.behavior.counted is Counted.PROPORTION


def value_interval(measure: Measure, setting: Setting) -> Interval:
    """Return the score interval of a proportion, ratio or AUC, or MOVER's of a difference."""
    if measure.sides is not None:
        parts = [_with_value(m, value_interval(m, setting)) for m in measure.sides]
        return mover_difference(*parts[0], *parts[1])
    if measure.raw is not None and measure.mapped is not None:
        return Interval(*map(measure.mapped, value_interval(measure.raw, setting)))
    if measure.quotient is not None:
        top, bottom = (_with_value(m, value_interval(m, setting)) for m in measure.quotient)
        low, high = mover_ratio(*top, *bottom)
        return Interval(low, np.minimum(high, measure.behavior.highest))
    first, second = _counts(measure)
    estimates, level = setting.estimates, setting.reach
    if measure.behavior.counted is Counted.CLASSES:
        by_folds = setting.independent
        found = estimates.of(measure) if by_folds else auc_estimate(estimates, measure)
        return auc_interval(found, first, second, level)
    share = _share_of_rows(measure, setting)
    if not setting.single_runs:
        level = student(level, _df_of(setting.estimates.of(measure), measure.few))
    if measure.behavior.counted is Counted.RATIO:
        return ratio_of_counts(first * share, second * share, level)
    rate = rare_wilson if setting.alone else wilson
    return rate(first * share, second * share, level)


def change_interval(audited: Measure, reference: Measure, setting: Setting) -> Interval:
    """Return the interval of a change as if the models had no rows in common, which is too wide.

    For an AUC it is narrowed as far as the models err alike. For the difference of two changes it
    is MOVER's.
    """
    if audited.sides is not None and reference.sides is not None:
        pairs = list(zip(audited.sides, reference.sides, strict=True))
        parts = [_with_value(a, change_interval(a, r, setting), r) for a, r in pairs]
        return mover_difference(*parts[0], *parts[1])
    sides = [_with_value(m, value_interval(m, setting)) for m in (audited, reference)]
    ends = mover_difference(*sides[0], *sides[1])
    if audited.behavior.counted is not Counted.CLASSES:
        return ends
    change = sides[0][0] - sides[1][0]
    part = unlike(setting.estimates, audited, reference, setting.independent)
    return Interval(*(change + part * (end - change) for end in ends))


def flip_interval(flips: Flips, found: Estimate, setting: Setting) -> FlipInterval:
    """Return the interval from the flips of a number whose error from folds is `found`.

    Unless rows are independent, only a share of them counts, according to the design effect.
    """
    known = np.full(found.value.shape, np.inf)
    if setting.independent:
        return FlipInterval(flips, np.ones_like(found.value), known)
    of_rows = variance(flips)
    effect = found.se**2 / np.where(of_rows > 0, of_rows, np.nan)
    df = known if setting.single_runs else _df_of(found, flips.few)
    return FlipInterval(flips, _share_of(effect, flips.few, np.ones_like(found.value)), df)


def spread_interval(measure: Measure, setting: Setting) -> Interval:
    """Return the interval of a group's largest difference, from simultaneous intervals.

    A row made of several metrics (eod) shares the level among them. NaN if a metric is not a
    proportion.
    """
    assert measure.spread is not None
    lows, highs = [], []
    for members in measure.spread:
        alone = 1.0 - (1.0 - setting.level) / len(members)
        ends = [_spread(member, alone, setting) for member in members]
        lows.append(np.max([end.low for end in ends], axis=0))
        highs.append(np.max([end.high for end in ends], axis=0))
    return Interval(np.stack(lows), np.stack(highs))


def _spread(member: Measure, level: float, setting: Setting) -> Interval:
    if not is_proportion(member):
        nothing = np.full(member.reason.shape[1], np.nan)
        return Interval(nothing, nothing)
    successes, trials = _counts(member)
    share = _share_of_rows(member, setting)
    return largest_difference(
        pairwise_differences((successes * share).T, (trials * share).T, level)
    )


def _share_of_rows(measure: Measure, setting: Setting) -> Floats:
    """Return the share of the rows of a proportion that count as independent."""
    trials = _counts(measure)[1]
    if setting.independent:
        return np.ones_like(trials)
    found = setting.estimates.of(measure)
    is_ratio = measure.behavior.counted is Counted.RATIO
    one = found.value if is_ratio else found.value * (1 - found.value)
    variance = one / np.where(trials > 0, trials, np.nan)
    effect = found.se**2 / np.where(variance > 0, variance, np.nan)
    return _share_of(effect, measure.few, trials)


def _share_of(effect: Floats, few: NDArray[np.bool_], trials: Floats) -> Floats:
    """Return 1 / design effect, never above 1.

    Rows with few counts show no error of their own, so they take the median of their target's
    others.
    """
    effect = _with_typical(np.where(few | (effect == 0), np.nan, effect), 1.0)
    return np.asarray(effective_total(trials, effect) / np.where(trials > 0, trials, 1.0))


def _df_of(found: Estimate, few: NDArray[np.bool_]) -> Floats:
    """Return how well the design effect of several runs is known; for few counts, that of others.

    The minimum is `_LEAST_DF`. With fewer, simulated intervals of few counts, which are already
    wide, were twice as wide as necessary.
    """
    return np.maximum(_with_typical(np.where(few, np.nan, found.df), np.inf), _LEAST_DF)


def _with_typical(known: Floats, otherwise: float) -> Floats:
    """Replace NaN by the median of a target's others, else of all, else by `otherwise`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # rows with only NaN
        typical = np.nanmedian(known, axis=0)
        typical = np.where(np.isnan(typical), np.nanmedian(known), typical)
    return floats(np.where(np.isnan(known), np.nan_to_num(typical, nan=otherwise), known))


def _with_value(
    audited: Measure, ends: Interval, reference: Measure | None = None
) -> tuple[Floats, Floats, Floats]:
    """Return a value (minus that of the reference) and its ends."""
    value = audited.value[:, 0].mean(axis=0)
    if reference is not None:
        value = value - reference.value[:, 0].mean(axis=0)
    return value, ends.low, ends.high


def _counts(measure: Measure) -> tuple[Floats, Floats]:
    assert measure.successes is not None
    assert measure.trials is not None
    return measure.successes, measure.trials


def benjamini_hochberg(p: ArrayLike, axis: int = -1) -> Floats:
    """Adjust p-values to control the false discovery rate along an axis; NaN stay NaN, uncounted.

    Source: Benjamini and Hochberg (1995).
    """
    p = np.moveaxis(np.asarray(p, np.float64), axis, -1)
    order = np.argsort(p, axis=-1)  # NaN last
    num_tests = np.count_nonzero(~np.isnan(p), axis=-1)[..., None]
    ranks = np.arange(1, p.shape[-1] + 1)
    scaled = np.take_along_axis(p, order, -1) * num_tests / ranks
    # NaN are at the end: fmin skips them and `where` restores them.
    smallest = np.fmin.accumulate(scaled[..., ::-1], axis=-1)[..., ::-1]
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, np.minimum(smallest, 1.0), -1)
    return np.moveaxis(np.where(np.isnan(p), np.nan, adjusted), -1, axis)
