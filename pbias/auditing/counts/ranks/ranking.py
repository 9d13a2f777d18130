"""Sort the samples of one target, and compute the area under the ROC curve from that order.

AUC is the share of (positive, negative) pairs in which the positive has the larger logit, with ties
counted half. It is undefined (NaN) without positives or without negatives. The AUC and the AUC
without each fold are exact.

Shape suffixes: J folds; n samples; k those of a stratum, ascending, within each block b; t those of
them that tie; m the positives among them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Ranking(NamedTuple):
    """The samples in ascending order, and the run numbers of equal values, also ascending."""

    order_n: NDArray[np.intp]
    run_n: NDArray[np.int32]


class Ties(NamedTuple):
    """Positions of tied samples, and where the run of each starts and (exclusive) ends."""

    place_t: NDArray[np.intp]
    first_t: NDArray[np.intp]
    last_t: NDArray[np.intp]


def rank(values_n: NDArray[np.floating]) -> Ranking:
    """Sort one target's values; 0.0 and -0.0 tie. NaN must have been refused.

    This takes linear time: bit patterns ascend with the values, and numpy sorts 16 bits by radix.
    """
    width = 8 * values_n.itemsize
    bits = (values_n + 0).view(f"i{values_n.itemsize}")
    bits ^= (bits >> (width - 1)) | np.iinfo(bits.dtype).min
    order_n = np.lexsort([(bits >> shift).astype(np.uint16) for shift in range(0, width, 16)])
    sorted_n = bits[order_n]
    run_n = np.zeros(len(bits), np.int32)
    np.cumsum(sorted_n[1:] != sorted_n[:-1], out=run_n[1:])
    return Ranking(order_n, run_n)


def ties(run_k: NDArray[np.int32], start_b: Integers) -> Ties:
    """Return runs of two or more, cut where a block begins (`start_b`) and at the end."""
    same = np.zeros(len(run_k) + 1, bool)  # equal to the previous value?
    np.equal(run_k[1:], run_k[:-1], out=same[1:-1])
    same[start_b] = False
    later = np.flatnonzero(same)
    begins = np.ones(len(later) + 1, bool)
    np.not_equal(later[1:], later[:-1] + 1, out=begins[1:-1])
    place_r = np.flatnonzero(begins)
    lengths = place_r[1:] - place_r[:-1] + 1
    first_r = later[place_r[:-1]] - 1
    first_t = np.repeat(first_r, lengths)
    place_t = first_t + np.arange(len(first_t)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return Ties(place_t, first_t, np.repeat(first_r + lengths, lengths))


class _Wins(NamedTuple):
    """Pairs that positives win, doubled to make halves whole, and samples of either class."""

    doubled: Integers
    negative: Integers
    positive: Integers


def auc_left_out(
    y_k: NDArray[np.int8],
    run_k: NDArray[np.int32],
    fold_k: NDArray[np.integer] | None,
    num_folds: int,
) -> Floats:
    """Return the AUC of samples in ascending order, then without each fold, exactly: [1+J].

    `y_k` are labels 0 and 1, `run_k` numbers of the runs of equal logits. Without folds, [1]. What
    is left of all pairs is all, less those that a positive or a negative of the fold is in, plus
    those counted twice because both are. Linear time for all folds together.
    """
    ends = np.array([0, len(y_k)])
    tied = ties(run_k, ends)
    if fold_k is None:
        return _divide(*_wins_of_all(y_k, tied))
    places_k = _below(np.arange(len(y_k) + 1), tied)
    whole = _wins(y_k, places_k, ends)
    # numpy's stable sort is a radix sort, in linear time, for 16 bits
    by_fold = np.argsort(fold_k.astype(np.uint16), kind="stable")
    start_j = _before(np.bincount(fold_k, minlength=num_folds))
    inside_k = _below(np.arange(len(y_k) + 1), ties(run_k[by_fold], start_j))
    inside = _wins(y_k[by_fold], inside_k, start_j)
    # Source: Sun and Xu (2014), IEEE Signal Processing Letters 21(11): linear time from ranks.
    positives_k = _below(_before(y_k), tied)
    wins_k = np.where(y_k == 1, places_k, 2 * whole.positive) - positives_k
    left = _divide(
        whole.doubled - np.bincount(fold_k, wins_k, num_folds) + inside.doubled,
        whole.negative - inside.negative,
        whole.positive - inside.positive,
    )
    return np.concatenate([_divide(*whole), left])


def _wins_of_all(y_k: NDArray[np.int8], tied: Ties) -> _Wins:
    """As `_wins` of one block, without the places of all samples: few of them tie."""
    positive_m = np.flatnonzero(y_k == 1)  # of bool it is fast
    num = len(positive_m)
    moved = (tied.first_t + tied.last_t - 1 - 2 * tied.place_t)[y_k[tied.place_t] == 1]
    doubled = 2 * positive_m.sum() - num * (num - 1) + moved.sum()
    return _Wins(*(np.array([count]) for count in (doubled, len(y_k) - num, num)))


def _below(counted: Integers, tied: Ties) -> Integers:
    """Twice the samples below each one, ties and itself half, of counts before each place."""
    below_k = counted[:-1] + counted[1:]
    below_k[tied.place_t] = counted[tied.first_t] + counted[tied.last_t]
    return below_k


def _wins(y_k: NDArray[np.int8], places_k: Integers, start_b: Integers) -> _Wins:
    """By the sum of the ranks of the positives in each block. Source: Mann and Whitney (1947)."""
    positive_m = np.flatnonzero(y_k == 1)
    start_m = np.searchsorted(positive_m, start_b)
    ranks = _before(places_k[positive_m])[start_m]
    positive = start_m[1:] - start_m[:-1]
    doubled = ranks[1:] - ranks[:-1] - positive * (2 * start_b[:-1] + positive)
    return _Wins(doubled, start_b[1:] - start_b[:-1] - positive, positive)


def _before(values_k: NDArray[np.integer]) -> Integers:
    """Return sums of the values before each position, and of all."""
    sums = np.zeros(len(values_k) + 1, np.int64)
    np.cumsum(values_k, out=sums[1:])
    return sums


def _divide(doubled_wins: Floats | Integers, negative: Integers, positive: Integers) -> Floats:
    num_pairs = negative * positive
    return np.where(num_pairs > 0, doubled_wins / np.maximum(2 * num_pairs, 1), np.nan)
