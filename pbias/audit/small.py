"""Intervals and tests of proportions from their counts, for where these are small.

A difference combines the intervals of its two sides, a change uses the paired counts of both
models, and a spread takes the largest of all differences. Unless rows are `independent` (no
clusters, one run), counts shrink by the design effect. Shapes [S, A] as in measures.py.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from pbias.audit.exact import fisher_exact, mcnemar_exact
from pbias.audit.intervals import (
    Interval,
    design_effect,
    effective_total,
    largest_difference,
    mover_difference,
    newcombe_paired,
    pairwise_differences,
    wilson,
)
from pbias.audit.jackknife import estimate
from pbias.audit.measures import FEW, Measure

Floats = NDArray[np.float64]


def has_counts(measure: Measure) -> bool:
    """Whether a measure is a proportion, or a difference of two."""
    if measure.sides is not None:
        return all(map(has_counts, measure.sides))
    return measure.trials is not None


def has_pairs(measure: Measure) -> bool:
    """Whether it also has the counts of both models, row by row."""
    if measure.sides is not None:
        return all(map(has_pairs, measure.sides))
    return measure.paired is not None


def value_interval(measure: Measure, level: float, *, independent: bool) -> Interval:
    """Wilson's interval of a proportion, MOVER's of a difference."""
    if measure.sides is not None:
        parts = [
            _with_value(m, value_interval(m, level, independent=independent)) for m in measure.sides
        ]
        return mover_difference(*parts[0], *parts[1])
    successes, trials = _counts(measure)
    share = 1.0 if independent else _effective_share(measure)
    return wilson(successes * share, trials * share, level)


def change_interval(measure: Measure, level: float, *, independent: bool) -> Interval:
    """Newcombe's paired interval of a change; MOVER's of the difference of two changes."""
    if measure.sides is not None:
        parts = [
            (_change(m), *change_interval(m, level, independent=independent)) for m in measure.sides
        ]
        return mover_difference(*parts[0], *parts[1])
    share = 1.0 if independent else _effective_share(measure)
    table = _pairs(measure)
    both, audited_only, reference_only, neither = (
        table[..., d, s] * share for d, s in ((1, 1), (0, 1), (1, 0), (0, 0))
    )
    return newcombe_paired(both, audited_only, reference_only, neither, level)


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
    """Fewer than 10 rows on which the two models differ, or few successes or failures."""
    if measure.sides is not None:
        return np.asarray(few_discordant(measure.sides[0]) | few_discordant(measure.sides[1]))
    table = _pairs(measure)
    return np.asarray(measure.few | (table[..., 0, 1] + table[..., 1, 0] < FEW))


def value_p(measure: Measure) -> Floats:
    """Fisher's exact p of a difference; NaN for a proportion, compared with nothing."""
    if measure.sides is None:
        return np.full(measure.reason.shape, np.nan)
    return _fisher(*(_counts(side) for side in measure.sides))


def change_p(measure: Measure) -> Floats:
    """Exact p that nothing changed: McNemar's, or Fisher's on flips for a difference of groups.

    Flips in each direction are compared between the two groups; where both directions occur, the
    smaller p counts twice.
    """
    if measure.sides is None:
        table = _pairs(measure)
        return mcnemar_exact(table[..., 0, 1], table[..., 1, 0])
    tables = [_pairs(side) for side in measure.sides]
    totals = [table.sum(axis=(-2, -1)) for table in tables]
    directions = [[table[..., d, 1 - d] for table in tables] for d in (0, 1)]
    p = [_fisher(*zip(flips, totals, strict=True)) for flips in directions]
    occur = np.sum([flips[0] + flips[1] > 0 for flips in directions], axis=0)
    return np.asarray(np.minimum(np.minimum(*p) * np.maximum(occur, 1), 1.0))


def _fisher(first: tuple[Floats, Floats], second: tuple[Floats, Floats]) -> Floats:
    (a, n_a), (b, n_b) = first, second
    return fisher_exact(a, n_a - a, b, n_b - b)


def _spread(member: Measure, level: float, *, independent: bool) -> Interval:
    if not has_counts(member):
        nothing = np.full(member.reason.shape[1], np.nan)
        return Interval(nothing, nothing)
    successes, trials = _counts(member)
    share = np.ones_like(trials) if independent else _effective_share(member)
    return largest_difference(
        pairwise_differences((successes * share).T, (trials * share).T, level)
    )


def _effective_share(measure: Measure) -> Floats:
    """Share of the rows that count as independent, by the errors that folds and runs show.

    Rows of few counts show no error of their own: they take the median of their target's others.
    """
    trials = _counts(measure)[1]
    found = estimate(measure.value)
    effect = design_effect(found.se, found.value, trials)
    effect[measure.few | (effect == 0)] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # rows of NaN alone
        typical = np.nanmedian(effect, axis=0)
        typical = np.where(np.isnan(typical), np.nanmedian(effect), typical)
    effect = np.where(np.isnan(effect), np.nan_to_num(typical, nan=1.0), effect)
    return np.asarray(effective_total(trials, effect) / np.where(trials > 0, trials, 1.0))


def _with_value(measure: Measure, ends: Interval) -> tuple[Floats, Floats, Floats]:
    return measure.value[:, 0].mean(axis=0), ends.low, ends.high


def _change(measure: Measure) -> Floats:
    """Change of a proportion, from its paired counts."""
    table = _pairs(measure)
    total = table.sum(axis=(-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((table[..., 0, 1] - table[..., 1, 0]) / total)


def _counts(measure: Measure) -> tuple[Floats, Floats]:
    assert measure.successes is not None
    assert measure.trials is not None
    return measure.successes, measure.trials


def _pairs(measure: Measure) -> Floats:
    assert measure.paired is not None
    return measure.paired
