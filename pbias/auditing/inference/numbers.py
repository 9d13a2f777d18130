"""Turn measures into numbers with intervals: from folds, or from the counts if these are small.

The behavior of each metric is in its entry; docs/inference.md gives the reasons for every rule.
Shape suffixes as in counts/sums.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.inference import small_counts as small
from pbias.auditing.inference.auc_interval import auc_estimate
from pbias.auditing.inference.distributions import Floats
from pbias.auditing.inference.estimates import Setting
from pbias.auditing.inference.few_rows import estimate_of_scores
from pbias.auditing.inference.intervals import Interval, mover_difference, scaled_interval
from pbias.auditing.inference.inversion import p_of_reach
from pbias.auditing.inference.jackknife import (
    NOISE,
    Estimate,
    as_wide,
    detectable,
    detectable_by_interval,
    p_value,
)
from pbias.auditing.metrics.entry import Behavior, Counted, Noise, Scale
from pbias.auditing.metrics.measures import FEW, Measure

IN_REFERENCE = " in the reference"
# Undefined because of a model's predictions, not of the data.
MODEL_REASONS = ("never predicted", "constant predictions")


@dataclass(frozen=True)
class Numbers:
    """A number for each row and target, [S, A]; NaN if undefined (`reason`) or not assessed."""

    value: Floats
    se: Floats
    df: Floats
    low: Floats
    high: Floats
    p: Floats
    detectable: Floats
    few: NDArray[np.bool_]
    reason: NDArray[np.object_]


def of_value(measure: Measure, setting: Setting) -> Numbers:
    """Return the value of one model, a mean over runs; p for 0 if it is a difference."""
    found = _estimate(measure, None, setting)
    if not setting.intervals:
        return _values_alone(found, measure.few, _reason_of_runs(measure))
    silent, behavior = _silent(found, measure), measure.behavior
    few = measure.few | silent
    if measure.errors is not None:
        few = few | measure.errors.few
    alone = replace(setting, alone=measure.sides is None and measure.raw is None)
    low, high = _value_ends(measure, found, alone)
    p = np.full_like(low, np.nan)
    if measure.runs is not None or not setting.compared:
        p = _value_p(measure, found, Interval(low, high), setting)
    if measure.spread is not None:
        low, high = small.spread_interval(measure, setting)
        p = np.full_like(p, np.nan)
    elif measure.least is not None:
        low, high = _least_ends(measure.least, setting)
    elif behavior.fact or behavior.noise is not Noise.NONE or measure.of_extremes:
        low = high = np.full_like(low, np.nan)
    if measure.sides is None:
        high = np.minimum(high, behavior.limit)
    low, high, p = _without_certainty(silent, low, high, p)
    return _numbers(found, (low, high, p), few, _reason_of_runs(measure), setting)


def _silent(found: Estimate, measure: Measure) -> NDArray[np.bool_]:
    """Return where no fold shows any error, except for facts; there may still be one."""
    if measure.behavior.fact or measure.behavior.of_labels or measure.quotient is not None:
        return np.zeros(found.value.shape, bool)
    return np.asarray((found.se <= NOISE) & ~np.isnan(found.value))


def _is_largest(found: Estimate, measure: Measure) -> NDArray[np.bool_]:
    """Return where a group's value is the largest itself: 1, also without each fold."""
    if measure.quotient is None:
        return np.zeros(found.value.shape, bool)
    return np.asarray(found.se <= NOISE)


def _without_certainty(
    silent: NDArray[np.bool_], low: Floats, high: Floats, p: Floats
) -> tuple[Floats, Floats, Floats]:
    """Omit the interval and p where no fold shows an error, instead of giving no width."""
    none = silent & ~(high - low > NOISE)
    low, high, p = (np.where(none, np.nan, part) for part in (low, high, p))
    return low, high, p


def _value_p(measure: Measure, found: Estimate, ends: Interval, setting: Setting) -> Floats:
    """Return p that a difference or signed number is 0: 1 - the level that just reaches 0."""
    behavior, level = measure.behavior, setting.level
    if behavior.signed:
        p = p_value(found)
        if measure.errors is not None:
            where = _by_errors(measure)
            of_errors = small.flip_interval(measure.errors, found, setting)
            p = np.where(where, of_errors.p(found.value, where, level), p)
        elif small.has_counts(measure):
            p = np.where(measure.few, p_value(as_wide(found, *ends, level)), p)
        return p
    if measure.sides is None:
        return np.full_like(found.value, np.nan)
    if behavior.counted is Counted.CLASSES or not small.has_counts(measure):
        return p_value(as_wide(found, *ends, level))

    def facing(z: Floats) -> Floats:
        return _facing(found, _value_ends(measure, found, replace(setting, z=z)))

    return p_of_reach(found.value, facing, _facing(found, ends), level)


def _facing(found: Estimate, ends: Interval) -> Floats:
    """Return how far an interval reaches towards 0."""
    return np.where(found.value > 0, found.value - ends.low, ends.high - found.value)


