"""Measures: one metric over strata x targets, by run, on all folds and without each.

Shape suffixes as in counts/sums.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.strata import Strata
from pbias.auditing.counts.sums import JointSums, Row
from pbias.auditing.metrics.entry import Behavior, Counted
from pbias.auditing.metrics.flips import FEW as FEW
from pbias.auditing.metrics.flips import Flips, rows_at

MAX = "max"
MIN = "min"
SPREAD = "max-min"
PLAIN = Behavior()


@dataclass(frozen=True)
class Measure:
    """Values float64 [R, 1 or 1+J, S, A], NaN if undefined; reasons str [S, A], else "".

    `few` bool [S, A] marks counts under 10, for which a normal approximation does not hold;
    intervals then come from the counts. A proportion has the counts `successes` and `trials`, [S,
    A], as means over runs; `behavior.counted` says what else they may mean. `flips` are the rows
    that make up its change from the reference, and `errors` the rows that make up its difference
    from perfect predictions.

    Some measures have parts instead, from which their intervals are made: a difference has its two
    `sides`, a quotient of two rates its `quotient`, and an increasing function `mapped` of another
    measure that measure as `raw`. A largest difference has `spread`: for each row, the measures
    whose largest difference between rows it is. A smallest value has `least`: for each row, the
    measure of which it is the smallest. A measure whose rows are taken from another has that one as
    its `origin`, and the `places` of its rows there. `runs` are the numbers of runs per side if R
    is as in `JointSums`.
    """

    rows: tuple[Row, ...]
    value: NDArray[np.float64]
    reason: NDArray[np.object_]
    few: NDArray[np.bool_]
    successes: NDArray[np.float64] | None = None
    trials: NDArray[np.float64] | None = None
    flips: Flips | None = None
    errors: Flips | None = None
    runs: tuple[int, int] | None = None
    sides: tuple[Measure, Measure] | None = None
    quotient: tuple[Measure, Measure] | None = None
    raw: Measure | None = None
    mapped: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None
    spread: tuple[tuple[Measure, ...], ...] | None = None
    least: tuple[Measure, ...] | None = None
    origin: Measure | None = None
    places: tuple[int, ...] = ()
    behavior: Behavior = PLAIN

    def take(self, indices: Sequence[int]) -> Measure:
        """Return some of the rows."""
        index = rows_at(indices)
        return replace(
            self,
            rows=tuple(self.rows[i] for i in indices),
            value=self.value[:, :, index],
            reason=self.reason[index],
            few=self.few[index],
            sides=self.sides and (self.sides[0].take(indices), self.sides[1].take(indices)),
            quotient=self.quotient
            and (self.quotient[0].take(indices), self.quotient[1].take(indices)),
            raw=self.raw and self.raw.take(indices),
            spread=self.spread and tuple(self.spread[i] for i in indices),
            least=self.least and tuple(self.least[i] for i in indices),
            successes=None if self.successes is None else self.successes[index],
            trials=None if self.trials is None else self.trials[index],
            flips=self.flips and self.flips.take(indices),
            errors=self.errors and self.errors.take(indices),
            origin=self.origin or self,
            places=tuple(self.places[i] for i in indices) if self.origin else tuple(indices),
        )

    def as_metric(
        self, behavior: Behavior, flips: Flips | None = None, errors: Flips | None = None
    ) -> Measure:
        """Return the same numbers with the behavior of a metric."""
        return replace(
            self, behavior=behavior, flips=flips or self.flips, errors=errors or self.errors
        )

    @property
    def of_extremes(self) -> bool:
        """Whether every row is the largest or smallest of several values."""
        return all(row.contrast in (MAX, MIN, SPREAD) for row in self.rows)


def ratio(
    rows: tuple[Row, ...],
    numerator: NDArray[Any],
    denominator: NDArray[Any],
    why: str,
    *,
    counted: bool = True,
) -> Measure:
    """Return numerator / denominator, [R, 1+J, S, A]; undefined, with the reason `why`, for 0.

    `counted` means that the two are counts of successes and trials.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(denominator > 0, numerator / denominator, np.nan)
    top, bottom = numerator[:, 0].mean(axis=0), denominator[:, 0].mean(axis=0)
    few = (np.minimum(top, bottom - top) if counted else bottom) < FEW
    reason = np.where((denominator[:, 0] == 0).any(axis=0), why, "").astype(object)
    for index, row in enumerate(rows):
        if row.group:
            reason[index] = np.where(reason[index] == "", "", f"{why} in group")
    counts = {"successes": top, "trials": bottom} if counted else {}
    return Measure(rows, value, reason, few, **counts)


