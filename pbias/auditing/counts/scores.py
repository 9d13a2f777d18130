"""Scores from the order of one run's logits: AUC, and a calibration error comparable between sizes.

Shape suffixes as in sums.py; n samples, k those of some strata (ranking.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.ranks.equal_mass import debiased_error, equal_mass_totals
from pbias.auditing.counts.ranks.ranking import (
    InOrder,
    aucs,
    aucs_left_out,
    order_of_folds,
    rank,
)
from pbias.auditing.counts.strata import Strata
from pbias.auditing.counts.totals import Predictions
from pbias.files.logits import UNKNOWN

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]
# Strata are scored together while they have no more rows than that: a call of numpy takes as long
# as some thousand rows.
_ROWS_TOGETHER = 1 << 20


@dataclass(frozen=True)
class Scores:
    """Scores from one run's order of logits: AUC and debiased calibration error, [1+J, S, A]."""

    auc: Floats
    calibration: Floats


def score_rows(
    predicted: Predictions,
    labels_an: NDArray[np.int8],
    strata: Strata,
    folds: NDArray[np.intp],
    num_folds: int,
) -> Scores:
    """Return the exact scores of one run, from its logits in order."""
    members = np.stack([strata.mask(row) for row in strata.rows])
    fold_n = folds if num_folds > 1 else None
    shape = (1 + num_folds if num_folds > 1 else 1, len(members), len(labels_an))
    scores = Scores(np.empty(shape), np.empty(shape))
    together = max(1, _ROWS_TOGETHER // max(1, len(folds)))
    for a, y_n in enumerate(labels_an):
        ascending = _Ascending.of(predicted.ranked(a), y_n, predicted.p_of(a) - y_n, fold_n)
        for start in range(0, len(members), together):
            part = slice(start, start + together)
            scores.auc[:, part, a], scores.calibration[:, part, a] = ascending.scores(
                members[part], num_folds
            )
    return scores


class _Ascending(NamedTuple):
    """Samples of known label in ascending order.

    Which these are, their labels, errors p - y, numbers of the runs of equal values, and folds.
    """

    order_n: NDArray[np.intp]
    y_n: NDArray[np.int8]
    error_n: Floats
    run_n: NDArray[np.int32]
    fold_n: NDArray[np.intp] | None

    @classmethod
    def of(
        cls,
        values_n: NDArray[np.floating],
        y_n: NDArray[np.int8],
        error_n: Floats,
        fold_n: NDArray[np.intp] | None,
    ) -> _Ascending:
        """Sort samples by `values_n`."""
        order_n, run_n = rank(values_n)
        known = y_n[order_n] != UNKNOWN
        if not known.all():
            order_n, run_n = order_n[known], run_n[known]
        folds = None if fold_n is None else fold_n[order_n]
        return cls(order_n, y_n[order_n], error_n[order_n], run_n, folds)

    def scores(self, members: Masks, num_folds: int) -> tuple[Floats, Floats]:
        """Return AUC and calibration error [1+J, S] of strata with these members, bool [S, N]."""
        num_strata = len(members)
        n_k, sizes = _members_in(self.order_n, members)
        numbers = np.arange(num_strata)
        # Runs of each stratum have numbers of their own.
        first_run = (numbers * (self.run_n[-1:].sum() + 1)).astype(np.int32)
        strata = InOrder(
            self.y_n[n_k],
            self.run_n[n_k] + np.repeat(first_run, sizes),
            np.concatenate([[0], np.cumsum(sizes)]),
        )
        error_k = self.error_n[n_k]
        if self.fold_n is None:
            return aucs(strata)[None], debiased_error(equal_mass_totals(error_k, strata))
        cell_k = (self.fold_n * num_strata)[n_k] + np.repeat(numbers, sizes)
        counts = np.bincount(cell_k, minlength=num_folds * num_strata)
        by_fold = order_of_folds(self.fold_n)
        n_k = by_fold[_members_in(self.order_n[by_fold], members)[0]]
        start_b = np.concatenate([[0], counts.reshape(num_folds, num_strata).T.cumsum()])
        folds = InOrder(self.y_n[n_k], self.run_n[n_k], start_b)
        totals = equal_mass_totals(error_k, strata, cell_k, num_folds)
        return aucs_left_out(strata, folds, cell_k), debiased_error(totals)


def _members_in(
    order_n: NDArray[np.intp], members: Masks
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where the members of each stratum are in an order, and how many there are."""
    ordered = np.take(members, order_n, axis=1)
    sizes = np.count_nonzero(ordered, axis=1)
    place = np.flatnonzero(ordered)
    first = np.arange(len(members)) * len(order_n)
    return place - np.repeat(first, sizes), sizes
