"""Attributes that pruning is likely to make more biased, by group, from the dense model alone.

Shape suffixes: A targets, n samples, V values of a group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.reduction import Side, join_sides
from pbias.auditing.counts.trained import ITSELF, NO_TRAIN_COUNTS, rare_is_one
from pbias.auditing.metrics.amplification import bias_amplification
from pbias.auditing.metrics.measures import FEW
from pbias.auditing.metrics.models import Model
from pbias.auditing.metrics.rates import tcb
from pbias.auditing.risk.prediction_risk import Floats, Risk, flag_risk
from pbias.errors import UserError, argument
from pbias.files.logits import Logits
from pbias.files.table import Table

RAISED, HIGH = 0.05, 0.15
# Limits from which a part is named among the reasons.
RARE, TIED, UNSURE, UNDER_PREDICTED, AMPLIFIED, FOLLOWS = 0.1, 0.1, 0.5, 0.8, 0.02, 0.01


@dataclass(frozen=True)
class GroupRisk:
    """The risk of every attribute [A] for one group; NaN with a `reason`."""

    group: str
    interdependence: Floats
    risk: Floats
    reason: NDArray[np.object_]


def attribute_risk(logits: Logits, groups: Sequence[str] | None = None) -> Table:
    """Return a row per attribute and group, the highest risk first, undefined risks last.

    Columns: frequency of the attribute in training; phi, its association with the group there
    (Cramer's V if the group has more than two values); uncertainty of all predictions and of those
    of the rarer value; tcb; bias_amplification; interdependence, the R^2 of the predictions on the
    group; risk, verdict, reasons; n_rare, the number of predictions of the rarer value. Raises
    UserError without groups.
    """
    (dense,) = join_sides([logits], (), groups, None, 1)
    if len(dense.sample.strata.partitions) == 1:
        raise UserError(
            f"{logits.path} has no groups; take them from a manifest with "
            f"{argument('labels', 'CSV')} {argument('groups', 'A,B')}, "
            f"or name targets with {argument('groups')}"
        )
    shared = _of_everyone(logits, dense, flag_risk(logits))
    found = group_risks(dense, shared["uncertainty_rare"])
    ba = bias_amplification(Model.of(dense.counts))
    assert ba is not None, "there are groups"
    records = [
        _record(one, shared, phi_in_training(logits, one.group), amplified, index)
        for one, amplified in zip(found, ba.value[0, 0], strict=True)
        for index in range(len(logits.targets))
        if one.reason[index] != ITSELF
    ]
    order = np.argsort([-np.nan_to_num(r["risk"], nan=-1.0) for r in records], kind="stable")
    rows = [_judged(records[i]) for i in order]
    return Table({name: [row[name] for row in rows] for name in rows[0]} if rows else {})


def group_risks(dense: Side, uncertainty_rare: Floats) -> list[GroupRisk]:
    """Return attribute_risk, `sqrt(R^2) * uncertainty_rare`, for each group of an audit.

    R^2 is that of the least-squares fit of an attribute's predictions on the group's values, over
    rows with a known value. The uncertainty is that of the predictions of the value that is rarer
    in training. The risk is undefined without training counts, for constant predictions, and for a
    group with one value. Labels are not read.
    """
    strata, targets = dense.sample.strata, np.array(dense.runs[0].targets)
    cells = dense.sums.cells[0, 0].sum(-2)
    found = []
    for partition in strata.partitions[1:]:
        by_value = cells[strata.values_of(partition.name)]
        fit = _explained(by_value[..., 1], by_value.sum(-1))
        reason = np.where(np.isnan(uncertainty_rare), NO_TRAIN_COUNTS, "").astype(object)
        constant = _constant(by_value.sum(0))
        reason[np.isnan(fit)] = "one value of the group alone"
        reason[constant] = "constant predictions"
        reason[targets == partition.name] = ITSELF
        risk = np.where(reason == "", np.sqrt(fit) * uncertainty_rare, np.nan)
        found.append(GroupRisk(partition.name, fit, risk, reason))
    return found


def uncertainty_of_rare(logits: Logits, risk: Risk) -> tuple[Floats, NDArray[np.int64]]:
    """Return the share of uncertain predictions of the value rarer in training, and their number.

    The arrays are [A]; NaN if there are no such predictions or no training counts. Like the metric
    `uncertainty`, this uses the probability, not the threshold.
    """
    if logits.train_counts is None:
        return np.full(len(risk.s), np.nan), np.zeros(len(risk.s), np.int64)
    rare = risk.s == rare_is_one(logits.train_counts)[:, None]
    num_rare = rare.sum(axis=1)
    unsure = (risk.unsure & rare).sum(axis=1)
    return np.where(num_rare > 0, unsure / np.maximum(num_rare, 1), np.nan), num_rare


def frequency(logits: Logits) -> Floats:
    """Return the share of positive labels in training [A]; NaN without training counts."""
    if logits.train_counts is None:
        return np.full(len(logits.targets), np.nan)
    everyone = logits.train_counts[:, -1, -1]
    return np.asarray(everyone[:, 1] / np.maximum(everyone.sum(-1), 1))


def _of_everyone(logits: Logits, dense: Side, risk: Risk) -> dict[str, NDArray[Any]]:
    """Return the parts that do not depend on a group, [A] each."""
    unsure, num_rare = uncertainty_of_rare(logits, risk)
    return {
        "attribute": np.array(logits.targets, object),
        "frequency": frequency(logits),
        "uncertainty": risk.unsure.mean(axis=1),
        "uncertainty_rare": unsure,
        "tcb": tcb(Model.of(dense.counts)).value[0, 0, 0],
        "n_rare": num_rare,
    }


def _explained(positive: NDArray[np.int64], total: NDArray[np.int64]) -> Floats:
    """Return R^2 of 0/1 predictions on group values, from counts [V, A], as a variance ratio."""
    rows, share = total.sum(0), positive.sum(0) / np.maximum(total.sum(0), 1)
    between = (total * (positive / np.maximum(total, 1) - share) ** 2).sum(0)
    defined = (share > 0) & (share < 1) & ((total > 0).sum(0) > 1)
    return np.where(defined, between / np.where(defined, rows * share * (1 - share), 1.0), np.nan)


def _constant(cells: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether all predictions are equal, from counts [A, 2]."""
    return np.asarray((cells == 0).any(axis=-1))


def phi_in_training(logits: Logits, group: str) -> Floats:
    """Return the association in training [A]: phi for a 0/1 group, else Cramer's V, or NaN."""
    nothing = np.full(len(logits.targets), np.nan)
    if logits.train_counts is None or group not in logits.group_names:
        return nothing
    index = logits.group_names.index(group)
    values = logits.group_values[index]
    counts = logits.train_counts[:, index, : len(values)].transpose(1, 0, 2)  # [V, A, 2]
    size = np.sqrt(_explained(counts[..., 1], counts.sum(-1)))
    if values != ("0", "1"):
        return size
    (n00, n01), (n10, n11) = (counts[value].T for value in (0, 1))
    return np.where(n11 * n00 < n10 * n01, -size, size)


def _record(
    one: GroupRisk, shared: dict[str, NDArray[Any]], phi: Floats, ba: Floats, index: int
) -> dict[str, Any]:
    own = {name: column[index].item() for name, column in shared.items() if name != "attribute"}
    return {
        "attribute": shared["attribute"][index],
        "group": one.group,
        "frequency": own["frequency"],
        "phi": float(phi[index]),
        "uncertainty": own["uncertainty"],
        "uncertainty_rare": own["uncertainty_rare"],
        "tcb": own["tcb"],
        "bias_amplification": float(ba[index]),
        "interdependence": float(one.interdependence[index]),
        "risk": float(one.risk[index]),
        "n_rare": own["n_rare"],
        "reason": one.reason[index],
    }


def _judged(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record with a verdict and reasons, instead of the reason for an undefined risk."""
    risk, why = record["risk"], record.pop("reason")
    verdict = "high" if risk >= HIGH else "raised" if risk >= RAISED else "low"
    reasons = why or "; ".join(_reasons(record))
    n_rare = record.pop("n_rare")
    return {
        **record,
        "verdict": "undefined" if why else verdict,
        "reasons": reasons,
        "n_rare": n_rare,
    }


def _reasons(record: dict[str, Any]) -> list[str]:
    """Return the parts that stand out; the two that make up the score come first."""
    rarer = min(record["frequency"], 1 - record["frequency"])
    found = {
        f"follows {record['group']} (R^2 {record['interdependence']:.2f})": (
            record["interdependence"] >= FOLLOWS
        ),
        f"unsure of the rarer value ({record['uncertainty_rare']:.0%})": (
            record["uncertainty_rare"] >= UNSURE
        ),
        f"few predictions of the rarer value ({record['n_rare']})": record["n_rare"] < FEW,
        f"rare ({rarer:.1%} in training)": rarer < RARE,
        f"tied to {record['group']} in training (phi {record['phi']:+.2f})": (
            abs(record["phi"]) >= TIED
        ),
        f"under-predicted (TCB {record['tcb']:.2f})": record["tcb"] < UNDER_PREDICTED,
        f"amplified (BA {record['bias_amplification']:+.2f})": (
            record["bias_amplification"] >= AMPLIFIED
        ),
    }
    return [text for text, told in found.items() if told]
