"""What the order of logits says: AUC and debiased calibration error of one run, exact.

Shape suffixes as in sums.py; n samples, k those of a stratum (ranking.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.calibration import NUM_BINS, debiased_error, equal_mass_totals
from pbias.auditing.counts.ranking import auc_left_out, rank
from pbias.auditing.counts.strata import Strata
from pbias.auditing.counts.sums import whole_and_left_out
from pbias.auditing.counts.totals import Predictions
from pbias.files.logits import UNKNOWN

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """What the order of one run's logits says: AUC and debiased calibration error, [1+J, S, A]."""

    auc: Floats
    calibration: Floats


def score_rows(
    predicted: Predictions,
    labels_an: NDArray[np.int8],
    strata: Strata,
    folds: NDArray[np.intp],
    num_folds: int,
) -> Scores:
    """Exact scores of one run, from its logits in order."""
    members = np.stack([strata.mask(row) for row in strata.rows])
    fold_n = folds if num_folds > 1 else None
    aucs = np.empty((1 + num_folds if num_folds > 1 else 1, len(members), len(labels_an)))
    totals = np.empty((num_folds, len(members), len(labels_an), NUM_BINS, 3))
    for a, y_n in enumerate(labels_an):
        p_n = predicted.p_of(a)
        by_logit = by_p = _Ascending.of(predicted.ranked(a), y_n, p_n - y_n, fold_n, members)
        if predicted.multiclass:
            by_p = _Ascending.of(p_n, y_n, p_n - y_n, fold_n, members)
        for s in range(len(members)):
            found = by_logit.take(s)
            aucs[:, s, a] = auc_left_out(found.y_n, found.run_n, found.fold_n, num_folds)
            if predicted.multiclass:
                found = by_p.take(s)
            totals[:, s, a] = equal_mass_totals(found.error_n, found.run_n, found.fold_n, num_folds)
    return Scores(aucs, debiased_error(whole_and_left_out(totals)))


class _Ascending(NamedTuple):
    """Samples of known label in ascending order.

    Labels, errors p - y, numbers of the runs of equal values, folds; members bool [S, n].
    """

    y_n: NDArray[np.int8]
    error_n: Floats
    run_n: NDArray[np.int32]
    fold_n: NDArray[np.intp] | None
    members: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        values_n: NDArray[np.floating],
        y_n: NDArray[np.int8],
        error_n: Floats,
        fold_n: NDArray[np.intp] | None,
        members: NDArray[np.bool_],
    ) -> _Ascending:
        """Sorted by `values_n`."""
        order_n, run_n = rank(values_n)
        known = y_n[order_n] != UNKNOWN
        if not known.all():
            order_n, run_n = order_n[known], run_n[known]
        folds = None if fold_n is None else fold_n[order_n]
        return cls(y_n[order_n], error_n[order_n], run_n, folds, np.take(members, order_n, axis=1))

    def take(self, stratum: int) -> _Ascending:
        """The samples of one stratum."""
        place_k = np.flatnonzero(self.members[stratum])
        if len(place_k) == len(self.y_n):
            return self
        fold_k = None if self.fold_n is None else self.fold_n[place_k]
        return _Ascending(
            self.y_n[place_k], self.error_n[place_k], self.run_n[place_k], fold_k, self.members
        )
