"""Metrics that need more than counts of label and prediction: AUC, interdependence, calibration.

Shape suffixes as in measures.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pbias.audit.auc import auc_by_group, auc_left_out
from pbias.audit.calibration import debiased_error, equal_mass_totals
from pbias.audit.interdependence import r_squared
from pbias.audit.measures import FEW, Measure, Row, strata_rows, whole_and_left_out
from pbias.audit.ranking import Ranking
from pbias.audit.rates import NO_NEGATIVES, NO_POSITIVES
from pbias.audit.strata import Strata
from pbias.files.logits import UNKNOWN

MIN_KNOWN = 2


def interdependence(grams: Sequence[NDArray[np.int64]]) -> Measure:
    """R^2 of a least-squares fit of one target's predictions on all the others', over all rows.

    `grams` [J, 1+A, 1+A] of each run. Undefined for constant predictions. Source: the paper.
    """
    value = np.stack([r_squared(whole_and_left_out(gram)) for gram in grams])
    reason = np.where(np.isnan(value[:, 0]).any(axis=0), "constant predictions", "")
    value = np.where(reason == "", value, np.nan)
    few = np.zeros((1, value.shape[-1]), bool)
    return Measure("interdependence", (Row(),), value[:, :, None], reason[None].astype(object), few)


def auc(
    rankings: Sequence[Ranking],
    labels_an: NDArray[np.int8],
    strata: Strata,
    folds: NDArray[np.intp],
    num_folds: int,
) -> Measure:
    """AUC of every run by stratum; undefined without positive or negative labels."""
    value = np.stack([_one_run(r, labels_an, strata, folds, num_folds) for r in rankings])
    positive, negative = (_label_counts(labels_an == label, strata) for label in (1, 0))
    reason = np.where(negative == 0, NO_NEGATIVES, "").astype(object)
    reason[positive == 0] = NO_POSITIVES
    for index, row in enumerate(strata.rows):
        if row.group:
            reason[index][reason[index] != ""] += " in group"
    few = np.minimum(positive, negative) < FEW
    counts = (positive.astype(np.float64), negative.astype(np.float64))
    return Measure("auc", strata_rows(strata), value, reason, few, *counts)


def debiased_calibration(
    rankings: Sequence[Ranking],
    p_an: Sequence[NDArray[np.float64]],
    labels_an: NDArray[np.int8],
    strata: Strata,
    folds: NDArray[np.intp],
    num_folds: int,
) -> Measure:
    """calibration_error_debiased of every run by stratum; undefined under 2 known labels.

    Source: metrics.md section 4.
    """
    runs = []
    for ranking, p in zip(rankings, p_an, strict=True):
        totals = [
            equal_mass_totals(ranking, p, labels_an, codes, num, folds, num_folds)
            for codes, num in _codes(strata)
        ]
        runs.append(debiased_error(whole_and_left_out(np.concatenate(totals, axis=1))))
    num_known = _label_counts(labels_an != UNKNOWN, strata)
    reason = np.where(num_known < MIN_KNOWN, "fewer than 2 known labels", "").astype(object)
    name = "calibration_error_debiased"
    return Measure(name, strata_rows(strata), np.stack(runs), reason, num_known < FEW)


def _one_run(
    ranking: Ranking,
    labels_an: NDArray[np.int8],
    strata: Strata,
    folds: NDArray[np.intp],
    num_folds: int,
) -> NDArray[np.float64]:
    """[1 or 1+J, S, A]."""
    parts = []
    for codes, num in _codes(strata):
        if num_folds == 1:
            parts.append(auc_by_group(ranking, labels_an, codes, num)[None])
        else:
            parts.append(auc_left_out(ranking, labels_an, codes, num, folds, num_folds))
    return np.concatenate(parts, axis=1)


def _codes(strata: Strata) -> list[tuple[NDArray[np.int16], int]]:
    """Row codes that, laid end to end, are the strata: the values, then the rest of each."""
    found = [(p.codes, len(p.values)) for p in strata.partitions]
    for row in strata.rows:
        if row.rest:
            inside = strata.mask(row)
            found.append((np.where(inside, 0, UNKNOWN).astype(np.int16), 1))
    return found


def _label_counts(hit_an: NDArray[np.bool_], strata: Strata) -> NDArray[np.int64]:
    """How many rows of each stratum and target are hit, [S, A]."""
    return np.array([(hit_an & strata.mask(row)).sum(axis=1) for row in strata.rows])
