"""AUC and debiased calibration error of files larger than memory, from sums that add over blocks.

Samples in one bucket of the logit (auc_buckets.py) count as equal. The effect of a fold on a score
is computed from counts in 128 wider buckets, which are enough for a standard error. They are the
same for all files, so that sums of several files add up.

Shape suffixes: J folds, P group values (strata.py), S strata, A targets, n rows of a block, B fine
buckets, C those of the calibration error, F those of the folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.ranks.auc_buckets import (
    LARGEST,
    NUM_BUCKETS,
    BucketedAuc,
    add_to_buckets,
    auc_from_buckets,
    bucket,
    empty_buckets,
    label_cells,
    lower_edges,
    value_cells,
)
from pbias.auditing.counts.ranks.equal_mass import (
    Near,
    debiased_error,
    equal_mass_of_buckets,
    with_bins_moved,
)
from pbias.auditing.counts.scores import Scores
from pbias.auditing.counts.strata import Partition, Strata
from pbias.auditing.counts.sums import whole_and_left_out
from pbias.auditing.counts.tally import Tally
from pbias.auditing.counts.totals import NUM_LABELS, Predictions
from pbias.files.logits import UNKNOWN

Floats = NDArray[np.float64]

_C_SHIFT = 4
NUM_C = NUM_BUCKETS >> _C_SHIFT
NUM_F = 128
# Folds show the variation of a score only if the wide buckets are almost as informative as the fine
# ones.
_NEAR = 0.01


class BucketedScores:
    """Sums of one run over blocks of rows, and the scores made from them.

    counts uint32 [P, A, 2, B]: rows by label; moments float64 [P, A, C, 2]: sums of p - y and of
    its squares; by_fold uint32 [J, P, A, F, 2]: rows by label, with J 0 if no fold is left out.

    Sums that nobody else reads have, in place of the last value of each group, the rows of unknown
    value in `counts` and `by_fold`: mostly none, which take no memory. Those of the last value are
    everyone's without all others.
    """

    def __init__(self, num_values: int, num_targets: int, num_folds: int) -> None:
        """Start empty, with P group values, A targets and J folds (1: none are left out)."""
        self.num_folds, self._swapped = num_folds, True
        self.counts = empty_buckets(num_values, num_targets)
        self.moments = np.zeros((num_values, num_targets, NUM_C, 2))
        shape = (num_folds if num_folds > 1 else 0, num_values, num_targets, NUM_F, 2)
        self.by_fold = np.zeros(shape, np.uint32)

    @classmethod
    def of(
        cls,
        counts: NDArray[np.uint32],
        moments: Floats,
        by_fold: NDArray[np.uint32],
    ) -> BucketedScores:
        """Use sums made elsewhere, in these shapes; `by_fold` of one fold counts as none."""
        found = cls.__new__(cls)
        found.num_folds, found._swapped = len(by_fold), False
        found.counts, found.moments = counts, moments
        found.by_fold = by_fold if len(by_fold) > 1 else by_fold[:0]
        return found

    def add(
        self,
        predicted: Predictions,
        labels_an: NDArray[np.int8],
        strata: Strata,
        folds: NDArray[np.intp],
    ) -> None:
        """Count a block of rows."""
        everyone = Tally(strata, np.zeros(len(folds), np.intp), 1, NUM_C)
        if self._swapped:
            first, *groups = strata.partitions
            strata = Strata((first, *map(_last_for_unknown, groups)))
        tally = Tally(strata, folds, self.num_folds, NUM_LABELS * NUM_F)
        value_cells_n = [value_cells(partition.codes) for partition in strata.partitions]
        filled = [(p.codes == v).any() for p in strata.partitions for v in range(len(p.values))]
        for a, y_n in enumerate(labels_an):
            p_n = predicted.p_of(a)
            bucket_n = bucket(predicted.logits[a])
            self._count(a, label_cells(bucket_n, y_n), value_cells_n, strata)
            error_n = np.where(y_n == UNKNOWN, 0.0, p_n - y_n)
            narrow_n = bucket_n >> _C_SHIFT
            for m, weights in enumerate((error_n, error_n * error_n)):
                self.moments[:, a, :, m] += everyone(narrow_n, (NUM_C,), weights)[0]
            if self.num_folds > 1:
                label_n = np.where(y_n == UNKNOWN, NUM_LABELS - 1, y_n).astype(np.intp)
                cell_n = label_n * NUM_F + _wide()[narrow_n]
                counts = tally(cell_n, (NUM_LABELS, NUM_F))[:, :, : NUM_LABELS - 1]
                for value in np.flatnonzero(filled):
                    found = counts[:, value].swapaxes(-1, -2)
                    self.by_fold[:, value, a] += found.astype(np.uint32)

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

    def scores(self, strata: Strata) -> tuple[Scores, float]:
        """Return the scores, and the maximum distance of the AUC from the exact one."""
        shape = (1 + len(self.by_fold), len(strata.rows), self.counts.shape[1])
        aucs, errors, worst = np.empty(shape), np.empty(shape), 0.0
        sums, weights = strata.sums.astype(bool), self._weights(strata)
        for s, (values, weight) in enumerate(zip(sums, weights, strict=True)):
            for a in range(shape[-1]):
                counts = _weighted(self.counts[:, a], weight)
                moments = self.moments[values, a].sum(axis=0)
                auc, error = _whole(counts, moments)
                worst = max(worst, float(np.nan_to_num(auc.error)))
                of_auc, of_error = self._changes(weight, a, moments, auc.auc)
                aucs[:, s, a] = auc.auc + np.concatenate([[0.0], of_auc])
                errors[:, s, a] = error + np.concatenate([[0.0], of_error])
        return Scores(aucs, errors), worst

    def _weights(self, strata: Strata) -> NDArray[np.int64]:
        """Return how often each entry of `counts` and `by_fold` counts in a stratum, [S, P]."""
        of_values = np.eye(len(self.counts), dtype=np.int64)
        start = 1
        for partition in strata.partitions[1:] if self._swapped else ():
            stop = start + len(partition.values)
            of_values[stop - 1] = of_values[0]
            of_values[stop - 1, start:stop] = -1
            start = stop
        return np.asarray(strata.sums @ of_values)

    def _changes(
        self, weight: NDArray[np.int64], a: int, moments: Floats, auc: Floats
    ) -> tuple[Floats, Floats]:
        """Return the effect of leaving out each fold on both scores, [J] each.

        NaN if the wide buckets do not show the AUC, because all logits lie in a few of them.
        """
        if not len(self.by_fold):
            return np.empty(0), np.empty(0)
        by_fold = _weighted(self.by_fold[:, :, a].swapaxes(0, 1), weight)
        aucs = auc_from_buckets(whole_and_left_out(by_fold).swapaxes(-1, -2)).auc
        moments = np.add.reduceat(moments, _first_narrow(), axis=0)
        sums = _share_out(by_fold, moments)
        errors = debiased_error(with_bins_moved(equal_mass_of_buckets(sums), _near(sums)))[:, 0]
        unlike = np.where(np.abs(aucs[0] - auc) <= _NEAR, 0.0, np.nan)
        return aucs[1:] - aucs[0] + unlike, errors[1:] - errors[0] + unlike


def _last_for_unknown(partition: Partition) -> Partition:
    """Return a group with the code of its last value for the unknown, and the other way round."""
    codes, last = partition.codes, len(partition.values) - 1
    swapped = np.where(codes == last, UNKNOWN, np.where(codes == UNKNOWN, last, codes))
    return replace(partition, codes=swapped)


def _weighted(counts: NDArray[np.uint32], weight: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the weighted sum over the first axis [P, ...]."""
    total = np.zeros(counts.shape[1:], np.int64)
    for place in np.flatnonzero(weight):
        total += weight[place] * counts[place].astype(np.int64)
    return total