def share_of_pairs(joint: JointSums, top: NDArray[Any], bottom: NDArray[Any], why: str) -> Measure:
    """Return a share of rows [R, 1+J, S, A] of two models; `bottom` depends on labels alone."""
    found = ratio(joint.rows, top, bottom, why)
    successes, trials = (joint.over_pairs(count[:, 0]) for count in (top, bottom))
    few = np.minimum(successes, trials - successes) < FEW
    return replace(found, successes=successes, trials=trials, few=few)


def ratio_of_counts(
    rows: tuple[Row, ...], top: NDArray[Any], bottom: NDArray[Any], why: str
) -> Measure:
    """Return a ratio of two counts that is not a share: few if either count is few."""
    counts = [count[:, 0].mean(axis=0) for count in (top, bottom)]
    return replace(
        ratio(rows, top, bottom, why, counted=False),
        few=np.minimum(*counts) < FEW,
        successes=counts[0],
        trials=counts[1],
    )


def undefined(measure: Measure, reason: str) -> Measure:
    """Return the same rows without values, because of `reason`."""
    return Measure(
        measure.rows,
        np.full_like(measure.value, np.nan),
        np.full(measure.reason.shape, reason, object),
        np.zeros_like(measure.few),
    )


def contrasts(measure: Measure, strata: Strata) -> Measure:
    """Return signed differences between strata, one row for each contrast."""
    plus = measure.take([c.plus for c in strata.contrasts])
    minus = measure.take([c.minus for c in strata.contrasts])
    return Measure(
        tuple(Row(c.group, c.label) for c in strata.contrasts),
        plus.value - minus.value,
        np.array([first_reason([measure], (c.plus, c.minus)) for c in strata.contrasts]),
        plus.few | minus.few,
        sides=(plus, minus),
        behavior=measure.behavior,
        flips=plus.flips and minus.flips and plus.flips.minus(minus.flips),
        errors=plus.errors and minus.errors and plus.errors.minus(minus.errors),
        runs=measure.runs,
    )


def spreads(measure: Measure, strata: Strata) -> Measure:
    """Return largest minus smallest value of each group with three values or more: `max-min`."""
    groups = strata.ranges
    parts = [measure.value[:, :, members] for _, members in groups]
    return Measure(
        tuple(Row(group, SPREAD) for group, _ in groups),
        _stack([part.max(axis=2) - part.min(axis=2) for part in parts], measure.value, axis=2),
        _stack([first_reason([measure], members) for _, members in groups], measure.reason),
        _stack([_any(measure.few[members]) for _, members in groups], measure.few),
        spread=tuple((measure.take(members),) for _, members in groups),
        behavior=measure.behavior,
        runs=measure.runs,
    )


def smallest(measure: Measure) -> Measure:
    """Return the smallest value of each group: rows `min`."""
    groups = list(dict.fromkeys(row.group for row in measure.rows))
    members = [[i for i, row in enumerate(measure.rows) if row.group == group] for group in groups]
    return Measure(
        tuple(Row(group, MIN) for group in groups),
        np.stack([measure.value[:, :, m].min(axis=2) for m in members], axis=2),
        np.array([first_reason([measure], m) for m in members]),
        np.array([measure.few[m].any(axis=0) for m in members]),
        least=tuple(measure.take(m) for m in members),
        behavior=measure.behavior,
    )


