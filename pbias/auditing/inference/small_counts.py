"""Intervals and exact tests from counts, for where these are small.

A difference combines the intervals of its two sides, a change uses the paired counts of both
models, and a spread takes the largest of all differences. Unless rows are independent (no clusters,
one run), counts shrink by the design effect. Shapes [S, A] as in counts/sums.py.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbias.auditing.inference.auc_interval import auc_estimate, auc_interval
from pbias.auditing.inference.distributions import Floats, beta_cdf, log_binomial
from pbias.auditing.inference.estimates import Setting
from pbias.auditing.inference.intervals import (
    Interval,
    effective_total,
    largest_difference,
    mover_difference,
    mover_ratio,
    newcombe_paired,
    pairwise_differences,
    ratio_of_counts,
    wilson,
)
from pbias.auditing.metrics.entry import Counted
from pbias.auditing.metrics.measures import FEW, Measure

Where = tuple[NDArray[np.intp], ...]

# Probabilities this close count as ties, as in R's fisher.test: equal ones differ by rounding.
_TIE = 1e-7
_CHUNK = 128
_NEGLIGIBLE = 1e-20


def has_counts(measure: Measure) -> bool:
    """Whether a measure is made of counts, or of measures that are."""
    if measure.raw is not None:
        return has_counts(measure.raw)
    if pair := measure.sides or measure.quotient:
        return all(map(has_counts, pair))
    return measure.trials is not None


def is_proportion(measure: Measure) -> bool:
    """Whether these are successes among trials."""
    return measure.trials is not None and measure.behavior.counted is Counted.PROPORTION


def has_pairs(measure: Measure) -> bool:
    """Whether it also has the counts of both models, row by row."""
    if measure.sides is not None:
        return all(map(has_pairs, measure.sides))
    return measure.paired is not None


def value_interval(measure: Measure, setting: Setting) -> Interval:
    """Score interval of a proportion, ratio or AUC from its counts, MOVER's of a difference."""
    if measure.sides is not None:
        parts = [_with_value(m, value_interval(m, setting)) for m in measure.sides]
        return mover_difference(*parts[0], *parts[1])
    if measure.raw is not None and measure.mapped is not None:
        return Interval(*map(measure.mapped, value_interval(measure.raw, setting)))
    if measure.quotient is not None:
        top, bottom = (_with_value(m, value_interval(m, setting)) for m in measure.quotient)
        return mover_ratio(*top, *bottom)
    first, second = _counts(measure)
    estimates, level = setting.estimates, setting.level
    if measure.behavior.counted is Counted.CLASSES:
        by_folds = setting.independent
        found = estimates.of(measure) if by_folds else auc_estimate(estimates, measure)
        return auc_interval(found, first, second, level)
    share = _share_of_rows(measure, setting)
    if measure.behavior.counted is Counted.RATIO:
        return ratio_of_counts(first * share, second * share, level)
    return wilson(first * share, second * share, level)


def change_interval(audited: Measure, reference: Measure, setting: Setting) -> Interval:
    """Newcombe's paired interval of a change, else that of two unpaired rates, which is wider.

    MOVER's of the difference of two changes; a side that is the same in both models has none. That
    of a ratio to the labels is that of its predictions, to the longer side.
    """
    if audited.sides is not None and reference.sides is not None:
        pairs = list(zip(audited.sides, reference.sides, strict=True))
        if _same_counts(*pairs[1]):
            return change_interval(*pairs[0], setting)
        parts = [_with_value(a, change_interval(a, r, setting), r) for a, r in pairs]
        return mover_difference(*parts[0], *parts[1])
    if audited.paired is None:
        sides = [_with_value(m, value_interval(m, setting)) for m in (audited, reference)]
        return mover_difference(*sides[0], *sides[1])
    share = 1.0 if setting.independent else _effective_share_of_change(audited, reference, setting)
    both, audited_only, reference_only, neither = (
        audited.paired[..., d, s] * share for d, s in ((1, 1), (0, 1), (1, 0), (0, 0))
    )
    ends = newcombe_paired(both, audited_only, reference_only, neither, setting.level)
    if audited.behavior.counted is not Counted.RATIO:
        return ends
    total, change = _pairs(audited).sum(axis=(-2, -1)), _with_value(audited, ends, reference)[0]
    bottom = np.where(_counts(audited)[1] > 0, _counts(audited)[1], np.nan)
    middle = (audited_only - reference_only) / np.where(total > 0, total * share, np.nan)
    reach = np.maximum(middle - ends.low, ends.high - middle) * total / bottom
    return Interval(change - reach, change + reach)


