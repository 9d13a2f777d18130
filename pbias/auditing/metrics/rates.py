"""Rates from counts of label and prediction: accuracy, TPR, precision, threshold bias, ...

Shape suffixes as in counts/sums.py; cells are [R, 1+J, S, A, 3, 2]: label (0, 1, unknown),
prediction; joint counts have the reference's prediction before the audited one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.trained import NO_TRAIN_COUNTS, rare_is_one
from pbias.auditing.metrics.entry import Behavior, Counted, Curve, Good, Metric, Scale
from pbias.auditing.metrics.flips import FEW, Flips, Scaled, of_rate, of_share
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
    """Return P(s = y)."""
    sums = model.sums
    return ratio(sums.rows, sums.num_right, sums.num_known, NO_LABELS)


def prevalence(model: Model) -> Measure:
    """Return P(y = 1)."""
    sums = model.sums
    return ratio(sums.rows, sums.num_positive, sums.num_known, NO_LABELS)


def predicted_positive_rate(model: Model) -> Measure:
    """Return P(s = 1), over all rows."""
    sums = model.sums
    return ratio(sums.rows, sums.num_said, sums.num_rows, NO_ROWS)


def tpr(model: Model) -> Measure:
    """Return P(s = 1 given y = 1)."""
    sums = model.sums
    return ratio(sums.rows, sums.cells[..., 1, 1], sums.num_positive, NO_POSITIVES)


def fpr(model: Model) -> Measure:
    """Return P(s = 1 given y = 0)."""
    sums = model.sums
    num_negative = sums.num_known - sums.num_positive
    return ratio(sums.rows, sums.cells[..., 0, 1], num_negative, NO_NEGATIVES)


def fnr(model: Model) -> Measure:
    """Return P(s = 0 given y = 1)."""
    sums = model.sums
    return ratio(sums.rows, sums.cells[..., 1, 0], sums.num_positive, NO_POSITIVES)


def ppv(model: Model) -> Measure:
    """Return P(y = 1 given s = 1)."""
    sums = model.sums
    return ratio(sums.rows, sums.cells[..., 1, 1], sums.num_predicted, NEVER_PREDICTED)


def f1(model: Model) -> Measure:
    """Return 2 tp / (2 tp + fp + fn).

    This is an increasing function of tp / (tp + fp + fn), which is a proportion, so its interval is
    mapped. Source: Hand, Christen and Kirielle (2021), F*: an interpretable transformation of the
    F-measure, Machine Learning 110.
    """
    sums = model.sums
    hits = sums.cells[..., 1, 1]
    either = hits + sums.cells[..., 0, 1] + sums.cells[..., 1, 0]
    share = ratio(sums.rows, hits, either, "no positive labels or predictions")
    return increasing(replace(share, behavior=SHARE), lambda x: 2 * x / (1 + x))


def balanced_accuracy(model: Model) -> Measure:
    """Return (TPR + TNR) / 2, as a function of TPR - FPR."""
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
    """Return P(the class with the largest output is the sample's class); None for attributes."""
    sums = model.sums
    known = sums.classes.sum(-1, keepdims=True)
    if not known.any():
        return None
    return ratio(sums.rows, sums.classes[..., 1:], known, NO_CLASSES)


def underprediction(model: Model) -> Measure:
    """Return P(s = 1) / P(y = 1)."""
    sums = model.sums
    return ratio_of_counts(sums.rows, sums.num_predicted, sums.num_positive, NO_POSITIVES)


def tcb(model: Model) -> Measure:
    """Return threshold calibration bias: `underprediction` of the value rarer in training."""
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
    """Return 1 if a target is never predicted positive, else 0."""
    sums = model.sums
    never, some = sums.num_said == 0, sums.num_rows > 0
    found = ratio(sums.rows, never, some, NO_ROWS, counted=False)
    return Measure(found.rows, found.value, found.reason, np.zeros_like(found.few))


def _tables(model: Model) -> list[tuple[Counts, Counts, Counts]]:
    """Return rows gained, lost and in all, for labels 0, 1 and unknown, [S, A] each."""
    rows = model.flipped
    return [(c[..., 0, 1], c[..., 1, 0], c.sum((-1, -2))) for c in np.moveaxis(rows, -3, 0)]


def _sum(*tables: tuple[Counts, Counts, Counts]) -> tuple[Counts, Counts, Counts]:
    gained, lost, trials = (np.sum(column, axis=0) for column in zip(*tables, strict=True))
    return gained, lost, trials


def right_flips(model: Model) -> tuple[Counts, Counts, Counts]:
    """Return known rows that became right, that became wrong, and all of them."""
    (gained_0, lost_0, trials_0), positive, _ = _tables(model)
    return _sum((lost_0, gained_0, trials_0), positive)


def predicted_flips(model: Model) -> tuple[Counts, Counts, Counts]:
    """Return rows newly predicted positive, no longer predicted positive, and all of them."""
    return _sum(*_tables(model))


def known_flips(model: Model) -> tuple[Counts, Counts, Counts]:
    """Return the same for rows with a known label."""
    return _sum(*_tables(model)[:2])


def label_errors(model: Model) -> tuple[Counts, Counts, Counts]:
    """Return known rows that are false positives, false negatives, and all of them."""
    cells = model.predicted
    return cells[..., 0, 1], cells[..., 1, 0], cells[..., :2, :].sum((-1, -2))


def _flips_of_right(model: Model) -> Flips:
    return of_rate(*right_flips(model))


def _flips_of_predictions(model: Model) -> Flips:
    return of_rate(*predicted_flips(model))


def _flips_of_positives(model: Model) -> Flips:
    return of_rate(*_tables(model)[1])


def _flips_of_negatives(model: Model) -> Flips:
    return of_rate(*_tables(model)[0])


def _flips_of_misses(model: Model) -> Flips:
    return of_rate(*_tables(model)[1], sign=-1.0)


def _flips_of_classes(model: Model) -> Flips:
    assert model.joint is not None
    c = model.joint.over_pairs(model.joint.classes[:, 0])[:, None]
    return of_rate(c[..., 0, 1], c[..., 1, 0], c.sum((-1, -2)))


def _before_and_after(model: Model, label: int) -> tuple[Counts, Counts]:
    """Return rows of a label that the reference and the model predict positive."""
    rows = model.flipped[..., label, :, :]
    return rows[..., 1, :].sum(-1), rows[..., :, 1].sum(-1)


def _flips_of_ppv(model: Model) -> Flips:
    right, wrong = _before_and_after(model, 1), _before_and_after(model, 0)
    return of_share(right, wrong, _tables(model)[1::-1])


def _flips_of_f1(model: Model) -> Flips:
    """Return flips of `2 T / (T + F + Y)` (true, false positives, Y labels), see `of_share`."""
    (t_0, t_1), (f_0, f_1) = _before_and_after(model, 1), _before_and_after(model, 0)
    tables = _tables(model)[1::-1]
    num_positive = tables[0][2]
    totals = t_0 + f_0 + num_positive, t_1 + f_1 + num_positive
    below = np.where(totals[0] * totals[1] > 0, totals[0] * totals[1], np.nan)
    weight = np.stack([(f_0 + f_1 + 2 * num_positive) / below, -(t_0 + t_1) / below])
    gained, lost, trials = (np.stack(column) for column in zip(*tables, strict=True))
    return Flips(weight, gained, lost, trials, np.minimum(*totals) >= FEW)


def _flips_of_balanced_accuracy(model: Model) -> Flips:
    both = _flips_of_positives(model).minus(_flips_of_negatives(model))
    return replace(both, weight=both.weight / 2)


def _rare(model: Model) -> NDArray[np.bool_]:
    counts = model.train_counts
    return np.ones(model.predicted.shape[1], bool) if counts is None else rare_is_one(counts)


def _ratio_flips(table: tuple[Counts, Counts, Counts], part: Counts, rare: Counts) -> Flips:
    """Return flips of the number of predictions of the `rare` value over its labels [S, A].

    `part` contains the flips among the other rows, to whose number the ratio is not relative.
    """
    some = np.where(rare > 0, rare, np.nan)
    found = of_rate(*table)
    scaled = Scaled((part / some)[None], rare[None], table[2][None])
    return replace(found, weight=(1 / some)[None], scaled=scaled)


def _flips_of_ratio(model: Model, is_one: NDArray[np.bool_]) -> Flips:
    negative, positive, _ = _tables(model)
    gained, lost, known = _sum(negative, positive)
    table = np.where(is_one, gained, lost), np.where(is_one, lost, gained), known
    part = np.where(is_one, negative[0] - negative[1], positive[1] - positive[0])
    return _ratio_flips(table, part, np.where(is_one, positive[2], negative[2]))


def _errors_of_ratio(model: Model, is_one: NDArray[np.bool_]) -> Flips:
    over, under, known = label_errors(model)
    positive = model.predicted[..., 1, :].sum(-1)
    table = np.where(is_one, over, under), np.where(is_one, under, over), known
    return _ratio_flips(table, table[0], np.where(is_one, positive, known - positive))


def _flips_of_tcb(model: Model) -> Flips:
    return _flips_of_ratio(model, _rare(model))


def _errors_of_tcb(model: Model) -> Flips:
    return _errors_of_ratio(model, _rare(model))


def _flips_of_underprediction(model: Model) -> Flips:
    return _flips_of_ratio(model, np.ones_like(_rare(model)))


def _errors_of_underprediction(model: Model) -> Flips:
    return _errors_of_ratio(model, np.ones_like(_rare(model)))


TOP1_ACCURACY = Metric(
    name="top1_accuracy",
    plain="The share of samples whose largest output is that of their class.",
    title="top-1 accuracy of a classifier",
    formula="P(the class with the largest output is the sample's class), over samples of exactly "
    "one known class",
    range="0 to 1", better="higher", undefined="no sample of one known class; attributes instead "
    "of classes: no such row", source="standard", short="top-1",
    compute=top1_accuracy, flips=_flips_of_classes, scale=Scale.LOGIT, pooled=True,
    contrasted=True, headline=True, watched=True,
    good=Good.HIGHER, spoken="top-1 accuracy", by_value=True,
)  # fmt: skip
ACCURACY = Metric(
    name="accuracy",
    plain="The share of predictions that are right.",
    title="accuracy", formula="P(s = y)", range="0 to 1", better="higher",
    undefined=NO_LABELS, source="standard",
    compute=accuracy, flips=_flips_of_right, scale=Scale.LOGIT,
    contrasted=True, headline=True, watched=True, curve=Curve.OVERALL,
    good=Good.HIGHER, spoken="accuracy", by_value=True, binary_only=True,
)  # fmt: skip
PREVALENCE = Metric(
    name="prevalence",
    plain="The share of samples that have the attribute.",
    title="share of positive labels", formula="P(y = 1)", range="0 to 1",
    better="a property of the data", undefined=NO_LABELS, source="standard",
    compute=prevalence, scale=Scale.LOGIT, of_labels=True, contrasted=True,
)  # fmt: skip
PREDICTED_POSITIVE_RATE = Metric(
    name="predicted_positive_rate",
    plain="The share of samples for which the attribute is predicted.",
    title="share of positive predictions",
    formula="P(s = 1), over all samples", range="0 to 1", better="near the prevalence",
    undefined=NO_ROWS, source="standard", labels=False,
    compute=predicted_positive_rate, flips=_flips_of_predictions, scale=Scale.LOGIT,
    contrasted=True, short="positive", by_value=True, binary_only=True,
)  # fmt: skip
TPR = Metric(
    name="tpr",
    plain="The share found, of the samples that have the attribute.",
    title="true-positive rate", formula="P(s = 1 given y = 1)", range="0 to 1",
    better="higher, and equal between groups", undefined=NO_POSITIVES, source="Hardt et al. 2016",
    short="TPR", compute=tpr, flips=_flips_of_positives, scale=Scale.LOGIT, contrasted=True,
    curve=Curve.CONTRASTS,
    good=Good.HIGHER, spoken="sensitivity", by_value=True,
)  # fmt: skip
FPR = Metric(
    name="fpr",
    plain="The share with a false alarm, of the samples without the attribute.",
    title="false-positive rate", formula="P(s = 1 given y = 0)", range="0 to 1",
    better="lower, and equal between groups", undefined=NO_NEGATIVES, source="Hardt et al. 2016",
    short="FPR", compute=fpr, flips=_flips_of_negatives, scale=Scale.LOGIT, contrasted=True,
    good=Good.LOWER, spoken="false-alarm rate", by_value=True,
)  # fmt: skip
FNR = Metric(
    name="fnr",
    plain="The share missed, of the samples that have the attribute.",
    title="false-negative rate", formula="P(s = 0 given y = 1)", range="0 to 1",
    better="lower, and equal between groups", undefined=NO_POSITIVES, source="Hardt et al. 2016",
    short="FNR", compute=fnr, flips=_flips_of_misses, scale=Scale.LOGIT, contrasted=True,
    good=Good.LOWER,
)  # fmt: skip
PPV = Metric(
    name="ppv",
    plain="The share that is right, of the predictions that the attribute is there.",
    title="precision", formula="P(y = 1 given s = 1)", range="0 to 1",
    better="higher, and equal between groups", undefined=NEVER_PREDICTED, source="standard",
    short="PPV", compute=ppv, flips=_flips_of_ppv, scale=Scale.LOGIT, contrasted=True,
    good=Good.HIGHER, spoken="precision", by_value=True,
)  # fmt: skip
F1 = Metric(
    name="f1",
    plain="Precision and the true-positive rate in one number, their harmonic mean.",
    title="F1 score", formula="2 tp / (2 tp + fp + fn)", range="0 to 1", better="higher",
    undefined="no positive labels or predictions", source="van Rijsbergen 1979; interval: Hand et "
    "al. 2021", short="F1", compute=f1, flips=_flips_of_f1, scale=Scale.LOGIT, contrasted=True,
    good=Good.HIGHER,
)  # fmt: skip
BALANCED_ACCURACY = Metric(
    name="balanced_accuracy",
    plain="The accuracy if samples with and without the attribute had equal weight.",
    title="balanced accuracy", formula="(TPR + TNR) / 2", range="0 to 1",
    better="higher; 0.5 says nothing of the label", undefined="no positive or no negative labels",
    source="Brodersen et al. 2010", compute=balanced_accuracy,
    flips=_flips_of_balanced_accuracy, scale=Scale.LOGIT, contrasted=True,
    good=Good.HIGHER,
)  # fmt: skip
TCB = Metric(
    name="tcb",
    plain="How often the rarer value of an attribute is predicted, as a multiple of how often "
    "it is true.",
    title="threshold calibration bias",
    formula="predicted share of the value that is rarer in training (1 of two that are as frequent)"
    " / its true share, over samples with a known label",
    range="0 and up", better="1; below 1 the rare value is under-predicted",
    undefined="no training counts; no labels of the value rarer in training", source=PAPER,
    short="TCB", compute=tcb, flips=_flips_of_tcb, errors=_errors_of_tcb, scale=Scale.LOG,
    counted=Counted.RATIO,
    contrasted=True, headline=True, curve=Curve.OVERALL,
)  # fmt: skip
UNDERPREDICTION = Metric(
    name="underprediction",
    plain="How often the attribute is predicted, as a multiple of how often it is true.",
    title="predicted against true positives",
    formula="P(s = 1 given g) / P(y = 1 given g)", range="0 and up", better="1",
    undefined=NO_POSITIVES, source=PAPER,
    compute=underprediction, flips=_flips_of_underprediction,
    errors=_errors_of_underprediction, scale=Scale.LOG, counted=Counted.RATIO,
    contrasted=True,
)  # fmt: skip
NEVER = Metric(
    name="never_predicted",
    plain="Whether the attribute is predicted for no sample at all.",
    title="the attribute is never predicted",
    formula="1 if no sample is predicted positive, else 0", range="0 or 1", better="0",
    undefined=NO_ROWS, source="this tool", labels=False, short="never pred.",
    mean_title="share never predicted", fact="Never predicted", compute=never_predicted,
    headline=True, curve=Curve.OVERALL,
    good=Good.LOWER,
)  # fmt: skip