def increasing(
    raw: Measure, mapped: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> Measure:
    """Return an increasing function of a measure; its interval is mapped by the function."""
    return Measure(raw.rows, mapped(raw.value), raw.reason, raw.few, raw=raw, mapped=mapped)


def largest_change(audited: Measure, reference: Measure) -> Measure:
    """Return the largest change among the values of each group, audited - reference: rows `max`."""
    change = audited.value.mean(axis=0) - reference.value.mean(axis=0)
    groups = list(dict.fromkeys(row.group for row in audited.rows))
    members = [[i for i, row in enumerate(audited.rows) if row.group == group] for group in groups]
    return Measure(
        tuple(Row(group, MAX) for group in groups),
        np.stack([change[None, :, m].max(axis=2) for m in members], axis=2),
        np.array([first_reason([audited, reference], m) for m in members]),
        np.array([(audited.few | reference.few)[m].any(axis=0) for m in members]),
        behavior=audited.behavior,
    )


def mean_over_targets(measure: Measure, defined: NDArray[np.bool_]) -> Measure:
    """Return the mean over the targets that are `defined` [S, A], one column [S, 1].

    The mean of a difference is the difference of the means of its sides over these targets. A
    target that is undefined without some fold, because it depends on that fold alone, keeps its
    value there and so shows no error; inference/means.py adds one.
    """
    count, value = defined.sum(axis=1), measure.value
    if not defined.all() or np.isnan(value).any():
        value = np.where(defined, _without_gaps(value), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = value.sum(axis=3) / count
    sides = measure.sides
    if sides is not None:
        sides = (mean_over_targets(sides[0], defined), mean_over_targets(sides[1], defined))
    return Measure(
        measure.rows,
        mean[..., None],
        np.where(count > 0, "", "undefined for every attribute").astype(object)[:, None],
        (np.where(defined, fewest(measure), 0.0).sum(axis=1) < FEW)[:, None],
        sides=sides,
        behavior=measure.behavior,
        runs=measure.runs,
    )


def _without_gaps(value: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isnan(value), value[:, :1], value)


def fewest(measure: Measure) -> NDArray[np.float64]:
    """Return the smallest deciding count, such as successes or failures, [S, A]; else inf."""
    if measure.errors is not None:
        without = replace(measure, errors=None)
        return np.asarray(np.minimum(fewest(without), measure.errors.num.sum(axis=0)))
    if measure.raw is not None:
        return fewest(measure.raw)
    if pair := measure.sides or measure.quotient:
        return np.minimum(*map(fewest, pair))
    if measure.successes is None or measure.trials is None:
        return np.full(measure.few.shape, np.inf)
    others = measure.trials
    if measure.behavior.counted is Counted.PROPORTION:
        others = measure.trials - measure.successes
    return np.minimum(measure.successes, others)


def has_few_trials(measure: Measure) -> NDArray[np.bool_]:
    """Return whether the denominator has fewer than 10 rows, [S, A]; for an AUC, either class."""
    if measure.raw is not None:
        return has_few_trials(measure.raw)
    if pair := measure.sides or measure.quotient:
        return np.asarray(np.logical_or(*map(has_few_trials, pair)))
    if measure.successes is None or measure.trials is None:
        return np.zeros(measure.few.shape, bool)
    rows = measure.trials
    if measure.behavior.counted is Counted.CLASSES:
        rows = np.minimum(measure.successes, rows)
    return np.asarray(rows < FEW)


def _any(few: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(few.any(axis=0))


def _stack(parts: list[NDArray[Any]], like: NDArray[Any], axis: int = 0) -> NDArray[Any]:
    """Stack arrays, even if there are none."""
    if parts:
        return np.stack(parts, axis=axis)
    return np.empty((*like.shape[:axis], 0, *like.shape[axis + 1 :]), like.dtype)


def first_reason(measures: Sequence[Measure], members: Sequence[int]) -> NDArray[np.object_]:
    """Return the reason of the first undefined member, with its group value; str [A]."""
    out = np.full(measures[0].reason.shape[1], "", object)
    for measure in reversed(measures):
        for index in reversed(members):
            group, value = measure.rows[index]
            reason = measure.reason[index]
            undefined = reason != ""
            if undefined.any():
                out[undefined] = reason[undefined] + f" {group}={value}"
    return out
