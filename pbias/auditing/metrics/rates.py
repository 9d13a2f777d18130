"""Rates from counts of label and prediction, and scores from sums of p (metrics.md sections 2, 4).

Shape suffixes as in measures.py; cells are [R, 1+J, S, A, 3, 2]: label (0, 1, unknown), prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.strata import Strata
from pbias.auditing.counts.totals import Totals
from pbias.auditing.metrics.measures import (
    FEW,
    Measure,
    Row,
    by_stratum,
    first_reason,
    ratio,
    strata_rows,
)

NO_LABELS = "no known labels"
NO_POSITIVES = "no positive labels"
NO_NEGATIVES = "no negative labels"
NEVER_PREDICTED = "never predicted"
NO_ROWS = "no samples"
NO_TRAIN_COUNTS = "no training counts"


@dataclass(frozen=True)
class Sums:
    """Totals of R runs by stratum: cells [R, 1+J, S, A, 3, 2], the others without the last axes."""

    rows: tuple[Row, ...]
    cells: NDArray[np.int64]
    uncertain: NDArray[np.int64]
    errors: NDArray[np.float64]
    squares: NDArray[np.float64]

    @property
    def num_known(self) -> NDArray[np.int64]:
        """Rows with a known label."""
        return np.asarray(self.cells[..., :2, :].sum((-1, -2)))

    @property
    def num_positive(self) -> NDArray[np.int64]:
        """Rows with a positive label."""
        return np.asarray(self.cells[..., 1, :].sum(-1))

    @property
    def num_predicted(self) -> NDArray[np.int64]:
        """Rows with a known label that are predicted positive."""
        return np.asarray(self.cells[..., :2, 1].sum(-1))


def sums(runs: Sequence[Totals], strata: Strata) -> Sums:
    """The totals of each run, by stratum."""
    names = ("cells", "uncertain", "errors", "squares")
    return Sums(
        strata_rows(strata),
        *(np.stack([by_stratum(getattr(run, name), strata) for run in runs]) for name in names),
    )


def rates(sums: Sums) -> list[Measure]:
    """accuracy, prevalence, predicted_positive_rate, tpr, fpr, fnr, ppv, uncertainty."""
    c = sums.cells
    num_rows = c.sum((-1, -2))
    known, positive, predicted = sums.num_known, sums.num_positive, sums.num_predicted
    negative = known - positive
    table = {
        "accuracy": (c[..., 1, 1] + c[..., 0, 0], known, NO_LABELS),
        "prevalence": (positive, known, NO_LABELS),
        "predicted_positive_rate": (c[..., 1].sum(-1), num_rows, NO_ROWS),
        "tpr": (c[..., 1, 1], positive, NO_POSITIVES),
        "fpr": (c[..., 0, 1], negative, NO_NEGATIVES),
        "fnr": (c[..., 1, 0], positive, NO_POSITIVES),
        "ppv": (c[..., 1, 1], predicted, NEVER_PREDICTED),
        "uncertainty": (sums.uncertain, num_rows, NO_ROWS),
    }
    return [ratio(name, sums.rows, *parts) for name, parts in table.items()]


def under_prediction(sums: Sums, train_counts: NDArray[np.int64] | None) -> list[Measure]:
    """underprediction `P(s=1)/P(y=1)`, and tcb: the same for the value that is rarer in training.

    Source: metrics.md sections 2 and 4; the paper, section 3 (threshold calibration bias).
    """
    known, positive, predicted = sums.num_known, sums.num_positive, sums.num_predicted
    under = _ratio_of_counts("underprediction", sums.rows, predicted, positive, NO_POSITIVES)
    rare = np.ones(positive.shape[-1], bool)
    if train_counts is not None:
        rare = rare_is_one(train_counts)
    tcb = _ratio_of_counts(
        "tcb",
        sums.rows,
        np.where(rare, predicted, known - predicted),
        np.where(rare, positive, known - positive),
        "no labels of the value rarer in training",
    )
    if train_counts is None:
        tcb = undefined(tcb, NO_TRAIN_COUNTS)
    return [under, tcb]


def rare_is_one(train_counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether 1 is the value rarer in training (or as frequent as 0), by target."""
    everyone = train_counts[:, -1, -1]
    return np.asarray(everyone[:, 1] <= everyone.sum(-1) / 2)


def _ratio_of_counts(
    name: str, rows: tuple[Row, ...], top: NDArray[Any], bottom: NDArray[Any], why: str
) -> Measure:
    found = ratio(name, rows, top, bottom, why, proportion=False)
    counts = [count[:, 0].mean(axis=0) for count in (top, bottom)]
    few = np.minimum(*counts) < FEW
    return replace(found, few=few, successes=counts[0], trials=counts[1])


def never_predicted(sums: Sums) -> Measure:
    """1 where a target is never predicted positive, else 0."""
    count = sums.cells[..., 1].sum(-1)
    rows = sums.cells.sum((-1, -2))
    measure = ratio("never_predicted", sums.rows, count == 0, rows > 0, NO_ROWS, proportion=False)
    return Measure(
        measure.name, measure.rows, measure.value, measure.reason, np.zeros_like(measure.few)
    )


def calibration(sums: Sums) -> list[Measure]:
    """ece (10 equal-width bins), brier and calibration_gap `mean(p) - mean(y)`; known labels."""
    known = sums.num_known
    table = {
        "ece": np.abs(sums.errors).sum(-1),
        "brier": sums.squares,
        "calibration_gap": sums.errors.sum(-1),
    }
    return [
        ratio(name, sums.rows, top, known, NO_LABELS, proportion=False)
        for name, top in table.items()
    ]


def undefined(measure: Measure, reason: str) -> Measure:
    """The measure with nothing in it, because of `reason`."""
    return Measure(
        measure.name,
        measure.rows,
        np.full_like(measure.value, np.nan),
        np.full(measure.reason.shape, reason, object),
        np.zeros_like(measure.few),
    )


def equalized_odds(tpr: Measure, fpr: Measure, strata: Strata) -> Measure:
    """eod: the larger of the largest differences in TPR and FPR between values of a group.

    Undefined where either is undefined for one of the values. Source: metrics.md section 4.
    """
    groups = [p.name for p in strata.partitions[1:]]
    members = [strata.values_of(group) for group in groups]
    rows = tuple(Row(group, "max-min") for group in groups)

    def gap(measure: Measure) -> NDArray[np.float64]:
        parts = [measure.value[:, :, m] for m in members]
        return np.stack([part.max(axis=2) - part.min(axis=2) for part in parts], axis=2)

    reason = np.stack([first_reason([tpr, fpr], m) for m in members])
    few = np.stack([(tpr.few[m] | fpr.few[m]).any(axis=0) for m in members])
    spread = tuple((tpr.take(m), fpr.take(m)) for m in members)
    return Measure("eod", rows, np.maximum(gap(tpr), gap(fpr)), reason, few, spread=spread)


def accuracy_gap(sums: Sums, strata: Strata) -> Measure:
    """Overall accuracy less each group value's; its change is ceag, with the maximum by group.

    Overall runs over rows with a known group. Undefined where a value has no known labels.
    Source: Balancing Act (compression effect on the accuracy gap); metrics.md section 3.
    """
    right, known = sums.cells[..., 1, 1] + sums.cells[..., 0, 0], sums.num_known
    groups = [strata.values_of(p.name) for p in strata.partitions[1:]]
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
        "ceag",
        tuple(sums.rows[m] for m in members),
        value,
        np.where(empty, f"{NO_LABELS} in group", "").astype(object),
        np.asarray((known[:, 0][:, members] < FEW).any(axis=0)),
    )
