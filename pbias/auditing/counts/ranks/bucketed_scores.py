"""AUC and debiased calibration error of files larger than memory, from sums that add over blocks.

Samples in one bucket of the logit (auc_buckets.py) count as equal. What a fold does to a score is
taken from 64 wider buckets, which hold equal shares of both labels in the first block: a standard
error needs no more.

Shape suffixes: J folds, P group values (strata.py), S strata, A targets, n rows of a block, B fine
buckets, C those of the calibration error, F those of the folds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.ranks.auc_buckets import (
    NUM_BUCKETS,
    BucketedAuc,
    add_to_buckets,
    auc_from_buckets,
    bucket,
    empty_buckets,
    label_cells,
    value_cells,
)
from pbias.auditing.counts.scores import (
    Scores,
    debiased_error,
    equal_mass_of_buckets,
    with_bins_moved,
)
from pbias.auditing.counts.strata import Strata
from pbias.auditing.counts.sums import whole_and_left_out
from pbias.auditing.counts.tally import Tally
from pbias.auditing.counts.totals import NUM_LABELS, Predictions
from pbias.files.logits import UNKNOWN

Floats = NDArray[np.float64]

_C_SHIFT = 4
_NUM_C = NUM_BUCKETS >> _C_SHIFT
_NUM_F = 64
# Folds show how a score varies only where the wide buckets tell nearly as much as the fine ones.
_NEAR = 0.01


class BucketedScores:
    """Sums of one run over blocks of rows, and the scores made of them.

    counts uint32 [P, A, 2, B]: rows by label; moments float64 [P, A, C, 2]: sums of p - y and of
    its squares; by_fold float64 [J, P, A, F, 4]: rows by label, then both moments.
    """

    def __init__(self, num_values: int, num_targets: int, num_folds: int) -> None:
        """Nothing yet, of P group values, A targets and J folds (1: none are left out)."""
        self.num_folds = num_folds
        self.counts = empty_buckets(num_values, num_targets)
        self.moments = np.zeros((num_values, num_targets, _NUM_C, 2))
        shape = (num_folds if num_folds > 1 else 0, num_values, num_targets, _NUM_F, 4)
        self.by_fold = np.zeros(shape)
        self._wide: list[NDArray[np.int8]] = []

    def add(
        self,
        predicted: Predictions,
        labels_an: NDArray[np.int8],
        strata: Strata,
        folds: NDArray[np.intp],
    ) -> None:
        """Count a block of rows."""
        everyone = Tally(strata, np.zeros(len(folds), np.intp), 1, _NUM_C)
        tally = Tally(strata, folds, self.num_folds, NUM_LABELS * _NUM_F)
        value_cells_n = [value_cells(partition.codes) for partition in strata.partitions]
        for a, y_n in enumerate(labels_an):
            p_n = predicted.p_of(a)
            bucket_n = bucket(predicted.logits[a])
            self._count(a, label_cells(bucket_n, y_n), value_cells_n, strata)
            error_n = np.where(y_n == UNKNOWN, 0.0, p_n - y_n)
            moments = (error_n, error_n * error_n)
            narrow_n = bucket_n >> _C_SHIFT
            for m, weights in enumerate(moments):
                self.moments[:, a, :, m] += everyone(narrow_n, (_NUM_C,), weights)[0]
            if self.num_folds > 1:
                self._add_folds(a, self._widen(a, bucket_n, y_n), y_n, moments, tally)

    def _count(
        self,
        a: int,
        label_cell_n: NDArray[np.int32],
        value_cells_n: Sequence[NDArray[np.intp]],
        strata: Strata,
    ) -> None:
        start = 0
        for partition, cells_n in zip(strata.partitions, value_cells_n, strict=True):
            values = slice(start, start + len(partition.values))
            add_to_buckets(self.counts[values, a], label_cell_n, cells_n)
            start = values.stop

    def _widen(
        self, a: int, bucket_n: NDArray[np.int32], y_n: NDArray[np.int8]
    ) -> NDArray[np.int8]:
        """The wide bucket of each row; which these are is settled by the first block."""
        if len(self._wide) == a:
            self._wide.append(_equal_shares(bucket_n, y_n))
        return self._wide[a][bucket_n]

    def _add_folds(
        self,
        a: int,
        wide_n: NDArray[np.int8],
        y_n: NDArray[np.int8],
        moments: tuple[Floats, Floats],
        tally: Tally,
    ) -> None:
        label_n = np.where(y_n == UNKNOWN, NUM_LABELS - 1, y_n).astype(np.intp)
        counts = tally(label_n * _NUM_F + wide_n, (NUM_LABELS, _NUM_F))
        self.by_fold[:, :, a, :, :2] += counts[:, :, :2].swapaxes(-1, -2)
        for m, weights in enumerate(moments, start=2):
            self.by_fold[:, :, a, :, m] += tally(wide_n, (_NUM_F,), weights)

    def scores(self, strata: Strata) -> tuple[Scores, float]:
        """The scores, and how far the AUC can be from the exact one at most."""
        shape = (1 + len(self.by_fold), len(strata.rows), self.counts.shape[1])
        aucs, errors, worst = np.empty(shape), np.empty(shape), 0.0
        for s, values in enumerate(strata.sums.astype(bool)):
            for a in range(shape[-1]):
                auc, error = self._of(values, a)
                worst = max(worst, float(np.nan_to_num(auc.error)))
                of_auc, of_error = _changes(self.by_fold[:, values, a].sum(axis=1), auc.auc)
                aucs[:, s, a] = auc.auc + np.concatenate([[0.0], of_auc])
                errors[:, s, a] = error + np.concatenate([[0.0], of_error])
        return Scores(aucs, errors), worst

    def _of(self, values: NDArray[np.bool_], a: int) -> tuple[BucketedAuc, Floats]:
        """AUC and debiased calibration error of the rows with these group values."""
        counts = self.counts[values, a].sum(axis=0, dtype=np.int64)
        rows = counts.sum(axis=0).reshape(_NUM_C, -1).sum(axis=1)
        sums = np.concatenate([rows[:, None], self.moments[values, a].sum(axis=0)], axis=1)
        return auc_from_buckets(counts), debiased_error(equal_mass_of_buckets(sums[None])[0])


def _changes(by_fold: Floats, auc: Floats) -> tuple[Floats, Floats]:
    """What leaving out each fold does to both scores, [J] each, of sums [J, F, 4].

    NaN where the wide buckets do not show the AUC: in a file sorted by logit, for one.
    """
    if not len(by_fold):
        return np.empty(0), np.empty(0)
    stacked = whole_and_left_out(by_fold)
    aucs = auc_from_buckets(stacked[..., :2].swapaxes(-1, -2)).auc
    sums = np.concatenate([by_fold[..., :2].sum(axis=-1, keepdims=True), by_fold[..., 2:]], axis=-1)
    errors = debiased_error(with_bins_moved(equal_mass_of_buckets(sums), _near(sums)))
    unlike = np.where(np.abs(aucs[0] - auc) <= _NEAR, 0.0, np.nan)
    return aucs[1:] - aucs[0] + unlike, errors[1:] - errors[0] + unlike


def _near(sums: Floats) -> Callable[[int, int], Floats]:
    """Rows and moments on both sides of an edge [2, 3], as if even within buckets [J, F, 3]."""
    before = np.concatenate([np.zeros((1, 3)), sums.sum(axis=0).cumsum(axis=0)])

    def near(edge: int, reach: int) -> Floats:
        places = np.clip([edge - reach, edge, edge + reach], 0, before[-1, 0])
        found = [np.interp(places, before[:, 0], column) for column in before.T]
        return np.asarray(np.diff(found, axis=1).T)

    return near


def _equal_shares(bucket_n: NDArray[np.int32], y_n: NDArray[np.int8]) -> NDArray[np.int8]:
    """The wide bucket of each fine one, int8 [B]: ascending, each with as much of both labels."""
    counts = [np.bincount(bucket_n[y_n == label], minlength=NUM_BUCKETS) for label in (0, 1)]
    shares = sum(count / max(count.sum(), 1) for count in counts)
    middle = np.cumsum(shares) - shares / 2
    wide = np.minimum(middle / max(middle[-1], 1e-9) * _NUM_F, _NUM_F - 1)
    return np.asarray(wide, np.int8)
