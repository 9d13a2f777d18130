"""What compression changed, sample by sample, from joint counts (metrics.md section 3).

Shape suffixes as in measures.py; joint counts are [R, 1+J, S, A, 3, 2, 2]: label (0, 1, unknown),
reference prediction, audited prediction; with several runs a side, R is every pair of runs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.metrics.measures import Measure, Row, ratio
from pbias.auditing.metrics.rates import NO_LABELS, NO_NEGATIVES, NO_POSITIVES, NO_ROWS


def flips(joint: NDArray[np.int64], rows: tuple[Row, ...]) -> list[Measure]:
    """churn, nfr, pfr, lost_positives, gained_positives, by stratum."""
    c = joint
    known = c[..., :2, :, :].sum((-1, -2, -3))
    positive, negative = c[..., 1, :, :].sum((-1, -2)), c[..., 0, :, :].sum((-1, -2))
    table = {
        "churn": (c[..., 0, 1].sum(-1) + c[..., 1, 0].sum(-1), c.sum((-1, -2, -3)), NO_ROWS),
        "nfr": (c[..., 1, 1, 0] + c[..., 0, 0, 1], known, NO_LABELS),
        "pfr": (c[..., 1, 0, 1] + c[..., 0, 1, 0], known, NO_LABELS),
        "lost_positives": (c[..., 1, 1, 0], positive, NO_POSITIVES),
        "gained_positives": (c[..., 0, 0, 1], negative, NO_NEGATIVES),
    }
    return [ratio(name, rows, *parts) for name, parts in table.items()]


def discordant(joint: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows on which the two models differ, int [R, S, A]."""
    whole = joint[:, 0]
    return np.asarray(whole[..., 0, 1].sum(-1) + whole[..., 1, 0].sum(-1))


def paired_tables(joint: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """For each rate with the same trials in both models: trials by success, [S, A, 2, 2].

    Indices: success of the reference, success of the audited model; means over pairs of runs. Those
    of a ratio to the labels are its predictions.
    """
    c = joint[:, 0].mean(axis=0)
    by_label = {label: c[..., label, :, :] for label in (0, 1)}
    missed = {label: table[..., ::-1, ::-1] for label, table in by_label.items()}
    return {
        "accuracy": by_label[1] + missed[0],
        "predicted_positive_rate": c.sum(axis=-3),
        "tpr": by_label[1],
        "fpr": by_label[0],
        "fnr": missed[1],
        "tcb": by_label[0] + by_label[1],
        "underprediction": by_label[0] + by_label[1],
    }
