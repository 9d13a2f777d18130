"""Sort the samples of one target, and compute the area under the ROC curve from that order.

AUC is the share of (positive, negative) pairs in which the positive has the larger logit, with ties
counted half. It is undefined (NaN) without positives or without negatives. The AUC and the AUC
without each fold are exact.

Shape suffixes: J folds; S strata; n samples; k those of some strata, ascending within each block b;
t those of them that tie; m the positives among them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Ranking(NamedTuple):
    """The samples in ascending order, and the run numbers of equal values, also ascending."""

    order_n: NDArray[np.intp]
    run_n: NDArray[np.int32]


class InOrder(NamedTuple):
    """Samples of known label in blocks that lie end to end, ascending within each.

    Labels 0 and 1, numbers of the runs of equal values, and where blocks begin, and the end.
    """

    y_k: NDArray[np.int8]
    run_k: NDArray[np.int32]
    start_b: Integers


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

    doubled: Floats
    negative: Integers
    positive: Integers


def auc_left_out(
    y_k: NDArray[np.int8],
    run_k: NDArray[np.int32],
    fold_k: NDArray[np.integer] | None,
    num_folds: int,
) -> Floats:
    """Return the AUC of samples in ascending order, then without each fold, exactly: [1+J].

    `y_k` are labels 0 and 1, `run_k` numbers of the runs of equal logits. Without folds, [1].
    """
    whole = InOrder(y_k, run_k, np.array([0, len(y_k)]))
    if fold_k is None:
        return aucs(whole)
    by_fold = order_of_folds(fold_k)
    start_j = _before(np.bincount(fold_k, minlength=num_folds))
    folds = InOrder(y_k[by_fold], run_k[by_fold], start_j)
    return aucs_left_out(whole, folds, fold_k)[:, 0]


def order_of_folds(fold_k: NDArray[np.integer]) -> NDArray[np.intp]:
    """Return the samples fold by fold, in the order that they have within each."""
    # numpy's stable sort is a radix sort, in linear time, for 16 bits
    return np.argsort(fold_k.astype(np.uint16), kind="stable")


def aucs(strata: InOrder) -> Floats:
    """Return the AUC of each block, [S]."""
    return _divide(*_wins(strata))


def aucs_left_out(strata: InOrder, folds: InOrder, cell_k: NDArray[np.integer]) -> Floats:
    """Return the AUC of each stratum, then of its samples without each fold, [1+J, S].

    `folds` are the same samples by stratum and fold, and `cell_k = fold * S + stratum` of those in
    `strata`. What is left of all pairs is all, less those that a positive or a negative of the fold
    is in, plus those counted twice because both are. Linear time for all folds together.
    """
    num_strata = len(strata.start_b) - 1
    whole = _wins(strata)
    inside = _wins(folds)
    in_pairs = np.bincount(cell_k, _pairs(strata, whole.positive), len(inside.doubled))

    def by_fold(part_b: NDArray[Any]) -> NDArray[Any]:
        return part_b.reshape(num_strata, -1).T

    left = _divide(
        whole.doubled - 2 * in_pairs.reshape(-1, num_strata) + by_fold(inside.doubled),
        whole.negative - by_fold(inside.negative),
        whole.positive - by_fold(inside.positive),
    )
    return np.concatenate([_divide(*whole)[None], left])


def _pairs(strata: InOrder, positive_s: Integers) -> Floats:
    """Return how many pairs each sample is in that the positive one wins; ties count half.

    Source: Sun and Xu (2014), IEEE Signal Processing Letters 21(11): linear time from ranks.
    """
    y_k, start_s = strata.y_k, strata.start_b
    sizes = np.diff(start_s)
    counted = _before(y_k)
    # In a stratum, place and positives before a sample are counted from where it starts.
    shift = np.repeat(counted[start_s[:-1]], sizes)
    place_k = np.arange(len(y_k)) - np.repeat(start_s[:-1], sizes)
    most_k = np.repeat(positive_s, sizes)
    pairs_k: Floats = np.where(y_k == 1, place_k, most_k) - (counted[:-1] - shift).astype(float)
    t, first, last = ties(strata.run_k, start_s)
    if len(t):
        start_t = t - place_k[t]
        below_t = (first + last - 2 * start_t) / 2
        positives_t = (counted[first] + counted[last]) / 2 - shift[t]
        pairs_k[t] = np.where(y_k[t] == 1, below_t, most_k[t]) - positives_t
    return pairs_k


def _wins(blocks: InOrder) -> _Wins:
    """By the sum of the ranks of the positives in each block. Source: Mann and Whitney (1947)."""
    y_k, start_b = blocks.y_k, blocks.start_b
    positive_m = np.flatnonzero(y_k == 1)  # of bool it is fast
    start_m = np.searchsorted(positive_m, start_b)
    places = _before(positive_m)[start_m]
    positive = np.diff(start_m)
    sizes = np.diff(start_b)
    doubled = 2.0 * np.diff(places) - positive * (2.0 * start_b[:-1] + positive - 1)
    t, first, last = ties(blocks.run_k, start_b)
    if len(t):
        moved = np.where(y_k[t] == 1, first + last - 1 - 2 * t, 0)
        doubled += np.bincount(np.searchsorted(start_b, t, "right") - 1, moved, len(sizes))
    return _Wins(doubled, sizes - positive, positive)


def _before(values_k: NDArray[np.integer]) -> Integers:
    """Return sums of the values before each position, and of all."""
    sums = np.zeros(len(values_k) + 1, np.int64)
    np.cumsum(values_k, out=sums[1:])
    return sums


def _divide(doubled_wins: Floats, negative: Integers, positive: Integers) -> Floats:
    num_pairs = negative * positive
    return np.where(num_pairs > 0, doubled_wins / np.maximum(2 * num_pairs, 1), np.nan)
