"""Metrics of the gap between the values of a group: equalized odds, impact ratio.

Shape suffixes as in counts/sums.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.sums import Row
from pbias.auditing.metrics.entry import Good, Metric, Noise, Scale
from pbias.auditing.metrics.flips import FEW, Flips, stacked
from pbias.auditing.metrics.measures import SPREAD, Measure, first_reason
from pbias.auditing.metrics.models import Model
from pbias.auditing.metrics.rates import (
    FPR,
    NEVER_PREDICTED,
    PREDICTED_POSITIVE_RATE,
    TPR,
    predicted_flips,
)


def eod(model: Model) -> Measure | None:
    """Return the larger of the largest differences in TPR and FPR between values of a group.

    Undefined if either is undefined for one of the values.
    """
    tpr, fpr, strata = model.measure(TPR), model.measure(FPR), model.strata
    groups = [p.name for p in strata.partitions[1:]]
    if not groups or tpr is None or fpr is None:
        return None
    members = [strata.values_of(group) for group in groups]

    def gap(measure: Measure) -> NDArray[np.float64]:
        parts = [measure.value[:, :, m] for m in members]
        return np.stack([part.max(axis=2) - part.min(axis=2) for part in parts], axis=2)

    return Measure(
        tuple(Row(group, SPREAD) for group in groups),
        np.maximum(gap(tpr), gap(fpr)),
        np.stack([first_reason([tpr, fpr], m) for m in members]),
        np.stack([(tpr.few[m] | fpr.few[m]).any(axis=0) for m in members]),
        spread=tuple((tpr.take(m), fpr.take(m)) for m in members),
    )


def impact_ratio(model: Model) -> Measure | None:
    """Return each group value's share of positive predictions over the largest share of any value.

    Undefined if the largest share is 0. The value with the largest share has the ratio 1; its
    interval says how far below the true largest share it may be.
    Source: Uniform Guidelines on Employee Selection Procedures, 29 CFR 1607.4 D (four fifths).
    """
    rates = model.measure(PREDICTED_POSITIVE_RATE)
    groups = [p.name for p in model.strata.partitions[1:]]
    if not groups or rates is None:
        return None
    parts = [_against_largest(rates.take(model.strata.values_of(group))) for group in groups]
    top, bottom = (_stacked(side) for side in zip(*parts, strict=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(bottom.value > 0, top.value / bottom.value, np.nan)
    never = np.where(bottom.value[:, 0].min(axis=0) > 0, "", NEVER_PREDICTED)
    reason = np.where(top.reason == "", never, top.reason).astype(object)
    return Measure(top.rows, value, reason, top.few | bottom.few, quotient=(top, bottom))


def _against_largest(rates: Measure) -> tuple[Measure, Measure]:
    """Return the rates of the values of one group, and beside each the largest of them."""
    assert rates.successes is not None and rates.trials is not None
    value = np.fmax.reduce(rates.value, axis=2, keepdims=True)
    whole = np.nan_to_num(rates.value[:, 0].mean(axis=0), nan=-1.0)
    place = whole.argmax(axis=0)[None]

    def of_largest(array: NDArray[Any]) -> NDArray[Any]:
        chosen = np.take_along_axis(array, place, axis=0)
        return np.broadcast_to(chosen, array.shape)

    largest = replace(
        rates,
        value=np.broadcast_to(value, rates.value.shape),
        few=of_largest(rates.few),
        successes=of_largest(rates.successes),
        trials=of_largest(rates.trials),
        flips=None,
        origin=None,
    )
    return rates, largest


def _stacked(parts: Sequence[Measure]) -> Measure:
    """Stack the rows of several measures."""
    successes = [part.successes for part in parts if part.successes is not None]
    trials = [part.trials for part in parts if part.trials is not None]
    return Measure(
        tuple(row for part in parts for row in part.rows),
        np.concatenate([part.value for part in parts], axis=2),
        np.concatenate([part.reason for part in parts]),
        np.concatenate([part.few for part in parts]),
        np.concatenate(successes),
        np.concatenate(trials),
    )


def _flips_of_impact_ratio(model: Model) -> Flips | None:
    """Return flips to first order, against the model's largest share: `dp / q - p / q dq / q`."""
    groups = [model.strata.values_of(p.name) for p in model.strata.partitions[1:]]
    if not groups:
        return None
    table, cells, parts = predicted_flips(model), model.predicted, []
    for members in groups:
        trials = cells[members].sum((-1, -2))
        rate = cells[members][..., 1].sum(-1) / np.where(trials > 0, trials, np.nan)
        place = np.nan_to_num(rate, nan=-1.0).argmax(axis=0)[None]

        def of_largest(array: NDArray[Any], place: NDArray[np.intp] = place) -> NDArray[Any]:
            return np.broadcast_to(np.take_along_axis(array, place, axis=0), array.shape)

        largest = np.where(of_largest(rate) > 0, of_largest(rate), np.nan)
        mine = [counts[members] for counts in table]
        theirs = [of_largest(counts) for counts in mine]
        own = 1 / largest / np.where(trials > 0, trials, np.nan)
        other = -rate / largest**2 / of_largest(np.where(trials > 0, trials, np.nan))
        gained, lost, all_rows = (np.stack(pair) for pair in zip(mine, theirs, strict=True))
        is_other = np.arange(len(members))[:, None] != place
        steady = is_other & (of_largest(cells[members][..., 1].sum(-1)) >= FEW)
        parts.append(Flips(np.stack([own, other]), gained, lost, all_rows, steady))
    return stacked(parts)


EOD = Metric(
    name="eod",
    plain="The larger of two gaps between groups: in the true-positive and in the "
    "false-positive rate.",
    title="equalized-odds difference",
    formula="max(abs(difference of TPR), abs(difference of FPR)), over values of a group",
    range="0 to 1", better="0", undefined="TPR or FPR undefined in a group",
    source="Hardt et al. 2016",
    compute=eod, noise=Noise.LARGEST, of_groups=True, good=Good.LOWER,
)  # fmt: skip
IMPACT_RATIO = Metric(
    name="impact_ratio",
    plain="How often the attribute is predicted in a group, as a share of how often it is in "
    "the group with most.",
    title="impact ratio (four-fifths rule)",
    formula="P(s = 1 given g) / the largest P(s = 1 given g') of any value of the group; row min: "
    "the smallest of these", range="0 to 1", better="1; often asked to be 0.8 or more",
    undefined="never predicted; no samples in group",
    source="Uniform Guidelines on Employee Selection Procedures, 29 CFR 1607.4 D", labels=False,
    compute=impact_ratio, flips=_flips_of_impact_ratio, scale=Scale.LOG, highest=1.0,
    of_groups=True, smallest=True, good=Good.HIGHER,
    short="impact", by_value=True, binary_only=True,
)  # fmt: skip
