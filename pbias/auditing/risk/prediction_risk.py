"""The risk that pruning overturns a prediction, from the dense model and the training counts.

Labels are not read. Shape suffixes: A targets, n samples, V values of a group.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.totals import (
    UNCERTAIN_MARGIN,
    largest_other,
    predictions,
    sigmoid,
    transposed,
)
from pbias.files.logits import UNKNOWN, Logits

Floats = NDArray[np.float64]
NOTHING_KNOWN = -2  # about the sample's group and about training in general
EVERYONE = -1


@dataclass(frozen=True)
class Risk:
    """The predictions of one model and their risks, [A, n] each.

    s bool: predicted positive; p: probability; margin: `abs(sigmoid(z - threshold) - 0.5)`;
    log_odds of being overturned; group int: the group whose training counts were used (its index,
    EVERYONE or NOTHING_KNOWN); share: the frequency of the predicted value there (NaN: unknown).
    """

    s: NDArray[np.bool_]
    p: Floats
    margin: Floats
    log_odds: Floats
    group: NDArray[np.int16]
    share: Floats

    @property
    def value(self) -> Floats:
        """The risk itself, 0 to 1."""
        return sigmoid(self.log_odds)

    def uncertain(self, margin: float = UNCERTAIN_MARGIN) -> NDArray[np.bool_]:
        """Return whether the margin is below `margin`; at 0.5 every prediction is."""
        return np.asarray((self.margin < margin) | (margin >= 0.5))

    @property
    def unsure(self) -> NDArray[np.bool_]:
        """Whether the probability is near 0.5, as in the metric `uncertainty`, at any threshold."""
        return np.asarray(np.abs(self.p - 0.5) < UNCERTAIN_MARGIN)

    @property
    def against(self) -> NDArray[np.bool_]:
        """Whether the training odds against a prediction outweigh the model's odds for it."""
        return np.asarray(self.log_odds > 0)


def flag_risk(logits: Logits, *, by_group: bool = False) -> Risk:
    """Score how likely pruning is to overturn each prediction.

    The score is the odds `P(other value) / P(predicted value)` of the dense model, times the same
    odds among the training samples, because an uncertain network falls back on the usual value. A
    half is added to each training count. Without training counts the second odds are 1.

    With `by_group` the second odds are those among the training samples of the sample's group. If
    there are several groups, the largest odds count. A group that is the target itself is left out,
    and so are unknown values and values that training lacks; if no group is left, everyone counts.
    Source: docs/flagging.md; after the paper, section 5 (samples at risk).
    """
    found = predictions(logits)
    # For classes, the distance of an output from the largest other one.
    z_an = transposed(logits.logits)
    ahead = z_an - _bar(logits, z_an)
    pull, group, share = _training(logits, found.s, by_group=by_group)
    return Risk(
        s=found.s,
        p=found.p,
        margin=np.abs(sigmoid(ahead) - 0.5),
        log_odds=pull - np.abs(ahead),
        group=group,
        share=share,
    )


def _bar(logits: Logits, z_an: NDArray[np.float32]) -> Floats:
    """Return what a logit must exceed: the threshold or largest other logit, [A, 1] or [A, n]."""
    if logits.activation == "softmax":
        return largest_other(z_an)
    if logits.thresholds is None:
        return np.zeros((len(z_an), 1))
    return np.asarray(logits.thresholds[:, None])


def _training(
    logits: Logits, s_an: NDArray[np.bool_], *, by_group: bool
) -> tuple[Floats, NDArray[np.int16], Floats]:
    """Return training log odds of the other value, their group, and this value's share."""
    pull = np.zeros(s_an.shape)
    group = np.full(s_an.shape, NOTHING_KNOWN, np.int16)
    share = np.full(s_an.shape, np.nan)
    if logits.train_counts is None:
        return pull, group, share
    unknown = np.full(len(logits), UNKNOWN)
    for a, counts in enumerate(logits.train_counts):
        for index, name in enumerate(logits.group_names):
            if by_group and name != logits.targets[a]:
                found = _of_group(counts[index], logits.groups[:, index], s_an[a])
                larger = found[1] & ((group[a] < 0) | (found[0] > pull[a]))
                pull[a, larger], share[a, larger] = found[0][larger], found[2][larger]
                group[a, larger] = index
        everyone = _of_group(counts[-1], unknown, s_an[a], known=EVERYONE)
        rest = (group[a] == NOTHING_KNOWN) & everyone[1]
        pull[a, rest], share[a, rest] = everyone[0][rest], everyone[2][rest]
        group[a, rest] = EVERYONE
    return pull, group, share


def _of_group(
    counts: NDArray[np.int64], codes: NDArray[np.integer], s: NDArray[np.bool_], known: int = 0
) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Return log odds against s [n], whether they are known, and the share of s."""
    log_odds = np.log((counts[:, 0] + 0.5) / (counts[:, 1] + 0.5))
    total = counts.sum(axis=1)
    positive = counts[:, 1] / np.maximum(total, 1)
    told = (codes >= known) & (total > 0)[codes]
    pull = np.where(s, log_odds[codes], -log_odds[codes])
    return pull, told, np.where(s, positive[codes], 1 - positive[codes])
