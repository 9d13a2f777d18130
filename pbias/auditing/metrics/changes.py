"""Metrics of change: flips of single predictions, and differences between two models.

Shape suffixes as in counts/sums.py; joint counts are [R, 1+J, S, A, 3, 2, 2]: label (0, 1,
unknown), reference prediction, audited prediction. With several runs per side these are sums over
runs (`JointSums`), so a metric must be a share of rows whose number depends on labels alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pbias.auditing.counts.sums import JointSums, added
from pbias.auditing.metrics.amplification import flips_of_share, share_of_predicted
from pbias.auditing.metrics.entry import Compares, Curve, Good, Metric, Scale
from pbias.auditing.metrics.flips import FEW, Flips, stacked
from pbias.auditing.metrics.measures import Measure, share_of_pairs
from pbias.auditing.metrics.models import Model
from pbias.auditing.metrics.rates import (
    ACCURACY,
    FPR,
    NO_LABELS,
    NO_NEGATIVES,
    NO_POSITIVES,
    NO_ROWS,
    PAPER,
    PPV,
    PREDICTED_POSITIVE_RATE,
    TPR,
    right_flips,
)


def churn(joint: JointSums) -> Measure:
    """Return P(s != d), over all rows."""
    c = joint.cells
    changed = added(c[..., 0, 1]) + added(c[..., 1, 0])
    return share_of_pairs(joint, changed, added(c, 3), NO_ROWS)


def nfr(joint: JointSums) -> Measure:
    """Return P(s != y, d = y)."""
    c = joint.cells
    known = added(c[..., :2, :, :], 3)
    return share_of_pairs(joint, c[..., 1, 1, 0] + c[..., 0, 0, 1], known, NO_LABELS)


def pfr(joint: JointSums) -> Measure:
    """Return P(s = y, d != y)."""
    c = joint.cells
    known = added(c[..., :2, :, :], 3)
    return share_of_pairs(joint, c[..., 1, 0, 1] + c[..., 0, 1, 0], known, NO_LABELS)


def lost_positives(joint: JointSums) -> Measure:
    """Return P(s = 0, d = 1 given y = 1)."""
    c = joint.cells
    return share_of_pairs(joint, c[..., 1, 1, 0], added(c[..., 1, :, :], 2), NO_POSITIVES)


def gained_positives(joint: JointSums) -> Measure:
    """Return P(s = 1, d = 0 given y = 0)."""
    c = joint.cells
    return share_of_pairs(joint, c[..., 0, 0, 1], added(c[..., 0, :, :], 2), NO_NEGATIVES)


def accuracy_gap(model: Model) -> Measure | None:
    """Return overall accuracy minus each group value's; its change is ceag, with a maximum.

    The overall accuracy covers rows with a known group. Undefined if a value has no known labels.
    Source: Hashemizadeh et al., Balancing Act, ICLR 2024.
    """
    sums, strata = model.sums, model.strata
    groups = [strata.values_of(p.name) for p in strata.partitions[1:]]
    if not groups:
        return None
    right, known = sums.num_right, sums.num_known
    members = [m for group in groups for m in group]
    with np.errstate(invalid="ignore", divide="ignore"):
        gaps = [
            right[:, :, group].sum(2) / known[:, :, group].sum(2) - right[:, :, m] / known[:, :, m]
            for group in groups
            for m in group
        ]
    value = np.stack(gaps, axis=2)
    empty = np.isnan(value[:, 0]).any(axis=0)
    return Measure(
        tuple(sums.rows[m] for m in members),
        value,
        np.where(empty, f"{NO_LABELS} in group", "").astype(object),
        np.asarray((known[:, 0][:, members] < FEW).any(axis=0)),
    )


def _flips_of_accuracy_gap(model: Model) -> Flips | None:
    """Return a table for each value of the group: all count for everyone, one for itself."""
    groups = [model.strata.values_of(p.name) for p in model.strata.partitions[1:]]
    if not groups:
        return None
    table, parts = right_flips(model), []
    for members in groups:
        gained, lost, known = (counts[members] for counts in table)
        for place in range(len(members)):
            of_all = 1.0 / np.where(known.sum(axis=0) > 0, known.sum(axis=0), np.nan)
            own = (np.arange(len(members)) == place)[:, None] / np.where(known > 0, known, np.nan)
            steady = np.ones((1, known.shape[1]), bool)
            tables = (array[:, None] for array in (of_all - own, gained, lost, known))
            weight, *counts = tables
            parts.append(Flips(weight, counts[0], counts[1], counts[2], steady))
    return stacked(parts)


def _differences(part: Metric) -> Callable[[Model], Measure | None]:
    """Return the function of a difference in differences of `part`."""

    def compute(model: Model) -> Measure | None:
        return model.contrasts(part)

    return compute


CHURN = Metric(
    name="churn",
    plain="The share of samples whose prediction compression changed.",
    title="share of changed predictions", formula="P(s != d)", range="0 to 1",
    better="lower", undefined=NO_ROWS, source="Milani Fard et al. 2016", labels=False,
    compute=churn, compares=Compares.PREDICTIONS, scale=Scale.LOGIT, contrasted=True,
    curve=Curve.OVERALL,
    good=Good.LOWER,
)  # fmt: skip
NFR = Metric(
    name="nfr",
    plain="The share of samples that the reference gets right and the audited model wrong.",
    title="negative flips", formula="P(s != y, d = y)", range="0 to 1", better="lower",
    undefined=NO_LABELS, source="Yan et al. 2021",
    compute=nfr, compares=Compares.PREDICTIONS, scale=Scale.LOGIT, contrasted=True,
    good=Good.LOWER,
)  # fmt: skip
PFR = Metric(
    name="pfr",
    plain="The share of samples that the reference gets wrong and the audited model right.",
    title="positive flips", formula="P(s = y, d != y)", range="0 to 1", better="higher",
    undefined=NO_LABELS, source="Yan et al. 2021",
    compute=pfr, compares=Compares.PREDICTIONS, scale=Scale.LOGIT, contrasted=True,
    good=Good.HIGHER,
)  # fmt: skip
LOST_POSITIVES = Metric(
    name="lost_positives",
    plain="The share that the reference finds and the audited model misses, of the samples "
    "that have the attribute.",
    title="positives found before and missed now",
    formula="P(s = 0, d = 1 given y = 1)", range="0 to 1", better="lower", undefined=NO_POSITIVES,
    source="this tool",
    compute=lost_positives, compares=Compares.PREDICTIONS, scale=Scale.LOGIT, contrasted=True,
    curve=Curve.OVERALL,
    good=Good.LOWER,
)  # fmt: skip
GAINED_POSITIVES = Metric(
    name="gained_positives",
    plain="The share with a false alarm by the audited model alone, of the samples without the "
    "attribute.",
    title="false alarms that are new",
    formula="P(s = 1, d = 0 given y = 0)", range="0 to 1", better="lower", undefined=NO_NEGATIVES,
    source="this tool",
    compute=gained_positives, compares=Compares.PREDICTIONS, scale=Scale.LOGIT, contrasted=True,
    good=Good.LOWER,
)  # fmt: skip
DID_TPR = Metric(
    name="did_tpr",
    plain="How far compression moved the true-positive rates of two groups apart.",
    title="difference in differences of TPR",
    formula="(tpr_s[g=1] - tpr_s[g=0]) - (tpr_d[g=1] - tpr_d[g=0])", range="-2 to 2", better="0",
    undefined="tpr undefined in a group, in either model",
    source="metrics of this tool: signed and linear",
    compute=_differences(TPR), compares=Compares.MODELS, part=TPR, watched=True,
    spotlight="true-positive rates that moved apart (difference in differences)",
)  # fmt: skip
DID_FPR = Metric(
    name="did_fpr",
    plain="How far compression moved the false-positive rates of two groups apart.",
    title="difference in differences of FPR", formula="as did_tpr, of fpr",
    range="-2 to 2", better="0", undefined="fpr undefined in a group, in either model",
    source="as did_tpr", compute=_differences(FPR), compares=Compares.MODELS, part=FPR,
)  # fmt: skip
DID_PPV = Metric(
    name="did_ppv",
    plain="How far compression moved the precision of two groups apart.",
    title="difference in differences of PPV", formula="as did_tpr, of ppv",
    range="-2 to 2", better="0", undefined="ppv undefined in a group, in either model",
    source="as did_tpr", compute=_differences(PPV), compares=Compares.MODELS, part=PPV,
)  # fmt: skip
DID_ACCURACY = Metric(
    name="did_accuracy",
    plain="How far compression moved the accuracy of two groups apart.",
    title="difference in differences of accuracy",
    formula="as did_tpr, of accuracy", range="-2 to 2", better="0",
    undefined="no known labels in a group", source="as did_tpr",
    compute=_differences(ACCURACY), compares=Compares.MODELS, part=ACCURACY,
)  # fmt: skip
DID_PREDICTED_POSITIVE_RATE = Metric(
    name="did_predicted_positive_rate",
    plain="How far compression moved the shares of positive predictions of two groups apart.",
    title="difference in differences of the predicted-positive rate",
    formula="as did_tpr, of predicted_positive_rate", range="-2 to 2", better="0",
    undefined="an empty group", source="as did_tpr", labels=False,
    compute=_differences(PREDICTED_POSITIVE_RATE), compares=Compares.MODELS,
    part=PREDICTED_POSITIVE_RATE,
)  # fmt: skip
EXCESS_BA = Metric(
    name="excess_ba",
    plain="How much more closely the audited model ties the attribute to a group than the "
    "reference does.",
    title="bias amplification against the reference",
    formula="P(g = a* given s = 1) - P(g = a* given d = 1)", range="-1 to 1",
    better="0; above 0 compression added",
    undefined="no training counts; as bias_amplification, without the rules on labels; never "
    "predicted by either model",
    source=PAPER, labels=False,
    compute=share_of_predicted, flips=flips_of_share, compares=Compares.MODELS, of_groups=True,
)  # fmt: skip
CEAG = Metric(
    name="ceag",
    plain="How much more accuracy a group lost than all samples together.",
    title="compression's effect on the accuracy gap",
    formula="(acc_d,g - acc_s,g) - (acc_d - acc_s) for each value of the group, and the largest of "
    "these as max; overall accuracy over rows with a known label and group",
    range="-2 to 2", better="0; above 0 this group lost more than all",
    undefined="no known labels in a group",
    source="Hashemizadeh et al.: Balancing Act, ICLR 2024",
    compute=accuracy_gap, flips=_flips_of_accuracy_gap, compares=Compares.MODELS, of_groups=True,
    largest=True,
)  # fmt: skip
