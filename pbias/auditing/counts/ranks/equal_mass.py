"""The calibration error in bins of equal mass, comparable between groups of different sizes.

Totals of bins are float64 [3, B, 1 or 1+J, S]: rows, sums of p - y and of (p - y)^2 by bin, of all
rows and then without each fold, by stratum. Moments and bins come first, so that all arithmetic
runs along arrays that are contiguous.

Shape suffixes: J folds; S strata; B bins, E edges between them; k samples of all strata, those of
each ascending in p (ranking.py).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.ranks.ranking import InOrder

Floats = NDArray[np.float64]
# Rows and moments on both sides of edges [2, 3, E, S] of places and numbers of rows [E, S], and
# where these tell of the rows that cross an edge.
Near = Callable[[Floats, Floats], tuple[Floats, NDArray[np.bool_]]]

NUM_BINS = 10
_SMALLEST_BIN = 2  # rows; a variance needs two
_FEW_IN_BIN = 10  # rows; without a fold, a bin of fewer may join the next
_CLEAR = 3.0  # standard errors


def equal_mass_totals(
    error_k: Floats,
    strata: InOrder,
    cell_k: NDArray[np.integer] | None = None,
    num_folds: int = 1,
) -> Floats:
    """Return totals of equal-mass bins, then without each fold if there are folds.

    `error_k` is p - y, `cell_k = fold * S + stratum`; runs of different strata have different
    numbers. The r-th of n samples, from 0, lies in bin `10 r // n`, and equal p go with the first
    of them.
    """
    num_strata = len(strata.start_b) - 1
    bounds = _bounds(strata)
    sizes = np.diff(bounds, axis=1)
    if cell_k is None:
        moments = [_segment_sums(x_k, bounds) for x_k in (error_k, error_k * error_k)]
        return np.stack([sizes, *moments]).transpose(0, 2, 1)[:, :, None]
    num_cells = num_folds * num_strata
    first_cells = np.tile(np.arange(NUM_BINS) * num_cells, num_strata)
    cell_k = cell_k + np.repeat(first_cells, sizes.ravel())
    squares_k = error_k * error_k
    weights = (None, error_k, squares_k)
    parts = [np.bincount(cell_k, w, NUM_BINS * num_cells) for w in weights]
    totals = np.array(parts, np.float64).reshape(3, NUM_BINS, num_folds, num_strata)

    def near(edge: Floats, reach: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Skip an edge within a run of ties that is longer than that."""
        start, stop, run_k = strata.start_b[:-1], strata.start_b[1:], strata.run_k
        middle, width = start + edge.astype(np.intp), reach.astype(np.intp)
        ends = np.maximum(middle - width, start), middle, np.minimum(middle + width, stop)
        run = run_k[np.maximum(middle - 1, 0)]
        ties = np.searchsorted(run_k, run, "right") - np.searchsorted(run_k, run, "left")
        # Stratum by stratum, so that the sums between one pair of ends and the next are short.
        place = np.stack(ends, axis=-1).swapaxes(0, 1)
        moments = [_sums_between(x_k, place) for x_k in (error_k, squares_k)]
        return np.stack([np.diff(place, axis=-1), *moments]).transpose(3, 0, 2, 1), ties <= width

    return with_bins_moved(totals, near)


def equal_mass_of_buckets(sums: Floats) -> Floats:
    """Return such totals by fold, [3, B, J, 1], from sums by fold and bucket, [J, C, 3].

    Buckets are in order of p. Samples in one bucket count as equal: a bin ends with the bucket that
    it would cut.
    """
    ends = np.cumsum(sums[..., 0].sum(axis=0))
    wanted = np.ceil(np.arange(1, NUM_BINS + 1) * ends[-1] / NUM_BINS)
    bounds = np.concatenate([[0], np.searchsorted(ends, wanted, "left") + 1])
    parts = np.concatenate([sums, np.zeros_like(sums[:, :1])], axis=1)
    totals = np.add.reduceat(parts, np.minimum(bounds[:-1], len(ends)), axis=1)
    found = np.where((np.diff(bounds) > 0)[:, None], totals, 0.0)
    return np.ascontiguousarray(found.transpose(2, 1, 0))[..., None]


