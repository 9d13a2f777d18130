"""Calibration error without the bias of small groups.

Shape suffixes: J folds, k samples in ascending order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NUM_BINS = 10
_SMALLEST_BIN = 2  # rows; a variance needs two


def equal_mass_totals(
    error_k: Floats,
    run_k: NDArray[np.int32],
    fold_k: NDArray[np.integer] | None,
    num_folds: int,
) -> Floats:
    """Rows, sums of p - y and sums of (p - y)^2 by fold and equal-mass bin, [J, 10, 3].

    `error_k` is p - y of samples in ascending order of p, `run_k` numbers the runs of equal p. The
    r-th of n samples, from 0, lies in bin `10 r // n`, and equal p go with the first of them. The
    totals add over folds, not over groups.
    """
    bounds = _bounds(run_k)
    if fold_k is None:
        moments = [_segment_sums(x_k, bounds) for x_k in (error_k, error_k * error_k)]
        return np.asarray(np.stack([np.diff(bounds), *moments], axis=-1)[None])
    cell_k = fold_k * NUM_BINS + np.repeat(np.arange(NUM_BINS), np.diff(bounds))
    weights = (None, error_k, error_k * error_k)
    totals = [np.bincount(cell_k, w, num_folds * NUM_BINS) for w in weights]
    return np.asarray(np.stack(totals, axis=-1).reshape(num_folds, NUM_BINS, 3))


def equal_mass_of_buckets(sums: Floats) -> Floats:
    """The same totals [J, 10, 3] from sums [J, B, 3] by fold and bucket, in ascending order of p.

    Samples in one bucket count as equal: a bin ends with the bucket that it would cut.
    """
    ends = np.cumsum(sums[..., 0].sum(axis=0))
    wanted = np.ceil(np.arange(1, NUM_BINS + 1) * ends[-1] / NUM_BINS)
    bounds = np.concatenate([[0], np.searchsorted(ends, wanted, "left") + 1])
    parts = np.concatenate([sums, np.zeros_like(sums[:, :1])], axis=1)
    totals = np.add.reduceat(parts, np.minimum(bounds[:-1], len(ends)), axis=1)
    return np.asarray(np.where((np.diff(bounds) > 0)[:, None], totals, 0.0))


def _bounds(run_k: NDArray[np.int32]) -> NDArray[np.intp]:
    """Where the bins begin, and the end: int [11].

    Bin b begins at the first r with 10 r // n = b, after the run of ties that it would cut.
    """
    bounds = -(-np.arange(NUM_BINS + 1) * len(run_k) // NUM_BINS)
    if len(run_k):
        bounds[1:] = np.searchsorted(run_k, run_k[bounds[1:] - 1], "right")
    return bounds


def _segment_sums(values_k: Floats, bounds: NDArray[np.intp]) -> Floats:
    """Sums between neighbouring bounds, which may be equal."""
    sums = np.zeros(len(bounds) - 1)
    filled = np.diff(bounds) > 0
    if filled.any():
        sums[filled] = np.add.reduceat(values_k, bounds[:-1][filled])
    return sums


def debiased_error(totals: Floats) -> Floats:
    """`sum_b n_b/N ((mean p - mean y)^2 - var(p - y)/n_b)` of totals [..., bins, 3], [...].

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
