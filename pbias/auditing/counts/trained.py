"""The facts about each group and attribute in the training counts of a file.

Shape suffixes: A targets, V values of a group; training counts are [A, G+1, V+1, 2].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.strata import Strata
from pbias.files.logits import Logits

MIN_RELATIVE_GAP = 0.1
ITSELF = "the attribute is the group"
NO_TRAIN_COUNTS = "no training counts"
NO_GROUP_COUNTS = "no training counts of this group"


@dataclass(frozen=True)
class Trained:
    """Training facts about one group.

    They are the value with the largest rate `P(y=1 given g)` [A], whether a pair is
    over-represented [A, V], and why amplification is undefined [A].
    """

    group: str
    members: list[int]
    largest: NDArray[np.intp]
    over: NDArray[np.bool_]
    reason: NDArray[np.object_]


def trained_groups(logits: Logits, strata: Strata) -> list[Trained]:
    """Return the training facts about each group of the audit, from the file's training counts."""
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
    """Return training counts [A, V+1, 2] of a group; None if missing or all 0 (a later group)."""
    if logits.train_counts is None or group not in logits.group_names:
        return None
    counts = logits.train_counts[:, logits.group_names.index(group)]
    return counts if counts.any() else None


def why_undefined(counts: NDArray[np.int64]) -> NDArray[np.object_]:
    """Return why training counts [A, V, 2] of a group leave amplification undefined, [A], or ""."""
    total = counts.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = counts[..., 1] / total
    low, high = np.nan_to_num(rate).min(axis=1), np.nan_to_num(rate).max(axis=1)
    reason = np.full(len(rate), "", object)
    reason[(high - low) < MIN_RELATIVE_GAP * low] = "training rates within 10 % of each other"
    reason[high == 0] = "no positive labels in training"
    reason[(total == 0).any(axis=1)] = "a group value is empty in training"
    return reason


def rare_is_one(train_counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether 1 is the value rarer in training (or as frequent as 0), by target."""
    everyone = train_counts[:, -1, -1]
    return np.asarray(everyone[:, 1] <= everyone.sum(-1) / 2)
