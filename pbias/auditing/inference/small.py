"""Intervals and tests of proportions from their counts, for where these are small.

A difference combines the intervals of its two sides, a change uses the paired counts of both
models, and a spread takes the largest of all differences. Unless rows are `independent` (no
clusters, one run), counts shrink by the design effect. Shapes [S, A] as in measures.py.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.inference.auc_interval import auc_estimate, auc_interval
from pbias.auditing.inference.exact import fisher_exact, mcnemar_exact
from pbias.auditing.inference.intervals import (
    Interval,
    effective_total,
    largest_difference,
    mover_difference,
    newcombe_paired,
    pairwise_differences,
    ratio_of_counts,
    wilson,
)
from pbias.auditing.inference.jackknife import estimate
from pbias.auditing.metrics.measures import FEW, RATIOS, UNLIKE, Measure

Floats = NDArray[np.float64]
Where = tuple[NDArray[np.intp], ...]


def has_counts(measure: Measure) -> bool:
    """Whether a measure is made of counts, or a difference of two that are."""
    if measure.sides is not None:
        return all(map(has_counts, measure.sides))
    return measure.trials is not None


def is_proportion(measure: Measure) -> bool:
    """Whether these are successes among trials."""
    return has_counts(measure) and measure.name not in UNLIKE


def has_pairs(measure: Measure) -> bool:
    """Whether it also has the counts of both models, row by row."""
    if measure.sides is not None:
        return all(map(has_pairs, measure.sides))
    return measure.paired is not None


def value_interval(measure: Measure, level: float, *, independent: bool) -> Interval:
    """Score interval of a proportion, ratio or AUC from its counts, MOVER's of a difference."""
    if measure.sides is not None:
        parts = [
            _with_value(m, value_interval(m, level, independent=independent)) for m in measure.sides
        ]
        return mover_difference(*parts[0], *parts[1])
    first, second = _counts(measure)
    if measure.name == "auc":
        found = estimate(measure.value) if independent else auc_estimate(measure)
        return auc_interval(found, first, second, level)
    share = np.ones_like(second) if independent else _effective_share(measure)
    if measure.name in RATIOS:
        return ratio_of_counts(first * share, second * share, level)
    return wilson(first * share, second * share, level)


def change_interval(
    audited: Measure, reference: Measure, level: float, *, independent: bool
) -> Interval:
    """Newcombe's paired interval of a change, else that of two unpaired rates, which is wider.

    MOVER's of the difference of two changes; a side that is the same in both models has none. That
    of a ratio to the labels is that of its predictions, to the longer side.
    """
    if audited.sides is not None and reference.sides is not None:
        pairs = list(zip(audited.sides, reference.sides, strict=True))
        if _same_counts(*pairs[1]):
            return change_interval(*pairs[0], level, independent=independent)
        parts = [
            _with_value(a, change_interval(a, r, level, independent=independent), r)
            for a, r in pairs
        ]
        return mover_difference(*parts[0], *parts[1])
    if audited.paired is None:
        sides = [
            _with_value(m, value_interval(m, level, independent=independent))
            for m in (audited, reference)
        ]
        return mover_difference(*sides[0], *sides[1])
    share = 1.0 if independent else _effective_share_of_change(audited, reference)
    both, audited_only, reference_only, neither = (
        audited.paired[..., d, s] * share for d, s in ((1, 1), (0, 1), (1, 0), (0, 0))
    )
    ends = newcombe_paired(both, audited_only, reference_only, neither, level)
    if audited.name not in RATIOS:
        return ends
    total, change = _pairs(audited).sum(axis=(-2, -1)), _with_value(audited, ends, reference)[0]
    bottom = np.where(_counts(audited)[1] > 0, _counts(audited)[1], np.nan)
    middle = (audited_only - reference_only) / np.where(total > 0, total * share, np.nan)
    reach = np.maximum(middle - ends.low, ends.high - middle) * total / bottom
    return Interval(change - reach, change + reach)


def spread_interval(measure: Measure, level: float, *, independent: bool) -> Interval:
    """Of the largest difference between values of a group, from simultaneous intervals of all.

    A row made of several metrics (eod) shares the level among them. NaN where a metric is no
    proportion.
    """
    assert measure.spread is not None
    lows, highs = [], []
    for members in measure.spread:
        alone = 1.0 - (1.0 - level) / len(members)
        ends = [_spread(member, alone, independent=independent) for member in members]
        lows.append(np.max([end.low for end in ends], axis=0))
        highs.append(np.max([end.high for end in ends], axis=0))
    return Interval(np.stack(lows), np.stack(highs))


def few_discordant(measure: Measure) -> NDArray[np.bool_]:
    """Fewer than 10 rows on which the two models differ, among those that a rate is made of."""
    if measure.sides is not None:
        return np.asarray(few_discordant(measure.sides[0]) | few_discordant(measure.sides[1]))
    table = _pairs(measure)
    return np.asarray(table[..., 0, 1] + table[..., 1, 0] < FEW)