def spread_interval(measure: Measure, setting: Setting) -> Interval:
    """Of the largest difference between values of a group, from simultaneous intervals of all.

    A row made of several metrics (eod) shares the level among them. NaN where a metric is no
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
    """Fisher's exact p of a difference of two proportions; NaN for others."""
    sides = [side.raw or side for side in measure.sides or ()]
    if not sides or not all(map(is_proportion, sides)):
        return np.full(len(where[0]), np.nan)
    first, second = (tuple(c[where] for c in _counts(side)) for side in sides)
    return _compare(first, second)


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
    p = [_compare(*zip(flips, totals, strict=True)) for flips in directions]
    occur = np.sum([flips[0] + flips[1] > 0 for flips in directions], axis=0)
    return np.asarray(np.minimum(np.minimum(*p) * np.maximum(occur, 1), 1.0))


def _compare(first: Sequence[Floats], second: Sequence[Floats]) -> Floats:
    (a, n_a), (b, n_b) = first, second
    return fisher_exact(a, n_a - a, b, n_b - b)


def _spread(member: Measure, level: float, setting: Setting) -> Interval:
    if not is_proportion(member):
        nothing = np.full(member.reason.shape[1], np.nan)
        return Interval(nothing, nothing)
    successes, trials = _counts(member)
    share = _share_of_rows(member, setting)
    return largest_difference(
        pairwise_differences((successes * share).T, (trials * share).T, level)
    )


def _same_counts(audited: Measure, reference: Measure) -> bool:
    """Whether both are made of the same counts, and so nothing changed."""
    pairs = zip(_all_counts(audited), _all_counts(reference), strict=True)
    return all(np.array_equal(a, r) for a, r in pairs)


def _all_counts(measure: Measure) -> list[Floats]:
    parts = [measure.raw] if measure.raw else measure.sides or measure.quotient
    if parts is None:
        return [*_counts(measure)]
    return [counts for part in parts for counts in _all_counts(part)]


def _share_of_rows(measure: Measure, setting: Setting) -> Floats:
    """Share of the rows of a proportion that count as independent."""
    trials = _counts(measure)[1]
    if setting.independent:
        return np.ones_like(trials)
    found = setting.estimates.of(measure)
    is_ratio = measure.behavior.counted is Counted.RATIO
    one = found.value if is_ratio else found.value * (1 - found.value)
    variance = one / np.where(trials > 0, trials, np.nan)
    effect = found.se**2 / np.where(variance > 0, variance, np.nan)
    return _share_of(effect, measure.few, trials)


def _effective_share_of_change(audited: Measure, reference: Measure, setting: Setting) -> Floats:
    """Share of the rows of a paired change that count as independent."""
    table = _pairs(audited)
    trials, gained, lost = table.sum(axis=(-2, -1)), table[..., 0, 1], table[..., 1, 0]
    n = np.where(trials > 0, trials, np.nan)
    variance = (gained + lost - (gained - lost) ** 2 / n) / n**2
    found = setting.estimates.of(audited, reference)
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


def fisher_exact(
    first_yes: ArrayLike, first_no: ArrayLike, second_yes: ArrayLike, second_no: ArrayLike
) -> Floats:
    """Two-sided p of Fisher's exact test that two groups have the same rate; whole counts.

    Sums the probabilities of all tables with the same margins that are at most as probable as the
    one observed. 1 where a margin is 0: such a table cannot be told from its like.
    Source: Fisher (1934); the two-sided rule and its tolerance as in R and scipy.
    """
    a, b, c, d = (np.asarray(v, np.float64) for v in (first_yes, first_no, second_yes, second_no))
    shape = np.broadcast(a, b, c, d).shape
    a, b, c, d = (np.atleast_1d(v) for v in np.broadcast_arrays(a, b, c, d))
    assert all((v == np.rint(v)).all() and (v >= 0).all() for v in (a, b, c, d)), "whole counts"
    p = np.ones(a.shape)
    told = ((a + b) > 0) & ((c + d) > 0) & ((a + c) > 0) & ((b + d) > 0)
    p[told] = _fisher(a[told], (a + b)[told], (a + c)[told], (a + b + c + d)[told])
    return p.reshape(shape)


def _fisher(a: Floats, rows: Floats, yes: Floats, total: Floats) -> Floats:
    """p of tables given by a count, its two margins and the total, none of them degenerate."""
    # Mirrored where needed, so that the observed count lies at or below the mode.
    mirrored = a > np.floor((rows + 1) * (yes + 1) / (total + 2))
    a, yes = np.where(mirrored, rows - a, a), np.where(mirrored, total - yes, yes)
    table = (rows, yes, total)
    log_p = _log_hypergeometric(a, *table)
    opposite = _first_at_most(log_p + np.log1p(_TIE), a, *table)
    most = np.minimum(rows, yes)
    start = np.minimum(opposite, most)
    log_opposite = np.where(opposite <= most, _log_hypergeometric(start, *table), -np.inf)
    lower = np.exp(log_p) * _tail_sum(a, -1, *table)
    return np.minimum(lower + np.exp(log_opposite) * _tail_sum(start, 1, *table), 1.0)


