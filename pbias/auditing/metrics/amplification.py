"""Bias amplification: how much more frequent a group is among predicted than among true positives.

Shape suffixes as in counts/sums.py; V values of a group; training counts are [A, G+1, V+1, 2].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.sums import Row
from pbias.auditing.counts.trained import (
    ITSELF,
    NO_GROUP_COUNTS,
    NO_TRAIN_COUNTS,
    Trained,
    why_undefined,
)
from pbias.auditing.metrics.entry import Curve, Metric
from pbias.auditing.metrics.flips import FEW, Flips, of_share, stacked
from pbias.auditing.metrics.measures import Measure
from pbias.auditing.metrics.models import Model
from pbias.auditing.metrics.rates import (
    NEVER_PREDICTED,
    PAPER,
    known_flips,
    label_errors,
    predicted_flips,
)
from pbias.files.manifest import Labels, train_counts

MIN_POSITIVES = 10
NO_KNOWN = "no known labels in a group"
TOO_FEW = "fewer than 10 positives in a group"


def bias_amplification(model: Model) -> Measure | None:
    """Return `P(g=a* given s=1) - P(g=a* given y=1)`, a row for each group.

    a* is the group value with the largest training rate. `BIAS_AMPLIFICATION` says when it is
    undefined.
    """
    sums, trained = model.sums, model.trained
    if not trained:
        return None
    share, base = _shares(sums.num_predicted, trained), _shares(sums.num_positive, trained)
    reason = share.reason.copy()
    for row, group in zip(reason, trained, strict=True):
        positives = sums.num_positive[0, 0, group.members].min(axis=0)
        row[(group.reason == "") & (positives < MIN_POSITIVES)] = TOO_FEW
    value = np.where(reason == "", share.value - base.value, np.nan)
    return replace(
        share, value=value, reason=reason, successes=None, trials=None, sides=(share, base)
    )


def share_of_predicted(model: Model) -> Measure | None:
    """Return `P(g=a* given s=1)` over all rows; its change is excess_ba, which needs no labels."""
    if not model.trained:
        return None
    return _shares(model.sums.num_said, model.trained)


def directional_ba(model: Model) -> Measure | None:
    """Return the mean over group values of `+-[P(s=1 given g) - P(y=1 given g)]`, a row per group.

    The sign is plus if training over-represents the pair (`P(g, y=1) > P(g) P(y=1)`), else minus.
    Undefined without training counts, or if a value has no known labels.
    Source: Wang and Russakovsky, Directional Bias Amplification (ICML 2021), attribute to task.
    """
    sums, trained = model.sums, model.trained
    if not trained:
        return None
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
    return Measure(tuple(Row(g.group) for g in trained), value, reason, np.stack(few))


def _shares(counts: NDArray[np.int64], trained: Sequence[Trained]) -> Measure:
    """Return the share of a* among the rows counted in [R, 1+J, S, A], a row for each group."""
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
        tuple(Row(group.group) for group in trained),
        np.stack(values, axis=2),
        np.stack(reasons),
        np.stack(few),
        np.stack(chosen),
        np.stack(totals),
    )


def _share(counts: NDArray[np.int64], largest: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the share of the value `largest` [A] among counts [R, 1+J, V, A], or NaN."""
    chosen = np.take_along_axis(counts, largest[None, None, None], axis=2)[:, :, 0]
    total = counts.sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, chosen / total, np.nan)


def _split(counts: NDArray[Any], group: Trained) -> tuple[NDArray[Any], NDArray[Any]]:
    """Split counts [S, A] into those of the value a* of a group and all its others, [1, A] each."""
    mine = counts[group.members]
    chosen = np.take_along_axis(mine, group.largest[None], axis=0)
    return chosen, mine.sum(axis=0, keepdims=True) - chosen


def _share_flips(
    model: Model, before: NDArray[Any], after: NDArray[Any], table: Sequence[NDArray[Any]]
) -> Flips | None:
    """Return the flips of the share of a*, from counts before and after and a table, [S, A]."""
    if not model.trained:
        return None
    parts = []
    for group in model.trained:
        (top_0, rest_0), (top_1, rest_1) = _split(before, group), _split(after, group)
        tables = list(zip(*(_split(counts, group) for counts in table), strict=True))
        parts.append(of_share((top_0, top_1), (rest_0, rest_1), tables))
    return stacked(parts)


