"""Bias amplification: how much more a group is found among predicted than among true positives.

Shape suffixes as in measures.py; V values of a group; training counts are [A, G+1, V+1, 2].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.strata import Strata
from pbias.auditing.metrics.measures import FEW, Measure, Row
from pbias.auditing.metrics.rates import NEVER_PREDICTED, NO_TRAIN_COUNTS, Sums
from pbias.files.logits import Logits

MIN_POSITIVES = 10
MIN_RELATIVE_GAP = 0.1
ITSELF = "the attribute is the group"
NO_GROUP_COUNTS = "no training counts of this group"
NO_KNOWN = "no known labels in a group"
TOO_FEW = "fewer than 10 positives in a group"


@dataclass(frozen=True)
class Trained:
    """What training says of one group: rates `P(y=1 given g)` [A, V], the value with the largest
    [A], whether a pair is over-represented [A, V], and why amplification is undefined [A]."""

    group: str
    members: list[int]
    largest: NDArray[np.intp]
    over: NDArray[np.bool_]
    reason: NDArray[np.object_]


def trained_groups(logits: Logits, strata: Strata) -> list[Trained]:
    """For each group of the audit, what the training counts of the file say of it."""
    return [_trained(logits, strata, p.name) for p in strata.partitions[1:]]


def _trained(logits: Logits, strata: Strata, group: str) -> Trained:
    members = strata.values_of(group)
    num_targets, num_values = len(logits.targets), len(members)
    itself = np.array(logits.targets) == group
    counts = _counts_of(logits, group)
    if counts is None:
        why = NO_TRAIN_COUNTS if logits.train_counts is None else NO_GROUP_COUNTS
        return Trained(
            group,
            members,
            np.zeros(num_targets, np.intp),
            np.zeros((num_targets, num_values), bool),
            np.where(itself, ITSELF, why).astype(object),
        )
    counts = counts[:, :num_values]
    total, positive = counts.sum(-1), counts[..., 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = positive / total
        overall = positive.sum(-1, keepdims=True) / total.sum(-1, keepdims=True)
    reason = why_undefined(counts)
    reason[itself] = ITSELF
    return Trained(group, members, np.nan_to_num(rate).argmax(axis=1), rate > overall, reason)


def _counts_of(logits: Logits, group: str) -> NDArray[np.int64] | None:
    """Training counts [A, V+1, 2] of a group; None where there are none, or 0 of a later group."""
    if logits.train_counts is None or group not in logits.group_names:
        return None
    counts = logits.train_counts[:, logits.group_names.index(group)]
    return counts if counts.any() else None


def why_undefined(counts: NDArray[np.int64]) -> NDArray[np.object_]:
    """Why training counts [A, V, 2] of a group leave amplification undefined, [A]; "" if not."""
    total = counts.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = counts[..., 1] / total
    low, high = np.nan_to_num(rate).min(axis=1), np.nan_to_num(rate).max(axis=1)
    reason = np.full(len(rate), "", object)
    reason[(high - low) < MIN_RELATIVE_GAP * low] = "training rates within 10 % of each other"
    reason[high == 0] = "no positive labels in training"
    reason[(total == 0).any(axis=1)] = "a group value is empty in training"
    return reason


def amplification(sums: Sums, trained: Sequence[Trained]) -> Measure:
    """bias_amplification `P(g=a* given s=1) - P(g=a* given y=1)`, a row for each group.

    a* is the group value with the largest training rate. Undefined: metrics.md section 2.
    """
    share = _shares("bias_amplification", sums.num_predicted, trained)
    base = _shares("", sums.num_positive, trained)
    reason = share.reason.copy()
    for row, group in zip(reason, trained, strict=True):
        positives = sums.num_positive[0, 0, group.members].min(axis=0)
        row[(group.reason == "") & (positives < MIN_POSITIVES)] = TOO_FEW
    value = np.where(reason == "", share.value - base.value, np.nan)
    return replace(
        share, value=value, reason=reason, successes=None, trials=None, sides=(share, base)
    )


def share_of_predicted(sums: Sums, trained: Sequence[Trained]) -> Measure:
    """`P(g=a* given s=1)` over all rows, whose change is excess_ba: it needs no labels."""
    return _shares("excess_ba", sums.cells[..., 1].sum(-1), trained)


def _shares(name: str, counts: NDArray[np.int64], trained: Sequence[Trained]) -> Measure:
    """Share of a* among the rows counted in [R, 1+J, S, A], a row for each group."""
    values, reasons, few, chosen, totals = [], [], [], [], []
    for group in trained:
        by_value = counts[:, :, group.members]
        total = by_value[:, 0].sum(axis=1)
        never = (group.reason == "") & (total == 0).any(axis=0)
        reason = np.where(never, NEVER_PREDICTED, group.reason)
        values.append(np.where(reason == "", _share(by_value, group.largest), np.nan))
        reasons.append(reason)
        few.append((total < FEW).any(axis=0))
        whole = by_value[:, 0].mean(axis=0)
        chosen.append(np.take_along_axis(whole, group.largest[None], axis=0)[0])
        totals.append(whole.sum(axis=0))
    return Measure(
        name,
        tuple(Row(group.group) for group in trained),
        np.stack(values, axis=2),
        np.stack(reasons),
        np.stack(few),
        np.stack(chosen),
        np.stack(totals),
    )


def _share(counts: NDArray[np.int64], largest: NDArray[np.intp]) -> NDArray[np.float64]:
    """Share of the value `largest` [A] among counts [R, 1+J, V, A]; NaN where there are none."""
    chosen = np.take_along_axis(counts, largest[None, None, None], axis=2)[:, :, 0]
    total = counts.sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, chosen / total, np.nan)


def directional(sums: Sums, trained: Sequence[Trained]) -> Measure:
    """directional_ba: mean over group values of `+-[P(s=1 given g) - P(y=1 given g)]`.

    Plus where training over-represents the pair (`P(g, y=1) > P(g) P(y=1)`), else minus; a row for
    each group. Undefined without training counts, or where a value has no known labels.
    Source: Wang and Russakovsky, Directional Bias Amplification (ICML 2021), attribute to task.
    """
    known = sums.num_known
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = (sums.num_predicted - sums.num_positive) / known
    values, reasons, few = [], [], []
    for group in trained:
        sign = np.where(group.over, 1.0, -1.0).T
        values.append((gap[:, :, group.members] * sign).mean(axis=2))
        empty = (known[:, 0][:, group.members] == 0).any(axis=(0, 1))
        never = np.isin(group.reason, (NO_TRAIN_COUNTS, NO_GROUP_COUNTS, ITSELF))
        reasons.append(np.where(never, group.reason, np.where(empty, NO_KNOWN, "")))
        few.append((known[:, 0][:, group.members] < FEW).any(axis=(0, 1)))
    reason = np.stack(reasons).astype(object)
    value = np.where(reason == "", np.stack(values, axis=2), np.nan)
    return Measure(
        "directional_ba", tuple(Row(g.group) for g in trained), value, reason, np.stack(few)
    )
