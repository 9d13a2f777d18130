"""A measure: one metric over strata x targets, per run, on all folds and with each left out.

Shape suffixes: R runs, J folds, S rows (strata or contrasts), A targets. Axis 1 of a value holds
the whole sample first and then, where intervals are wanted, the J leave-one-fold-out samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.strata import Strata

FEW = 10
RATIOS = frozenset({"tcb", "underprediction"})
UNLIKE = RATIOS | {"auc"}  # two counts that are not successes among trials
MAX = "max"
SPREAD = "max-min"
# The rest of a group without a value: used in contrasts, shown nowhere. The no-break space keeps it
# apart from a value such as "not stated".
NOT = "not\N{NO-BREAK SPACE}"


class Row(NamedTuple):
    """The group and contrast that a row of numbers is about."""

    group: str = ""
    contrast: str = ""


@dataclass(frozen=True)
class Measure:
    """Values float64 [R, 1 or 1+J, S, A], NaN where undefined; reasons str [S, A], else "".

    `few` bool [S, A] marks counts under 10, where a normal approximation does not hold: intervals
    come from the counts then. A proportion has these, [S, A], means over runs: `successes`,
    `trials`, and with a reference `paired` [S, A, 2, 2], trials by success of the reference and of
    the audited model. (Those of a ratio are above and below the line, those of an AUC the positives
    and the negatives.) A difference has its two `sides` instead, and a largest difference has
    `spread`: for each row the measures whose largest difference between rows it is. One that was
    taken from another has all rows of that as its `origin`.
    """

    name: str
    rows: tuple[Row, ...]
    value: NDArray[np.float64]
    reason: NDArray[np.object_]
    few: NDArray[np.bool_]
    successes: NDArray[np.float64] | None = None
    trials: NDArray[np.float64] | None = None
    paired: NDArray[np.float64] | None = None
    sides: tuple[Measure, Measure] | None = None
    spread: tuple[tuple[Measure, ...], ...] | None = None
    origin: Measure | None = None

    def take(self, indices: Sequence[int]) -> Measure:
        """Some of the rows."""
        index = list(indices)
        return replace(
            self,
            rows=tuple(self.rows[i] for i in index),
            value=self.value[:, :, index],
            reason=self.reason[index],
            few=self.few[index],
            sides=self.sides and (self.sides[0].take(index), self.sides[1].take(index)),
            spread=self.spread and tuple(self.spread[i] for i in index),
            successes=None if self.successes is None else self.successes[index],
            trials=None if self.trials is None else self.trials[index],
            paired=None if self.paired is None else self.paired[index],
            origin=self.origin or self,
        )


def whole_and_left_out(totals: NDArray[Any]) -> NDArray[Any]:
    """[J, ...] totals by fold as [1+J, ...]: their sum, then the sum without each fold.

    With one fold there is nothing to leave out: [1, ...].
    """
    whole = totals.sum(axis=0, keepdims=True)
    return whole if len(totals) == 1 else np.concatenate([whole, whole - totals])


def by_stratum(totals: NDArray[Any], strata: Strata) -> NDArray[Any]:
    """[..., P, A, ...] at axis 1, summed over group values to the strata: [1+J, S, A, ...]."""
    stacked = whole_and_left_out(totals)
    if len(strata.rows) == stacked.shape[1]:
        return stacked
    parts = [stacked[:, members.astype(bool)].sum(axis=1) for members in strata.sums]
    return np.stack(parts, axis=1)


def strata_rows(strata: Strata) -> tuple[Row, ...]:
    """A row for each stratum: the group and its value as the contrast."""
    return tuple(Row(s.group, NOT + s.value if s.rest else s.value) for s in strata.rows)


def ratio(
    name: str,
    rows: tuple[Row, ...],
    numerator: NDArray[Any],
    denominator: NDArray[Any],
    why: str,
    *,
    proportion: bool = True,
) -> Measure:
    """numerator / denominator, [R, 1+J, S, A]; undefined because of `why` where the latter is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(denominator > 0, numerator / denominator, np.nan)
    top, bottom = numerator[:, 0].mean(axis=0), denominator[:, 0].mean(axis=0)
    few = (np.minimum(top, bottom - top) if proportion else bottom) < FEW
    reason = np.where((denominator[:, 0] == 0).any(axis=0), why, "").astype(object)
    for index, row in enumerate(rows):
        if row.group:
            reason[index] = np.where(reason[index] == "", "", f"{why} in group")
    counts = {"successes": top, "trials": bottom} if proportion else {}
    return Measure(name, rows, value, reason, few, **counts)