def _by_errors(measure: Measure) -> NDArray[np.bool_]:
    """Return where few errors determine the interval of a value."""
    assert measure.errors is not None
    return measure.errors.few & measure.errors.steady


def _estimate(audited: Measure, reference: Measure | None, setting: Setting) -> Estimate:
    """Return value and standard error of a measure or a change; for AUCs see auc_interval.py."""
    by_classes = audited.behavior.counted is Counted.CLASSES
    if by_classes and not setting.independent and setting.intervals:
        return auc_estimate(setting.estimates, audited, reference)
    if reference is not None and audited.behavior.risen is not None and setting.intervals:
        return estimate_of_scores(setting.estimates, audited, reference)
    return setting.estimates.of(audited, reference)


def _is_plain_proportion(behavior: Behavior) -> bool:
    return not behavior.signed and behavior.counted is Counted.PROPORTION


def _value_ends(measure: Measure, found: Estimate, setting: Setting) -> Interval:
    """Return a score interval for whole or few counts, otherwise t on the scale of the metric."""
    behavior = measure.behavior
    if measure.sides is not None and not behavior.signed:
        each = [_estimate(side, None, setting) for side in measure.sides]
        parts = [_value_ends(*side, setting) for side in zip(measure.sides, each, strict=True)]
        return _difference(each, parts, found, setting)
    if measure.raw is not None and measure.mapped is not None:
        ends = _value_ends(measure.raw, _estimate(measure.raw, None, setting), setting)
        return Interval(*map(measure.mapped, ends))
    ends = _by_folds_or_counts(measure, found, setting)
    if measure.errors is None:
        return ends
    by_errors = small.flip_interval(measure.errors, found, setting)
    if behavior.risen is not None:
        unseen = by_errors.interval(np.zeros_like(found.value), setting.reach).high
        risen = np.maximum(ends.high, behavior.risen(found.value, unseen))
        rare = measure.errors.fewer_than(behavior.rare) & measure.errors.steady
        return Interval(ends.low, np.where(rare, risen, ends.high))
    low, high = by_errors.interval(found.value, setting.reach)
    low = low if behavior.signed else np.maximum(low, 0.0)
    return Interval(*_where(_by_errors(measure), (low, high), ends))


def _by_folds_or_counts(measure: Measure, found: Estimate, setting: Setting) -> Interval:
    behavior = measure.behavior
    ends = scaled_interval(behavior.scale, found, setting.reach)
    if not small.has_counts(measure):
        return ends
    whole = setting.independent and _is_plain_proportion(behavior)
    always = whole or behavior.counted is Counted.CLASSES
    by_counts = measure.few | np.isnan(ends.low) | always | _is_largest(found, measure)
    if not by_counts.any():
        return ends
    score = small.value_interval(measure, setting)
    return Interval(*_where(by_counts, score, ends))


def _least_ends(members: Sequence[Measure], setting: Setting) -> Interval:
    """Return the interval of the smallest of several values, from simultaneous intervals.

    If all of them hold (Bonferroni), the smallest value lies between the smallest ends.
    """
    lows, highs = [], []
    for member in members:
        level = 1.0 - (1.0 - setting.level) / len(member.rows)
        wide = replace(setting, level=level)
        low, high = _value_ends(member, _estimate(member, None, wide), wide)
        lows.append(low.min(axis=0))
        highs.append(high.min(axis=0))
    return Interval(np.stack(lows), np.stack(highs))


def _difference(
    each: Sequence[Estimate], ends: Sequence[Interval], found: Estimate, setting: Setting
) -> Interval:
    """Return MOVER's interval from two sides, correlated as the error of their difference implies.

    Independent rows of different groups are not correlated.
    """
    first, second = (one.se for one in each)
    product = np.where(first * second > 0, first * second, np.nan)
    r = np.clip((first**2 + second**2 - found.se**2) / (2 * product), -1.0, 1.0)
    r = np.zeros_like(r) if setting.independent else np.nan_to_num(r)
    return mover_difference(each[0].value, *ends[0], each[1].value, *ends[1], r)


def of_change(
    audited: Measure,
    reference: Measure,
    setting: Setting,
    num_discordant: NDArray[np.float64] | None = None,
) -> Numbers:
    """Return audited - reference, with p for no change; undefined if either is undefined.

    `num_discordant` [S, A] is the number of samples that the two predict differently.
    """
    found = _estimate(audited, reference, setting)
    few, behavior, flips = audited.few | reference.few, audited.behavior, audited.flips
    if num_discordant is not None and not behavior.of_scores:
        few = few | (num_discordant < FEW)
    if flips is not None:
        few = few | flips.few
    if not setting.intervals:
        return _values_alone(found, few, _reason_of_both(audited, reference))
    silent, level = _silent(found, audited), setting.level
    few = few | silent
    low, high = _change_ends(audited, reference, found, setting)
    tested = found
    if behavior.counted is Counted.CLASSES:
        tested = as_wide(found, low, high, level)
    by_flips = few & flips.steady if flips is not None else np.zeros_like(few)
    by_counts = (few | _is_largest(found, audited)) & ~by_flips
    if small.has_counts(audited) and by_counts.any():
        ends = small.change_interval(audited, reference, setting)
        wide = as_wide(found._replace(df=np.full_like(low, np.inf)), *ends, level)
        low, high = _where(by_counts, ends, (low, high))
        tested = Estimate(*_where(by_counts, wide, tested))
    p = p_value(tested._replace(se=np.where(by_flips, np.nan, tested.se)))
    if flips is not None and by_flips.any():
        rows = small.flip_interval(flips, found, setting)
        ends = rows.interval(found.value, level)
        low, high, p = _where(
            by_flips, (*ends, rows.p(found.value, by_flips, level)), (low, high, p)
        )
    if behavior.fact or behavior.noise is Noise.LARGEST or audited.of_extremes:
        low = high = p = np.full_like(low, np.nan)
    low, high, p = _without_certainty(silent, low, high, p)
    limit = most_changed(audited)
    low, high = np.maximum(low, -limit), np.minimum(high, limit)
    return _numbers(found, (low, high, p), few, _reason_of_both(audited, reference), setting)