def _whole(counts: NDArray[np.int64], moments: Floats) -> tuple[BucketedAuc, Floats]:
    """Return AUC and debiased calibration error of rows counted by label and bucket."""
    rows = counts.sum(axis=0).reshape(NUM_C, -1).sum(axis=1)
    totals = equal_mass_of_buckets(np.concatenate([rows[:, None], moments], axis=1)[None])
    return auc_from_buckets(counts), debiased_error(totals[:, :, 0])[0]


def _share_out(by_fold: NDArray[np.int64], moments: Floats) -> Floats:
    """Return rows and both moments by fold and wide bucket, [J, F, 3], of rows [J, F, 2] by label.

    From `moments` [F, 2] over all folds, a fold gets what its labels imply, as if all probabilities
    of a bucket were equal to its mean, and a share by rows of the remainder.
    """
    negative, positive = by_fold[..., 0], by_fold[..., 1]
    rows = negative + positive
    total = np.maximum(rows.sum(axis=0), 1)
    mean_p = (moments[:, 0] + positive.sum(axis=0)) / total
    squares = negative * mean_p**2 + positive * (1 - mean_p) ** 2
    squares += rows * (moments[:, 1] - squares.sum(axis=0)) / total
    return np.stack([rows, rows * mean_p - positive, squares], axis=-1)


@cache
def _wide() -> NDArray[np.int8]:
    """Return the wide bucket of each of C: equal parts of the logit near 0, else of its log."""
    edges = np.arcsinh(lower_edges()[:: 1 << _C_SHIFT]) / np.arcsinh(LARGEST)
    return np.asarray(np.clip((edges + 1) / 2 * NUM_F, 0, NUM_F - 1), np.int8)


@cache
def _first_narrow() -> NDArray[np.intp]:
    """Return the first of C in each wide bucket."""
    return np.searchsorted(_wide(), np.arange(NUM_F))


def _near(sums: Floats) -> Near:
    """Return what is on both sides of an edge, as if even within buckets [J, F, 3]."""
    before = np.concatenate([np.zeros((1, 3)), sums.sum(axis=0).cumsum(axis=0)])

    def near(edge: Floats, reach: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        places = np.clip([edge - reach, edge, edge + reach], 0, before[-1, 0])
        found = [np.interp(places, before[:, 0], column) for column in before.T]
        return np.diff(found, axis=1).swapaxes(0, 1), np.ones(edge.shape, bool)

    return near