def contrasts(measure: Measure, strata: Strata) -> Measure:
    """Signed differences between strata: one row for each contrast."""
    plus = measure.take([c.plus for c in strata.contrasts])
    minus = measure.take([c.minus for c in strata.contrasts])
    return Measure(
        measure.name,
        tuple(Row(c.group, c.label) for c in strata.contrasts),
        plus.value - minus.value,
        np.array([first_reason([measure], (c.plus, c.minus)) for c in strata.contrasts]),
        plus.few | minus.few,
        sides=(plus, minus),
    )


def largest_change(audited: Measure, reference: Measure) -> Measure:
    """The largest change among the values of each group, audited less reference: rows `max`."""
    change = audited.value.mean(axis=0) - reference.value.mean(axis=0)
    groups = list(dict.fromkeys(row.group for row in audited.rows))
    members = [[i for i, row in enumerate(audited.rows) if row.group == group] for group in groups]
    return Measure(
        audited.name,
        tuple(Row(group, MAX) for group in groups),
        np.stack([change[None, :, m].max(axis=2) for m in members], axis=2),
        np.array([first_reason([audited, reference], m) for m in members]),
        np.array([(audited.few | reference.few)[m].any(axis=0) for m in members]),
    )


def mean_over_targets(measure: Measure, defined: NDArray[np.bool_]) -> Measure:
    """The mean over the targets that are `defined` [S, A], one column [S, 1].

    That of a difference is the difference of the means of its sides over these targets. A target
    that is undefined without some fold (it rests on that alone) has its value there, and so no
    error: mean.py adds one.
    """
    count = defined.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(defined, _without_gaps(measure.value), 0.0).sum(axis=3) / count
    sides = measure.sides
    if sides is not None:
        sides = (mean_over_targets(sides[0], defined), mean_over_targets(sides[1], defined))
    return Measure(
        measure.name,
        measure.rows,
        mean[..., None],
        np.where(count > 0, "", "undefined for every attribute").astype(object)[:, None],
        (np.where(defined, fewest(measure), 0.0).sum(axis=1) < FEW)[:, None],
        sides=sides,
    )


def _without_gaps(value: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isnan(value), value[:, :1], value)


def fewest(measure: Measure) -> NDArray[np.float64]:
    """The smallest count that decides, such as successes or failures, [S, A]; infinite without."""
    if measure.sides is not None:
        return np.minimum(*map(fewest, measure.sides))
    if measure.successes is None or measure.trials is None:
        return np.full(measure.few.shape, np.inf)
    others = measure.trials if measure.name in UNLIKE else measure.trials - measure.successes
    return np.minimum(measure.successes, others)


def has_few_trials(measure: Measure) -> NDArray[np.bool_]:
    """Whether fewer than 10 rows lie below the line, [S, A]; for an AUC, of either class."""
    if measure.sides is not None:
        return np.asarray(np.logical_or(*map(has_few_trials, measure.sides)))
    if measure.successes is None or measure.trials is None:
        return np.zeros(measure.few.shape, bool)
    rows = measure.trials
    if measure.name == "auc":
        rows = np.minimum(measure.successes, rows)
    return np.asarray(rows < FEW)


def spreads(measure: Measure, strata: Strata) -> Measure:
    """Largest minus smallest value of each group of three values or more: rows `max-min`."""
    groups = strata.ranges
    parts = [measure.value[:, :, members] for _, members in groups]
    return Measure(
        measure.name,
        tuple(Row(group, SPREAD) for group, _ in groups),
        _stack([part.max(axis=2) - part.min(axis=2) for part in parts], measure.value, axis=2),
        _stack([first_reason([measure], members) for _, members in groups], measure.reason),
        _stack([_any(measure.few[members]) for _, members in groups], measure.few),
        spread=tuple((measure.take(members),) for _, members in groups),
    )


def _any(few: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(few.any(axis=0))


def _stack(parts: list[NDArray[Any]], like: NDArray[Any], axis: int = 0) -> NDArray[Any]:
    """Stacked, also where there is nothing to stack."""
    if parts:
        return np.stack(parts, axis=axis)
    return np.empty((*like.shape[:axis], 0, *like.shape[axis + 1 :]), like.dtype)


def first_reason(measures: Sequence[Measure], members: Sequence[int]) -> NDArray[np.object_]:
    """The reason of the first undefined member, with the group value that it is about; str [A]."""
    out = np.full(measures[0].reason.shape[1], "", object)
    for measure in reversed(measures):
        for index in reversed(members):
            group, value = measure.rows[index]
            reason = measure.reason[index]
            undefined = reason != ""
            if undefined.any():
                out[undefined] = reason[undefined] + f" {group}={value}"
    return out