def with_bins_moved(totals: Floats, near: Near) -> Floats:
    """Return totals [3, B, J, S] over all folds, then without each fold, in bins of its own.

    Equal-mass bins belong to a sample: without a fold that has many rows below an edge, this edge
    moves up. Where the classes part near an edge, that is most of the error. Which rows cross is
    chance, so that those count which lie within one standard error of the edge, which is what
    `near` gives. Samples with fewer than 10 rows a bin keep the bins of the whole.
    """
    whole: Floats = totals.sum(axis=2, keepdims=True)
    num_bins, num_folds = totals.shape[1:3]
    if num_folds == 1:
        return whole
    left = whole - totals
    num_rows = whole[0].sum(axis=0)
    below = totals[0].cumsum(axis=0)[:-1]
    edges = below.sum(axis=1)
    share = edges / np.maximum(num_rows, 1.0)
    moved = below - share[:, None] * totals[0].sum(axis=0)
    reach = np.ceil(np.sqrt((moved**2).sum(axis=1)))
    crosses = (reach > 0) & (num_rows >= _FEW_IN_BIN * num_bins)
    if crosses.any():
        sides, known = near(edges, reach)
        crosses &= known
        most = np.minimum(left[0, :-1], left[0, 1:]) / 2
        rows = np.clip(moved, -most, most)
        crossing = np.where(crosses, _typical_row(sides), 0.0)[:, :, None] * rows
        left[:, :-1] += crossing
        left[:, 1:] -= crossing
    return np.concatenate([whole, left], axis=2)


def _typical_row(sides: Floats) -> Floats:
    """Return a row near an edge, 1 and its moments [3, E, S], of those on either side [2, 3, E, S].

    The mean over both sides; of one side, where the rows there clearly err in one direction:
    the worse one, for an edge between two classes can have moved across their border.
    """
    total, squares = sides[:, 1], sides[:, 2]
    clear = (total**2 >= _CLEAR**2 * squares) & (squares > 0)
    worse = np.where(clear, np.abs(total), 0.0).argmax(axis=0)
    chosen = np.where(clear.any(axis=0), np.where(worse == 0, *sides), sides.sum(axis=0))
    return np.asarray(chosen / np.maximum(chosen[0], 1.0))


def _bounds(strata: InOrder) -> NDArray[np.intp]:
    """Return where the bins of each stratum begin, and its end: int [S, 11].

    Bin b begins at the first r with 10 r // n = b, after the run of ties that it would cut.
    """
    start, size, run_k = strata.start_b[:-1, None], np.diff(strata.start_b)[:, None], strata.run_k
    bounds = start - (-np.arange(NUM_BINS + 1) * size // NUM_BINS)
    if len(run_k):
        after = np.searchsorted(run_k, run_k[bounds[:, 1:] - 1], "right")
        bounds[:, 1:] = np.where(size > 0, after, start)
    return bounds


def _segment_sums(values_k: Floats, bounds: NDArray[np.intp]) -> Floats:
    """Return sums between neighboring bounds [S, B+1] of strata that lie end to end."""
    sums = np.zeros((len(bounds), bounds.shape[1] - 1))
    filled = np.diff(bounds, axis=1) > 0
    if filled.any():
        sums[filled] = np.add.reduceat(values_k, bounds[:, :-1][filled])
    return sums


def _sums_between(values_k: Floats, place: NDArray[np.intp]) -> Floats:
    """Return sums from each place to the next along the last axis, which may be the same."""
    padded = np.append(values_k, 0.0)
    sums = np.add.reduceat(padded, place.ravel()).reshape(place.shape)[..., :-1]
    return np.where(np.diff(place, axis=-1) > 0, sums, 0.0)


def debiased_error(totals: Floats) -> Floats:
    """Return `sum_b n_b/N ((mean p - mean y)^2 - var(p - y)/n_b)` of totals [3, bins, ...], [...].

    Its expectation is 0 for a calibrated model whatever the size of the group, so it can be below 0
    and is never clipped. A bin under 2 rows joins the next that has rows, at the end the previous
    one; undefined under 2 rows in all. Source: Brocker (2012); Kumar, Liang
    and Ma (2019), Verified uncertainty calibration.
    """
    weighted = _excess(totals).sum(axis=0)
    small = (totals[0] < _SMALLEST_BIN).any(axis=0)
    if small.any():
        weighted[small] = _of_joined(totals[:, :, small])
    num_rows = totals[0].sum(axis=0)
    return np.where(num_rows >= _SMALLEST_BIN, weighted / np.maximum(num_rows, 1.0), np.nan)


def _of_joined(totals: Floats) -> Floats:
    """Return the sum over bins [3, B, M] of which some are too small and join others, [M]."""
    weighted = np.zeros(totals.shape[2])
    open_ = closed = np.zeros_like(totals[:, 0])  # `closed`: the last bin that is large enough
    for bin_ in totals.swapaxes(0, 1):
        open_ = open_ + bin_
        enough = open_[0] >= _SMALLEST_BIN
        weighted += np.where(enough, _excess(closed), 0.0)
        closed = np.where(enough, open_, closed)
        open_ = np.where(enough, 0.0, open_)
    return weighted + _excess(closed + open_)


def _excess(bins: Floats) -> Floats:
    """Return n ((sum/n)^2 - var/n) with the sample variance, 0 for a bin under 2 rows."""
    n, total, squares = bins
    enough = n >= _SMALLEST_BIN
    n = np.where(enough, n, _SMALLEST_BIN)
    squared_mean = total**2 / n
    return np.where(enough, squared_mean - (squares - squared_mean) / (n - 1.0), 0.0)
