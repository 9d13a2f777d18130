"""Rates from counts of label and prediction: accuracy, TPR, precision, threshold bias, ...

Shape suffixes as in counts/sums.py; cells are [R, 1+J, S, A, 3, 2]: label (0, 1, unknown),
prediction; joint counts have the reference's prediction before the audited one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.sums import JointSums
from pbias.auditing.counts.trained import NO_TRAIN_COUNTS, rare_is_one
from pbias.auditing.metrics.entry import Behavior, Counted, Curve, Metric, Scale
from pbias.auditing.metrics.measures import (
    Measure,
    increasing,
    ratio,
    ratio_of_counts,
    undefined,
)
from pbias.auditing.metrics.models import Model

PAPER = "Iofinova, Peste, Alistarh: Bias in Pruned Vision Models, CVPR 2023"
NO_LABELS = "no known labels"
NO_POSITIVES = "no positive labels"
NO_NEGATIVES = "no negative labels"
NEVER_PREDICTED = "never predicted"
NO_ROWS = "no samples"
NO_CLASSES = "no sample of one known class"
SHARE = Behavior(scale=Scale.LOGIT)
Counts = NDArray[np.float64]


def accuracy(model: Model) -> Measure:
    """P(s = y)."""
    sums = model.sums
    return ratio(sums.rows, sums.num_right, sums.num_known, NO_LABELS)


def prevalence(model: Model) -> Measure:
    """P(y = 1)."""
    sums = model.sums
    return ratio(sums.rows, sums.num_positive, sums.num_known, NO_LABELS)


def predicted_positive_rate(model: Model) -> Measure:
    """P(s = 1), over all rows."""
    sums = model.sums
    return ratio(sums.rows, sums.cells[..., 1].sum(-1), sums.num_rows, NO_ROWS)


def tpr(model: Model) -> Measure:
    """P(s = 1 given y = 1)."""
    sums = model.sums
    return ratio(sums.rows, sums.cells[..., 1, 1], sums.num_positive, NO_POSITIVES)


def fpr(model: Model) -> Measure:
    """P(s = 1 given y = 0)."""
    sums = model.sums
    num_negative = sums.num_known - sums.num_positive
    return ratio(sums.rows, sums.cells[..., 0, 1], num_negative, NO_NEGATIVES)


def fnr(model: Model) -> Measure:
    """P(s = 0 given y = 1)."""
    sums = model.sums
    return ratio(sums.rows, sums.cells[..., 1, 0], sums.num_positive, NO_POSITIVES)


def ppv(model: Model) -> Measure:
    """P(y = 1 given s = 1)."""
    sums = model.sums
    return ratio(sums.rows, sums.cells[..., 1, 1], sums.num_predicted, NEVER_PREDICTED)


def f1(model: Model) -> Measure:
    """2 tp / (2 tp + fp + fn).

    An increasing function of tp / (tp + fp + fn), which is a proportion: its interval is mapped.
    Source: Hand, Christen and Kirielle (2021), F*: an interpretable transformation of the
    F-measure, Machine Learning 110.
    """
    sums = model.sums
    hits = sums.cells[..., 1, 1]
    either = hits + sums.cells[..., 0, 1] + sums.cells[..., 1, 0]
    share = ratio(sums.rows, hits, either, "no positive labels or predictions")
    return increasing(replace(share, behavior=SHARE), lambda x: 2 * x / (1 + x))


def balanced_accuracy(model: Model) -> Measure:
    """(TPR + TNR) / 2, as a function of TPR - FPR."""
    positive, negative = replace(tpr(model), behavior=SHARE), replace(fpr(model), behavior=SHARE)
    difference = Measure(
        positive.rows,
        positive.value - negative.value,
        np.where(positive.reason == "", negative.reason, positive.reason),
        positive.few | negative.few,
        sides=(positive, negative),
    )
    return increasing(difference, lambda x: (1 + x) / 2)


def top1_accuracy(model: Model) -> Measure | None:
    """P(the class with the largest output is the class of the sample); None for attributes."""
    sums = model.sums
    known = sums.classes.sum(-1, keepdims=True)
    if not known.any():
        return None
    return ratio(sums.rows, sums.classes[..., 1:], known, NO_CLASSES)


def underprediction(model: Model) -> Measure:
    """P(s = 1) / P(y = 1)."""
    sums = model.sums
    return ratio_of_counts(sums.rows, sums.num_predicted, sums.num_positive, NO_POSITIVES)


def tcb(model: Model) -> Measure:
    """Threshold calibration bias: `underprediction` of the value that is rarer in training."""
    sums, counts = model.sums, model.train_counts
    known, positive, predicted = sums.num_known, sums.num_positive, sums.num_predicted
    rare = np.ones(positive.shape[-1], bool) if counts is None else rare_is_one(counts)
    found = ratio_of_counts(
        sums.rows,
        np.where(rare, predicted, known - predicted),
        np.where(rare, positive, known - positive),
        "no labels of the value rarer in training",
    )
    return undefined(found, NO_TRAIN_COUNTS) if counts is None else found


def never_predicted(model: Model) -> Measure:
    """1 where a target is never predicted positive, else 0."""
    sums = model.sums
    never, some = sums.cells[..., 1].sum(-1) == 0, sums.num_rows > 0
    found = ratio(sums.rows, never, some, NO_ROWS, counted=False)
    return Measure(found.rows, found.value, found.reason, np.zeros_like(found.few))


def _of_label(joint: JointSums, label: int) -> Counts:
    """Rows of a label by prediction of both models, means over pairs of runs, [S, A, 2, 2]."""
    return np.asarray(joint.cells[:, 0, ..., label, :, :].mean(axis=0))


def _pairs_of_positives(joint: JointSums) -> Counts:
    return _of_label(joint, 1)


def _pairs_of_negatives(joint: JointSums) -> Counts:
    return _of_label(joint, 0)


def _pairs_of_misses(joint: JointSums) -> Counts:
    """A success is a missed positive."""
    return _of_label(joint, 1)[..., ::-1, ::-1]


def _pairs_of_right(joint: JointSums) -> Counts:
    return _of_label(joint, 1) + _of_label(joint, 0)[..., ::-1, ::-1]


def _pairs_of_predictions(joint: JointSums) -> Counts:
    """Over all rows."""
    return np.asarray(joint.cells[:, 0].mean(axis=0).sum(axis=-3))


def _pairs_of_classes(joint: JointSums) -> Counts:
    return np.asarray(joint.classes[:, 0].mean(axis=0)[:, None])


def _pairs_of_known(joint: JointSums) -> Counts:
    """Predictions over rows with a known label."""
    return _of_label(joint, 0) + _of_label(joint, 1)


TOP1_ACCURACY = Metric(
    name="top1_accuracy", title="top-1 accuracy of a classifier",
    formula="P(the class with the largest output is the sample's class), over samples of exactly "
    "one known class",
    range="0 to 1", better="higher", undefined="no sample of one known class; attributes instead "
    "of classes: no such row", source="standard", short="top-1",
    compute=top1_accuracy, pairs=_pairs_of_classes, scale=Scale.LOGIT, pooled=True,
    contrasted=True, headline=True, watched=True,
)  # fmt: skip
ACCURACY = Metric(
    name="accuracy", title="accuracy", formula="P(s = y)", range="0 to 1", better="higher",
    undefined=NO_LABELS, source="standard",
    compute=accuracy, pairs=_pairs_of_right, scale=Scale.LOGIT,
    contrasted=True, headline=True, watched=True, curve=Curve.OVERALL,
)  # fmt: skip
PREVALENCE = Metric(
    name="prevalence", title="share of positive labels", formula="P(y = 1)", range="0 to 1",
    better="a property of the data", undefined=NO_LABELS, source="standard",
    compute=prevalence, scale=Scale.LOGIT, contrasted=True,
)  # fmt: skip
PREDICTED_POSITIVE_RATE = Metric(
    name="predicted_positive_rate", title="share of positive predictions",
    formula="P(s = 1), over all samples", range="0 to 1", better="near the prevalence",
    undefined=NO_ROWS, source="standard", labels=False,
    compute=predicted_positive_rate, pairs=_pairs_of_predictions, scale=Scale.LOGIT,
    contrasted=True,
)  # fmt: skip
TPR = Metric(
    name="tpr", title="true-positive rate", formula="P(s = 1 given y = 1)", range="0 to 1",
    better="higher, and equal between groups", undefined=NO_POSITIVES, source="Hardt et al. 2016",
    short="TPR", compute=tpr, pairs=_pairs_of_positives, scale=Scale.LOGIT, contrasted=True,
    curve=Curve.CONTRASTS,
)  # fmt: skip
FPR = Metric(
    name="fpr", title="false-positive rate", formula="P(s = 1 given y = 0)", range="0 to 1",
    better="lower, and equal between groups", undefined=NO_NEGATIVES, source="Hardt et al. 2016",
    short="FPR", compute=fpr, pairs=_pairs_of_negatives, scale=Scale.LOGIT, contrasted=True,
)  # fmt: skip
FNR = Metric(
    name="fnr", title="false-negative rate", formula="P(s = 0 given y = 1)", range="0 to 1",
    better="lower, and equal between groups", undefined=NO_POSITIVES, source="Hardt et al. 2016",
    short="FNR", compute=fnr, pairs=_pairs_of_misses, scale=Scale.LOGIT, contrasted=True,
)  # fmt: skip
PPV = Metric(
    name="ppv", title="precision", formula="P(y = 1 given s = 1)", range="0 to 1",
    better="higher, and equal between groups", undefined=NEVER_PREDICTED, source="standard",
    short="PPV", compute=ppv, scale=Scale.LOGIT, contrasted=True,
)  # fmt: skip
F1 = Metric(
    name="f1", title="F1 score", formula="2 tp / (2 tp + fp + fn)", range="0 to 1", better="higher",
    undefined="no positive labels or predictions", source="van Rijsbergen 1979; interval: Hand et "
    "al. 2021", short="F1", compute=f1, scale=Scale.LOGIT, contrasted=True,
)  # fmt: skip
BALANCED_ACCURACY = Metric(
    name="balanced_accuracy", title="balanced accuracy", formula="(TPR + TNR) / 2", range="0 to 1",
    better="higher; 0.5 says nothing of the label", undefined="no positive or no negative labels",
    source="Brodersen et al. 2010", compute=balanced_accuracy, scale=Scale.LOGIT, contrasted=True,
)  # fmt: skip
TCB = Metric(
    name="tcb", title="threshold calibration bias",
    formula="predicted share of the value that is rarer in training / its true share",
    range="0 and up", better="1; below 1 the rare value is under-predicted",
    undefined="no training counts; no labels of the value rarer in training", source=PAPER,
    short="TCB", compute=tcb, pairs=_pairs_of_known, scale=Scale.LOG, counted=Counted.RATIO,
    contrasted=True, headline=True, curve=Curve.OVERALL,
)  # fmt: skip
UNDERPREDICTION = Metric(
    name="underprediction", title="predicted against true positives",
    formula="P(s = 1 given g) / P(y = 1 given g)", range="0 and up", better="1",
    undefined=NO_POSITIVES, source=PAPER,
    compute=underprediction, pairs=_pairs_of_known, scale=Scale.LOG, counted=Counted.RATIO,
    contrasted=True,
)  # fmt: skip
NEVER = Metric(
    name="never_predicted", title="the attribute is never predicted",
    formula="1 if no sample is predicted positive, else 0", range="0 or 1", better="0",
    undefined=NO_ROWS, source="this tool", labels=False, short="never pred.",
    mean_title="share never predicted", fact="Never predicted", compute=never_predicted,
    headline=True, curve=Curve.OVERALL,
)  # fmt: skip