def flips_of_share(model: Model) -> Flips | None:
    """Return the flips over all rows, known or not."""
    c = model.flipped.sum(-3)
    return _share_flips(model, c[..., 1, :].sum(-1), c[..., 1].sum(-1), predicted_flips(model))


def _flips_of_bias_amplification(model: Model) -> Flips | None:
    c = model.flipped[..., :2, :, :].sum(-3)
    return _share_flips(model, c[..., 1, :].sum(-1), c[..., 1].sum(-1), known_flips(model))


def _errors_of_bias_amplification(model: Model) -> Flips | None:
    c = model.predicted[..., :2, :]
    return _share_flips(model, c[..., 1, :].sum(-1), c[..., 1].sum(-1), label_errors(model))


def _directional(model: Model, table: Sequence[NDArray[Any]]) -> Flips | None:
    """Return the flips of the mean over values of +- the rate of known rows: a table per value."""
    if not model.trained:
        return None
    parts = []
    for group in model.trained:
        gained, lost, known = (counts[group.members][:, None] for counts in table)
        sign = np.where(group.over, 1.0, -1.0).T[:, None] / len(group.members)
        weight = sign / np.where(known > 0, known, np.nan)
        steady = np.ones(known.shape[1:], bool)
        parts.append(Flips(weight, gained, lost, known, steady))
    return stacked(parts)


def _flips_of_directional_ba(model: Model) -> Flips | None:
    return _directional(model, known_flips(model))


def _errors_of_directional_ba(model: Model) -> Flips | None:
    return _directional(model, label_errors(model))


def unassessable(
    labels: Labels, train: NDArray[np.int64], audited: NDArray[np.int64]
) -> dict[tuple[str, str], str]:
    """Return why bias amplification is undefined for any model, by (target, group), or "".

    The reasons follow from the training rates of the rows `train`, and the positive labels among
    the rows `audited`. In addition, a model may never predict a target.
    """
    trained, tested = train_counts(labels, train), train_counts(labels, audited)
    reasons: dict[tuple[str, str], str] = {}
    for index, group in enumerate(labels.group_names):
        num_values = len(labels.group_values[index])
        why = why_undefined(trained[:, index, :num_values])
        few = tested[:, index, :num_values, 1].min(axis=1) < MIN_POSITIVES
        why[(why == "") & few] = TOO_FEW
        for target, reason in zip(labels.targets, why, strict=True):
            reasons[target, group] = ITSELF if target == group else str(reason)
    return reasons


BIAS_AMPLIFICATION = Metric(
    name="bias_amplification",
    plain="How much more closely predictions tie the attribute to a group than labels do.",
    title="bias amplification (BA)",
    formula="P(g = a* given s = 1) - P(g = a* given y = 1), a* the group value with the largest "
    "training rate P(y = 1 given g)",
    range="-1 to 1",
    better="0; above 0 the attribute is tied to the group more than it is in truth",
    undefined="no training counts; a group value empty in training; training rates within 10 % of "
    "each other or both 0; fewer than 10 positives in a group; never predicted",
    source=f"{PAPER}; Zhao et al. 2017", short="BA",
    compute=bias_amplification, flips=_flips_of_bias_amplification,
    errors=_errors_of_bias_amplification, signed=True, of_groups=True, headline=True, watched=True,
    spotlight="bias amplification", curve=Curve.GROUPS,
)  # fmt: skip
DIRECTIONAL_BA = Metric(
    name="directional_ba",
    plain="How much predictions exaggerate which group has the attribute more often in training.",
    title="directional bias amplification, attribute to task",
    formula="mean over group values of +-[P(s = 1 given g) - P(y = 1 given g)], plus where "
    "training over-represents the pair",
    range="-1 to 1", better="0", undefined="no training counts; no known labels in a group",
    source="Wang and Russakovsky: Directional Bias Amplification, ICML 2021",
    compute=directional_ba, flips=_flips_of_directional_ba, errors=_errors_of_directional_ba,
    signed=True, of_groups=True,
)  # fmt: skip
