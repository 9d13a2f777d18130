"""Metrics of probabilities and of their order: AUC, uncertainty, calibration.

Shape suffixes as in counts/sums.py.
"""

from __future__ import annotations

import numpy as np

from pbias.auditing.metrics.entry import Counted, Good, Metric, Noise, Scale
from pbias.auditing.metrics.flips import FEW, Flips, Floats, of_rate
from pbias.auditing.metrics.measures import Measure, ratio
from pbias.auditing.metrics.models import Model
from pbias.auditing.metrics.rates import (
    NO_LABELS,
    NO_NEGATIVES,
    NO_POSITIVES,
    NO_ROWS,
    PAPER,
    label_errors,
)

MIN_KNOWN = 2


def auc(model: Model) -> Measure:
    """Return the area under the ROC curve; undefined without positive or negative labels."""
    sums = model.sums
    positive = sums.num_positive[0, 0]
    negative = sums.num_known[0, 0] - positive
    reason = np.where(negative == 0, NO_NEGATIVES, "").astype(object)
    reason[positive == 0] = NO_POSITIVES
    for index, row in enumerate(sums.rows):
        if row.group:
            reason[index][reason[index] != ""] += " in group"
    few = np.minimum(positive, negative) < FEW
    counts = (positive.astype(np.float64), negative.astype(np.float64))
    value = np.stack([run.auc for run in model.scores])
    return Measure(sums.rows, value, reason, few, *counts)


def uncertainty(model: Model) -> Measure:
    """Return P(abs(p - 0.5) < 0.4), over all rows."""
    sums = model.sums
    return ratio(sums.rows, sums.uncertain, sums.num_rows, NO_ROWS)


def ece(model: Model) -> Measure:
    """Return the expected calibration error over 10 equal-width bins of p."""
    sums = model.sums
    return ratio(sums.rows, sums.absolute_error, sums.num_known, NO_LABELS, counted=False)


def brier(model: Model) -> Measure:
    """Return mean((p - y)^2)."""
    sums = model.sums
    return ratio(sums.rows, sums.squares, sums.num_known, NO_LABELS, counted=False)


def calibration_gap(model: Model) -> Measure:
    """Return mean(p) - mean(y)."""
    sums = model.sums
    return ratio(sums.rows, sums.error, sums.num_known, NO_LABELS, counted=False)


def calibration_error_debiased(model: Model) -> Measure:
    """Return the calibration error that group sizes do not bias; undefined under 2 known labels."""
    num_known = model.sums.num_known[0, 0]
    reason = np.where(num_known < MIN_KNOWN, "fewer than 2 known labels", "").astype(object)
    value = np.stack([run.calibration for run in model.scores])
    return Measure(model.sums.rows, value, reason, num_known < FEW)


def _wrong(model: Model) -> Flips:
    """Return wrongly predicted rows as flips in one direction."""
    over, under, known = label_errors(model)
    return of_rate(over + under, np.zeros_like(known), known)


def _risen_brier(value: Floats, share: Floats) -> Floats:
    """Return the value after more rows are wrong, which cost between a quarter and 1 each."""
    return value + share / 2


def _risen_calibration(value: Floats, share: Floats) -> Floats:
    """Return the value if further wrong rows fill one bin of ten or more, adding to gaps."""
    added = np.minimum(10.0 * share**2, share)
    return np.asarray((np.sqrt(np.maximum(value, 0.0)) + np.sqrt(added)) ** 2)


def _flips_of_uncertainty(model: Model) -> Flips | None:
    """Return flips by fold, because no row is known in both models: each fold's net gain or loss.

    If few rows flip, hardly any two share a fold.
    """
    if model.reference is None:
        return None
    ours, theirs = (sums.uncertain.mean(axis=0) for sums in (model.sums, model.reference))
    whole = ours[0] - theirs[0]
    net = whole - (ours[1:] - theirs[1:]) if len(ours) > 1 else whole[None]
    gained, lost = np.maximum(net, 0).sum(axis=0), np.maximum(-net, 0).sum(axis=0)
    return of_rate(gained, lost, model.sums.num_rows[0, 0].astype(np.float64))


AUC = Metric(
    name="auc",
    plain="How often the model ranks a sample with the attribute above one without it.",
    title="area under the ROC curve",
    formula="P(z of a positive > z of a negative) + P(equal) / 2, on logits", range="0 to 1",
    better="higher", undefined="no positive or no negative labels; an interval needs 2 of each",
    source="Mann and Whitney 1947", short="AUC",
    compute=auc, ranked=True, of_scores=True, scale=Scale.LOGIT, counted=Counted.CLASSES,
    contrasted=True, headline=True,
    good=Good.HIGHER,
)  # fmt: skip
UNCERTAINTY = Metric(
    name="uncertainty",
    plain="The share of predictions whose probability is between 0.1 and 0.9.",
    title="share of unsure predictions",
    formula="P(abs(p - 0.5) < 0.4), over all samples", range="0 to 1", better="lower",
    undefined=NO_ROWS, source=PAPER, labels=False, short="uncertain",
    compute=uncertainty, flips=_flips_of_uncertainty, of_scores=True, scale=Scale.LOGIT,
    contrasted=True, headline=True,
    good=Good.LOWER,
)  # fmt: skip
ECE = Metric(
    name="ece",
    plain="How far predicted probabilities are from the shares of samples that have the attribute.",
    title="expected calibration error",
    formula="sum over 10 equal-width bins of p (p = 1 in the last) of n_b/N abs(mean p - mean y)",
    range="0 to 1",
    better="lower; grows as groups shrink: compare calibration_error_debiased across groups",
    undefined=NO_LABELS, source="Guo et al. 2017",
    compute=ece, of_scores=True, noise=Noise.ALIKE,
    good=Good.LOWER,
)  # fmt: skip
BRIER = Metric(
    name="brier",
    plain="The mean squared distance of predicted probabilities from labels.",
    title="Brier score", formula="mean((p - y)^2)", range="0 to 1", better="lower",
    undefined=NO_LABELS, source="Brier 1950",
    compute=brier, errors=_wrong, risen=_risen_brier, of_scores=True, scale=Scale.LOGIT,
    contrasted=True, good=Good.LOWER,
)  # fmt: skip
CALIBRATION_GAP = Metric(
    name="calibration_gap",
    plain="How much higher predicted probabilities are on average than the share of samples "
    "that have the attribute.",
    title="confidence against frequency", formula="mean(p) - mean(y)",
    range="-1 to 1", better="0", undefined=NO_LABELS, source="standard",
    compute=calibration_gap, of_scores=True, signed=True, contrasted=True,
)  # fmt: skip
CALIBRATION_ERROR_DEBIASED = Metric(
    name="calibration_error_debiased",
    plain="How far probabilities are from shares, squared and corrected for the size of the group.",
    title="calibration error, comparable between group sizes",
    formula="sum over 10 equal-mass bins of n_b/N [(mean p - mean y)^2 - var(p - y)/n_b]; bins "
    "under 2 rows join their neighbor; not clipped at 0",
    range="about 0 to 1", better="0", undefined="fewer than 2 known labels",
    source="Brocker 2012; Kumar et al. 2019",
    compute=calibration_error_debiased, errors=_wrong, risen=_risen_calibration, rare=30,
    ranked=True, of_scores=True, good=Good.LOWER, scale=Scale.SQUARES, contrasted=True,
)  # fmt: skip