def most_changed(measure: Measure) -> float:
    """Return the maximum change of a number; twice as much for a difference of two numbers."""
    return measure.behavior.limit * (1.0 if measure.sides is None else 2.0)


def _change_ends(
    audited: Measure, reference: Measure, found: Estimate, setting: Setting
) -> Interval:
    """Return the t interval of the change; for an AUC, as asymmetric as the AUC's own interval.

    Towards 0 it reaches at least as far as t: the interval of an AUC ends at 1, and if that of the
    reference is 1, the end of the change would otherwise never reach 0.
    """
    plain = scaled_interval(Scale.IDENTITY, found, setting.level)
    if audited.behavior.counted is not Counted.CLASSES:
        return plain
    if audited.sides is not None and reference.sides is not None:
        pairs = list(zip(audited.sides, reference.sides, strict=True))
        each = [_estimate(*pair, setting) for pair in pairs]
        parts = [_change_ends(*p, one, setting) for p, one in zip(pairs, each, strict=True)]
        return _difference(each, parts, found, setting)
    value = audited.value[:, 0].mean(axis=0)
    around = scaled_interval(audited.behavior.scale, found._replace(value=value), setting.level)
    shifted = Interval(*(found.value + (end - value) for end in around))
    ends = Interval(*_where(np.isnan(around.low), plain, shifted))
    rises = found.value > 0
    ends = Interval(
        np.where(rises, np.minimum(ends.low, plain.low), ends.low),
        np.where(rises, ends.high, np.maximum(ends.high, plain.high)),
    )
    # Not certain although the folds show no error: this may be one side of a difference.
    none = found.se <= NOISE
    if small.has_counts(audited) and none.any():
        ends = Interval(*_where(none, small.change_interval(audited, reference, setting), ends))
    return ends


def _values_alone(found: Estimate, few: NDArray[np.bool_], reason: NDArray[np.object_]) -> Numbers:
    nothing = np.full_like(found.value, np.nan)
    return Numbers(*found, nothing, nothing, nothing, nothing, few, reason)


def _numbers(
    found: Estimate,
    low_high_p: tuple[Floats, Floats, Floats],
    few: NDArray[np.bool_],
    reason: NDArray[np.object_],
    setting: Setting,
) -> Numbers:
    undefined = np.isnan(found.value)
    low, high, p = (np.where(undefined, np.nan, numbers) for numbers in low_high_p)
    level = setting.level
    found_at = detectable(found, level)
    by_ends = few | np.isnan(found_at)
    found_at = np.where(by_ends, detectable_by_interval(found, low, high, level), found_at)
    return Numbers(*found, low, high, p, found_at, few, reason)


def _where(
    few: NDArray[np.bool_], then: Iterable[Floats], otherwise: Iterable[Floats]
) -> tuple[Floats, ...]:
    return tuple(np.where(few, a, b) for a, b in zip(then, otherwise, strict=True))


def _reason_of_runs(measure: Measure) -> NDArray[np.object_]:
    """Return the reason, and in how many runs if not all, so that no run drops out unseen."""
    num_runs = len(measure.value)
    missing = np.isnan(measure.value[:, 0]).sum(axis=0)
    some = (missing > 0) & (missing < num_runs)
    reason = measure.reason.copy()
    for row, target in np.argwhere(some):
        reason[row, target] += f" in {missing[row, target]} of {num_runs} runs"
    return reason


def _reason_of_both(audited: Measure, reference: Measure) -> NDArray[np.object_]:
    """Return why a change is undefined: because of the audited model, the reference, or both."""
    ours, theirs = _reason_of_runs(audited), _reason_of_runs(reference)
    reasons = np.where((ours == "") & (theirs != ""), theirs + IN_REFERENCE, ours)
    for place in np.argwhere((ours != "") & (theirs != "")):
        here, there = ours[*place], theirs[*place]
        if here.startswith(MODEL_REASONS) and there.startswith(MODEL_REASONS):
            reasons[*place] = f"{here}, as{IN_REFERENCE}"
    return reasons