def _log_hypergeometric(x: Floats, rows: Floats, yes: Floats, total: Floats) -> Floats:
    """Log probability of x yeses in the first group. Source: Loader (2000), section 4."""
    p, q = yes / total, (total - yes) / total
    parts = log_binomial(x, rows, p, q) + log_binomial(yes - x, total - rows, p, q)
    return parts - log_binomial(yes, total, p, q)


def _first_at_most(limit: Floats, a: Floats, rows: Floats, yes: Floats, total: Floats) -> Floats:
    """Smallest count above a, from the mode up, whose log probability is at most the limit.

    One more than the largest possible count where there is none. By bisection: past the mode the
    probability falls.
    """
    low = np.maximum(a + 1, np.floor((rows + 1) * (yes + 1) / (total + 2)))
    high = np.minimum(rows, yes) + 1
    while np.any(low < high):
        middle = np.floor((low + high) / 2)
        inside = np.minimum(middle, np.minimum(rows, yes))
        found = (_log_hypergeometric(inside, rows, yes, total) <= limit) | (low >= high)
        low, high = np.where(found, low, middle + 1), np.where(found, middle, high)
    return high


def _tail_sum(x: Floats, step: int, rows: Floats, yes: Floats, total: Floats) -> Floats:
    """Sum of P(k) / P(x) over k = x, x + step, x + 2 step, ... until what is left is negligible."""
    sums, term, at = np.zeros_like(x), np.ones_like(x), x.copy()
    active = np.arange(len(x))
    while len(active):
        counts = at[active, None] + step * np.arange(_CHUNK)
        ratios = _ratio(counts, step, *(v[active, None] for v in (rows, yes, total)))
        terms = term[active, None] * np.cumprod(ratios, axis=1)
        sums[active] += term[active] + terms[:, :-1].sum(axis=1)
        term[active] = terms[:, -1]
        at[active] += step * _CHUNK
        active = active[term[active] > _NEGLIGIBLE * sums[active]]
    return sums


def _ratio(x: Floats, step: int, rows: Floats, yes: Floats, total: Floats) -> Floats:
    """P(x + step) / P(x), 0 beyond the possible counts."""
    rest = total - rows - yes + x
    top, bottom = (rows - x) * (yes - x), (x + 1) * (rest + 1)
    if step < 0:
        top, bottom = x * rest, (rows - x + 1) * (yes - x + 1)
    possible = (np.maximum(0, rows + yes - total) <= x) & (x <= np.minimum(rows, yes))
    return np.where(possible, top / np.where(possible, bottom, 1.0), 0.0)


def mcnemar_exact(gained: ArrayLike, lost: ArrayLike) -> Floats:
    """Two-sided p that gains and losses are equally likely, given their sum; 1 without any.

    Source: exact binomial test with probability 1/2 on the discordant rows (McNemar 1947).
    """
    b, c = np.broadcast_arrays(np.asarray(gained, np.float64), np.asarray(lost, np.float64))
    few, many = np.minimum(b, c), np.maximum(b, c)
    half = np.full(b.shape, 0.5)
    tail = beta_cdf(np.maximum(many, 1.0), few + 1.0, half, half)
    return np.where(few == many, 1.0, np.minimum(2.0 * tail, 1.0))


def benjamini_hochberg(p: ArrayLike, axis: int = -1) -> Floats:
    """p-values adjusted to control the false discovery rate along an axis; NaN stay NaN, uncounted.

    Source: Benjamini and Hochberg (1995).
    """
    p = np.moveaxis(np.asarray(p, np.float64), axis, -1)
    order = np.argsort(p, axis=-1)  # NaN last
    num_tests = np.count_nonzero(~np.isnan(p), axis=-1)[..., None]
    ranks = np.arange(1, p.shape[-1] + 1)
    scaled = np.take_along_axis(p, order, -1) * num_tests / ranks
    # NaN lie at the end: fmin passes them over and the where puts them back.
    smallest = np.fmin.accumulate(scaled[..., ::-1], axis=-1)[..., ::-1]
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, np.minimum(smallest, 1.0), -1)
    return np.moveaxis(np.where(np.isnan(p), np.nan, adjusted), -1, axis)
