"""Scores from the order of one run's logits: AUC, and a calibration error comparable between sizes.

Shape suffixes as in sums.py; n samples, k those of a stratum (ranking.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.ranks.ranking import auc_left_out, rank
from pbias.auditing.counts.strata import Strata
from pbias.auditing.counts.sums import whole_and_left_out
from pbias.auditing.counts.totals import Predictions
from pbias.files.logits import UNKNOWN

Floats = NDArray[np.float64]
NUM_BINS = 10
_SMALLEST_BIN = 2  # rows; a variance needs two
_FEW_IN_BIN = 10  # rows; without a fold, a bin of fewer may join the next
_CLEAR = 3.0  # standard errors


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
    aucs = np.empty((1 + num_folds if num_folds > 1 else 1, len(members), len(labels_an)))
    totals = np.empty((len(aucs), len(members), len(labels_an), NUM_BINS, 3))
    for a, y_n in enumerate(labels_an):
        p_n = predicted.p_of(a)
        by_logit = _Ascending.of(predicted.ranked(a), y_n, p_n - y_n, fold_n, members)
        for s in range(len(members)):
            found = by_logit.take(s)
            aucs[:, s, a] = auc_left_out(found.y_n, found.run_n, found.fold_n, num_folds)
            totals[:, s, a] = equal_mass_totals(found.error_n, found.run_n, found.fold_n, num_folds)
    return Scores(aucs, debiased_error(totals))


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
        """Sort samples by `values_n`."""
        order_n, run_n = rank(values_n)
        known = y_n[order_n] != UNKNOWN
        if not known.all():
            order_n, run_n = order_n[known], run_n[known]
        folds = None if fold_n is None else fold_n[order_n]
        return cls(y_n[order_n], error_n[order_n], run_n, folds, np.take(members, order_n, axis=1))

    def take(self, stratum: int) -> _Ascending:
        """Return the samples of one stratum."""
        place_k = np.flatnonzero(self.members[stratum])
        if len(place_k) == len(self.y_n):
            return self
        fold_k = None if self.fold_n is None else self.fold_n[place_k]
        return _Ascending(
            self.y_n[place_k], self.error_n[place_k], self.run_n[place_k], fold_k, self.members
        )


def equal_mass_totals(
    error_k: Floats,
    run_k: NDArray[np.int32],
    fold_k: NDArray[np.integer] | None,
    num_folds: int,
) -> Floats:
    """Rows, sums of p - y and of (p - y)^2 by equal-mass bin, then without each fold: [1+J, 10, 3].

    `error_k` is p - y of samples in ascending order of p, `run_k` numbers the runs of equal p. The
    r-th of n samples, from 0, lies in bin `10 r // n`, and equal p go with the first of them.
    Without folds, [1, 10, 3].
    """
    bounds = _bounds(run_k)
    if fold_k is None:
        moments = [_segment_sums(x_k, bounds) for x_k in (error_k, error_k * error_k)]
        return np.asarray(np.stack([np.diff(bounds), *moments], axis=-1)[None])
    cell_k = fold_k * NUM_BINS + np.repeat(np.arange(NUM_BINS), np.diff(bounds))
    weights = (None, error_k, error_k * error_k)
    parts = [np.bincount(cell_k, w, num_folds * NUM_BINS) for w in weights]
    totals = np.asarray(parts, np.float64).T.reshape(num_folds, NUM_BINS, 3)

    def near(edge: int, reach: int) -> Floats | None:
        """Rows and moments on both sides of an edge [2, 3]; None within a run of ties."""
        first, end = np.searchsorted(run_k, run_k[edge - 1] + np.arange(2))
        if end - first > reach:
            return None
        sides = error_k[max(edge - reach, 0) : edge], error_k[edge : edge + reach]
        return np.array([[len(side), side.sum(), np.sum(side * side)] for side in sides])

    return with_bins_moved(totals, near)


def equal_mass_of_buckets(sums: Floats) -> Floats:
    """Such totals by fold, [J, 10, 3], from sums by fold and bucket, [J, B, 3], in order of p.

    Samples in one bucket count as equal: a bin ends with the bucket that it would cut.
    """
    ends = np.cumsum(sums[..., 0].sum(axis=0))
    wanted = np.ceil(np.arange(1, NUM_BINS + 1) * ends[-1] / NUM_BINS)
    bounds = np.concatenate([[0], np.searchsorted(ends, wanted, "left") + 1])
    parts = np.concatenate([sums, np.zeros_like(sums[:, :1])], axis=1)
    totals = np.add.reduceat(parts, np.minimum(bounds[:-1], len(ends)), axis=1)
    return np.asarray(np.where((np.diff(bounds) > 0)[:, None], totals, 0.0))


def with_bins_moved(totals: Floats, near: Callable[[int, int], Floats | None]) -> Floats:
    """Totals of bins [J, B, 3] as [1+J, B, 3]: of all folds, then without each, in bins of its own.

    Equal-mass bins belong to a sample: without a fold that has many rows below an edge, this edge
    moves up. Where the classes part near an edge, that is most of the error. Which rows cross is
    chance, so that those count which lie within one standard error of the edge, which is what
    `near(edge, reach)` gives (places and numbers of rows). Samples with fewer than 10 rows a bin
    keep the bins of the whole.
    """
    stacked = whole_and_left_out(totals)
    num_folds, num_bins = totals.shape[:2]
    num_rows = totals[..., 0].sum()
    if num_folds == 1 or num_rows < _FEW_IN_BIN * num_bins:
        return stacked
    below = totals[..., 0].cumsum(axis=1)[:, :-1]
    edges = below.sum(axis=0)
    moved = below - edges / num_rows * totals[..., 0].sum(axis=1, keepdims=True)
    reach = np.ceil(np.sqrt((moved**2).sum(axis=0)))
    left = stacked[1:]
    most = np.minimum(left[:, :-1, 0], left[:, 1:, 0]) / 2
    crossing = np.zeros((num_folds, num_bins - 1, 3))
    for b in np.flatnonzero(reach > 0):
        sides = near(int(edges[b]), int(reach[b]))
        if sides is not None:
            rows = np.clip(moved[:, b], -most[:, b], most[:, b])
            crossing[:, b] = np.outer(rows, _typical_row(sides))
    left[:, :-1] += crossing
    left[:, 1:] -= crossing
    return stacked


def _typical_row(sides: Floats) -> Floats:
    """Return a row near an edge, 1 and its moments [3], of those on either side [2, 3].

    The mean over both sides; of one side, where the rows there clearly err in one direction:
    the worse one, for an edge between two classes can have moved across their border.
    """
    _, total, squares = sides.T
    clear = (total**2 >= _CLEAR**2 * squares) & (squares > 0)
    chosen = sides.sum(axis=0)
    if clear.any():
        chosen = sides[np.argmax(np.where(clear, np.abs(total), 0.0))]
    return np.asarray(chosen / chosen[0])


def _bounds(run_k: NDArray[np.int32]) -> NDArray[np.intp]:
    """Return where the bins begin, and the end: int [11].

    Bin b begins at the first r with 10 r // n = b, after the run of ties that it would cut.
    """
    bounds = -(-np.arange(NUM_BINS + 1) * len(run_k) // NUM_BINS)
    if len(run_k):
        bounds[1:] = np.searchsorted(run_k, run_k[bounds[1:] - 1], "right")
    return bounds


def _segment_sums(values_k: Floats, bounds: NDArray[np.intp]) -> Floats:
    """Return sums between neighboring bounds, which may be equal."""
    sums = np.zeros(len(bounds) - 1)
    filled = np.diff(bounds) > 0
    if filled.any():
        sums[filled] = np.add.reduceat(values_k, bounds[:-1][filled])
    return sums


def debiased_error(totals: Floats) -> Floats:
    """Return `sum_b n_b/N ((mean p - mean y)^2 - var(p - y)/n_b)` of totals [..., bins, 3], [...].

    Its expectation is 0 for a calibrated model whatever the size of the group, so it can be below 0
    and is never clipped. A bin under 2 rows joins the next that has rows, at the end the previous
    one; undefined under 2 rows in all. Source: Brocker (2012); Kumar, Liang
    and Ma (2019), Verified uncertainty calibration.
    """
    weighted = np.zeros(totals.shape[:-2])
    closed = np.zeros((*totals.shape[:-2], 3))  # the last bin that is large enough
    open_ = closed
    for b in range(totals.shape[-2]):
        open_ = open_ + totals[..., b, :]
        enough = open_[..., 0] >= _SMALLEST_BIN
        weighted += np.where(enough, _excess(closed), 0.0)
        closed = np.where(enough[..., None], open_, closed)
        open_ = np.where(enough[..., None], 0.0, open_)
    num_rows = totals[..., 0].sum(axis=-1)
    weighted += _excess(closed + open_)
    return np.where(num_rows >= _SMALLEST_BIN, weighted / np.maximum(num_rows, 1.0), np.nan)


def _excess(bins: Floats) -> Floats:
    """n ((sum/n)^2 - var/n) with the sample variance, 0 for a bin under 2 rows."""
    n, total, squares = bins[..., 0], bins[..., 1], bins[..., 2]
    enough = n >= _SMALLEST_BIN
    n = np.where(enough, n, _SMALLEST_BIN)
    variance = (squares - total**2 / n) / (n - 1.0)
    return np.where(enough, total**2 / n - variance, 0.0)
