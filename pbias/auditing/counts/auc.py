"""The area under the ROC curve, exact, and with each fold left out.

AUC is the share of (positive, negative) pairs in which the positive has the larger logit, ties
counted half; undefined (NaN) without positives or without negatives.

Shape suffixes: J folds, b blocks, k samples, ascending within each block, m the positives of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.ranking import Integers, Ties, ties
from pbias.auditing.inference.distributions import Floats


class _Wins(NamedTuple):
    """Pairs that positives win, doubled so that half ones are whole; samples of either class."""

    doubled: Integers
    negative: Integers
    positive: Integers


def auc_left_out(
    y_k: NDArray[np.int8],
    run_k: NDArray[np.int32],
    fold_k: NDArray[np.integer] | None,
    num_folds: int,
) -> Floats:
    """AUC of samples in ascending order, then of those without each fold, exact: [1+J].

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
    """Sums of the values before each place, and of all."""
    sums = np.zeros(len(values_k) + 1, np.int64)
    np.cumsum(values_k, out=sums[1:])
    return sums


def _divide(doubled_wins: Floats | Integers, negative: Integers, positive: Integers) -> Floats:
    num_pairs = negative * positive
    return np.where(num_pairs > 0, doubled_wins / np.maximum(2 * num_pairs, 1), np.nan)
