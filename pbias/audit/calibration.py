"""Calibration error without the bias of small groups, and thresholds that match a prevalence.

Shape suffixes: A targets, N samples, V group values, J folds. Labels int8, -1 unknown: left out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbias.audit.distributions import Floats, floats
from pbias.audit.ranking import Ranking, members

NUM_BINS = 10
_SMALLEST_BIN = 2  # rows; a variance needs two


def equal_mass_totals(
    ranking: Ranking,
    p_an: NDArray[np.floating],
    labels_an: NDArray[np.int8],
    codes_n: NDArray[np.integer],
    num_values: int,
    folds_n: NDArray[np.integer],
    num_folds: int,
) -> Floats:
    """Rows, sums of p - y and sums of (p - y)^2 by fold and equal-mass bin, [J, V, A, 10, 3].

    Each group value and target has bins of its own: the r-th of n known rows in order of p, from 0,
    lies in bin `10 r // n`, and equal p go with the first of them. `ranking` orders p; that of the
    logits does for sigmoids. The totals add over folds, not over group values.
    """
    out = np.empty((num_folds, num_values, len(p_an), NUM_BINS, 3))
    for a, (order_n, run_n, p_n, y_n) in enumerate(zip(*ranking, p_an, labels_an, strict=True)):
        for value, (row_k, kept) in enumerate(members(order_n, y_n, codes_n, num_values)):
            error_k = floats(p_n)[row_k] - y_n[row_k]
            bin_k = np.repeat(np.arange(NUM_BINS), np.diff(_edges(run_n[kept])))
            cell_k = folds_n[row_k] * NUM_BINS + bin_k
            for moment, weights in enumerate((None, error_k, error_k**2)):
                sums = np.bincount(cell_k, weights, num_folds * NUM_BINS)
                out[:, value, a, :, moment] = sums.reshape(num_folds, NUM_BINS)
    return out


def _edges(run_k: NDArray[np.int32]) -> NDArray[np.intp]:
    """Where the bins of samples in ascending order begin, and the end: int [11].

    Bin b begins at the first r with 10 r // n = b, after the run of ties that it would cut.
    """
    edges = -(-np.arange(NUM_BINS + 1) * len(run_k) // NUM_BINS)
    if len(run_k):
        edges[1:] = np.searchsorted(run_k, run_k[edges[1:] - 1], "right")
    return edges


def debiased_error(totals: Floats) -> Floats:
    """`sum_b n_b/N ((mean p - mean y)^2 - var(p - y)/n_b)` of totals [..., bins, 3], [...].

    Its expectation is 0 for a calibrated model whatever the size of the group, so it can be below 0
    and is never clipped. A bin under 2 rows joins the next that has rows, at the end the previous
    one; undefined under 2 rows in all. Source: metrics.md section 4; Kumar, Liang and Ma (2019),
    Verified uncertainty calibration.
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


class Thresholds(NamedTuple):
    """Logit thresholds, float64 [A], and bool [A]: did ties put the wanted count out of reach."""

    values: Floats
    tied: NDArray[np.bool_]


def fit_thresholds(logits_an: NDArray[np.float32], labels_an: NDArray[np.int8]) -> Thresholds:
    """Thresholds above which as many samples lie as have a positive label, among known labels.

    Midway between the k-th and the (k+1)-th largest float32 logit, which float64 holds exactly (so
    compare in float64); inf where nothing is to be predicted, -inf where everything is, NaN without
    known labels. Where equal logits straddle the boundary the nearer count wins, the smaller one of
    two equally near.
    Source: metrics.md section 2; the paper, section 3.
    """
    fitted = [_fit(z_n[y_n >= 0], y_n) for z_n, y_n in zip(logits_an, labels_an, strict=True)]
    values, tied = zip(*fitted, strict=True) if fitted else ((), ())
    return Thresholds(np.array(values, np.float64), np.array(tied, bool))


def _fit(known: NDArray[np.float32], y_n: NDArray[np.int8]) -> tuple[float, bool]:
    ascending = np.sort(known).astype(np.float64)
    num_known, wanted = len(known), int(np.count_nonzero(y_n == 1))
    if num_known == 0:
        return np.nan, False
    count, tied = wanted, False
    if 0 < wanted < num_known and ascending[-wanted] == ascending[-wanted - 1]:
        value, tied = ascending[-wanted], True
        fewer = num_known - int(np.searchsorted(ascending, value, "right"))
        more = num_known - int(np.searchsorted(ascending, value, "left"))
        count = fewer if wanted - fewer <= more - wanted else more
    if count in (0, num_known):
        return (np.inf if count == 0 else -np.inf), tied
    return float(ascending[-count] + ascending[-count - 1]) / 2, tied