def exact_p(measure: Measure, few: NDArray[np.bool_], *, change: bool) -> Floats:
    """Exact p [S, A] where `few`, NaN elsewhere: of a change, else of a difference."""
    p = np.full(few.shape, np.nan)
    if few.any():
        where = np.nonzero(few)
        p[where] = (_change_p if change else _value_p)(measure, where)
    return p


def _value_p(measure: Measure, where: Where) -> Floats:
    """Fisher's exact p of a difference; NaN for a proportion, compared with nothing."""
    if measure.sides is None:
        return np.full(len(where[0]), np.nan)
    first, second = (tuple(c[where] for c in _counts(side)) for side in measure.sides)
    return _fisher(first, second)


def _change_p(measure: Measure, where: Where) -> Floats:
    """Exact p that nothing changed: McNemar's, or Fisher's on flips for a difference of groups.

    Flips in each direction are compared between the two groups; where both directions occur, the
    smaller p counts twice.
    """
    if measure.sides is None:
        table = _pairs(measure)[where]
        return mcnemar_exact(table[..., 0, 1], table[..., 1, 0])
    tables = [_pairs(side)[where] for side in measure.sides]
    totals = [table.sum(axis=(-2, -1)) for table in tables]
    directions = [[table[..., d, 1 - d] for table in tables] for d in (0, 1)]
    p = [_fisher(*zip(flips, totals, strict=True)) for flips in directions]
    occur = np.sum([flips[0] + flips[1] > 0 for flips in directions], axis=0)
    return np.asarray(np.minimum(np.minimum(*p) * np.maximum(occur, 1), 1.0))


def _fisher(first: Sequence[Floats], second: Sequence[Floats]) -> Floats:
    (a, n_a), (b, n_b) = first, second
    return fisher_exact(a, n_a - a, b, n_b - b)


def _spread(member: Measure, level: float, *, independent: bool) -> Interval:
    if not is_proportion(member):
        nothing = np.full(member.reason.shape[1], np.nan)
        return Interval(nothing, nothing)
    successes, trials = _counts(member)
    share = np.ones_like(trials) if independent else _effective_share(member)
    return largest_difference(
        pairwise_differences((successes * share).T, (trials * share).T, level)
    )


def _same_counts(audited: Measure, reference: Measure) -> bool:
    return all(
        np.array_equal(a, r) for a, r in zip(_counts(audited), _counts(reference), strict=True)
    )


def _effective_share(measure: Measure) -> Floats:
    """Share of the rows of a proportion that count as independent."""
    found, trials = estimate(measure.value), _counts(measure)[1]
    one = found.value if measure.name in RATIOS else found.value * (1 - found.value)
    variance = one / np.where(trials > 0, trials, np.nan)
    effect = found.se**2 / np.where(variance > 0, variance, np.nan)
    return _share_of(effect, measure.few, trials)


def _effective_share_of_change(audited: Measure, reference: Measure) -> Floats:
    """Share of the rows of a paired change that count as independent."""
    table = _pairs(audited)
    trials, gained, lost = table.sum(axis=(-2, -1)), table[..., 0, 1], table[..., 1, 0]
    n = np.where(trials > 0, trials, np.nan)
    variance = (gained + lost - (gained - lost) ** 2 / n) / n**2
    found = estimate(audited.value, reference.value)
    effect = found.se**2 / np.where(variance > 0, variance, np.nan)
    return _share_of(effect, few_discordant(audited), trials)


def _share_of(effect: Floats, few: NDArray[np.bool_], trials: Floats) -> Floats:
    """1 / design effect, never above 1.

    Rows of few counts show no error of their own: they take the median of their target's others.
    """
    effect = np.where(few | (effect == 0), np.nan, effect)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # rows of NaN alone
        typical = np.nanmedian(effect, axis=0)
        typical = np.where(np.isnan(typical), np.nanmedian(effect), typical)
    effect = np.where(np.isnan(effect), np.nan_to_num(typical, nan=1.0), effect)
    return np.asarray(effective_total(trials, effect) / np.where(trials > 0, trials, 1.0))


def _with_value(
    audited: Measure, ends: Interval, reference: Measure | None = None
) -> tuple[Floats, Floats, Floats]:
    """A value (less that of the reference) and its ends."""
    value = audited.value[:, 0].mean(axis=0)
    if reference is not None:
        value = value - reference.value[:, 0].mean(axis=0)
    return value, ends.low, ends.high


def _counts(measure: Measure) -> tuple[Floats, Floats]:
    assert measure.successes is not None
    assert measure.trials is not None
    return measure.successes, measure.trials


def _pairs(measure: Measure) -> Floats:
    assert measure.paired is not None
    return measure.paired
