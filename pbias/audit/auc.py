"""The area under the ROC curve: by group, with DeLong's variance, and with each fold left out.

AUC is the share of (positive, negative) pairs in which the positive has the larger logit, ties
counted half; undefined (NaN) without positives or without negatives. Labels are int8, -1 unknown:
left out. Group codes are -1 where unknown.

Shape suffixes: A targets, N samples, V group values, J folds, M models, k samples that take part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbias.audit.distributions import Floats, floats
from pbias.audit.ranking import Integers, Ranking, blocks, members

Labels = NDArray[np.int8]
Codes = NDArray[np.integer]


def auc(logits_an: NDArray[np.floating], labels_an: Labels) -> Floats:
    """AUC of each target over everyone, [A]; in O(N log N), with little memory."""
    return np.array([_auc(z_n, y_n) for z_n, y_n in zip(logits_an, labels_an, strict=True)])


def _auc(z_n: NDArray[np.floating], y_n: Labels) -> float:
    positive, negative = np.sort(z_n[y_n == 1]), np.sort(z_n[y_n == 0])
    num_pairs = len(positive) * len(negative)
    if num_pairs == 0:
        return np.nan
    if len(positive) < len(negative):
        return _below(positive, negative) / num_pairs
    return 1.0 - _below(negative, positive) / num_pairs


def _below(few: NDArray[np.floating], many: NDArray[np.floating]) -> float:
    """Pairs in which the value of `many` is below that of `few`, ties half; both sorted."""
    below, not_above = (np.searchsorted(many, few, side=side) for side in ("left", "right"))
    return float(below.sum() + not_above.sum()) / 2


def auc_by_group(ranking: Ranking, labels_an: Labels, codes_n: Codes, num_values: int) -> Floats:
    """AUC within each group value, [V, A]."""
    out = np.empty((num_values, len(labels_an)))
    for a, (order_n, run_n, y_n) in enumerate(zip(*ranking, labels_an, strict=True)):
        out[:, a] = [
            _auc_of_sorted(y_n[row_k], run_n[kept])
            for row_k, kept in members(order_n, y_n, codes_n, num_values)
        ]
    return out


def _auc_of_sorted(y_k: Labels, run_k: NDArray[np.int32]) -> float:
    """AUC of samples in ascending order, by the ranks of the positives; ties share their mean."""
    positions = np.flatnonzero(y_k)
    num = len(positions)
    num_pairs = num * (len(y_k) - num)
    if num_pairs == 0:
        return np.nan
    ranks: Floats | Integers = positions
    if (run_k[1:] == run_k[:-1]).any():
        mine = run_k[positions]
        first, last = (np.searchsorted(run_k, mine, side) for side in ("left", "right"))
        ranks = (first + last - 1) / 2
    return float((ranks.sum() - num * (num - 1) / 2) / num_pairs)


class _Placed(NamedTuple):
    """How many samples of the other class, in its own block, each sample stands right against.

    For a positive those with a smaller logit, for a negative those with a larger one; ties half.
    """

    row_k: NDArray[np.int32]
    block_k: Integers
    y_k: Labels
    wins_k: Floats
    num_by_class: tuple[Integers, Integers]  # negatives, positives, by block

    def sum_wins(self, label: int, cell_k: Codes, num_cells: int) -> Floats:
        """Sums over the samples of a class, by a cell number for each sample."""
        member_k = self.y_k == label
        return floats(np.bincount(cell_k[member_k], self.wins_k[member_k], num_cells))


def _place(
    order_n: NDArray[np.int32], run_n: NDArray[np.int32], y_n: Labels, codes_n: Codes, num: int
) -> _Placed:
    """Placements within blocks in linear time, from counts before and after each run of ties.

    Source: Sun and Xu (2014), IEEE Signal Processing Letters 21(11).
    """
    found = blocks(order_n, run_n, np.where(y_n >= 0, codes_n, -1), num)
    y_k = y_n[found.row_k]
    positives = np.concatenate([[0], np.cumsum(y_k, dtype=np.int64)])  # before each position
    below = (positives[found.first_k] + positives[found.last_k]) / 2
    num_positive = np.diff(positives[found.start_b])
    num_negative = np.diff(found.start_b) - num_positive
    start_k = found.start_b[found.block_k]
    below -= positives[start_k]
    negatives_below = (found.first_k + found.last_k) / 2 - start_k - below
    wins_k = np.where(y_k == 1, negatives_below, num_positive[found.block_k] - below)
    return _Placed(found.row_k, found.block_k, y_k, wins_k, (num_negative, num_positive))


def _divide(wins: Floats, num_negative: Integers, num_positive: Integers) -> Floats:
    num_pairs = num_negative * num_positive
    return np.where(num_pairs > 0, wins / np.maximum(num_pairs, 1), np.nan)


class DeLong(NamedTuple):
    """AUC of M models on the same samples, [M, V, A], and their covariance, [M, M, V, A]."""

    auc: Floats
    covariance: Floats


def delong(
    rankings: Sequence[Ranking], labels_an: Labels, codes_n: Codes, num_values: int
) -> DeLong:
    """AUCs within each group value with their covariance between models.

    The variance of a difference of two models is `c[0, 0] + c[1, 1] - 2 c[0, 1]`. The covariance is
    undefined with fewer than 2 samples of a class.
    Source: DeLong, DeLong and Clarke-Pearson (1988), by the ranks of Sun and Xu (2014).
    """
    num_models, num_targets = len(rankings), len(labels_an)
    aucs = np.empty((num_models, num_values, num_targets))
    covariance = np.empty((num_models, num_models, num_values, num_targets))
    for a, y_n in enumerate(labels_an):
        placed = [_place(r.order_an[a], r.run_an[a], y_n, codes_n, num_values) for r in rankings]
        aucs[..., a], covariance[..., a] = _delong(placed, y_n, codes_n)
    return DeLong(aucs, covariance)


def _delong(placed: list[_Placed], y_n: Labels, codes_n: Codes) -> tuple[Floats, Floats]:
    num_by_class = placed[0].num_by_class
    num_values = len(num_by_class[0])
    wins_mn = np.empty((len(placed), len(y_n)))
    for wins_n, one in zip(wins_mn, placed, strict=True):
        wins_n[one.row_k] = one.wins_k
    aucs = [_divide(one.sum_wins(1, one.block_k, num_values), *num_by_class) for one in placed]
    covariance = np.zeros((len(placed), len(placed), num_values))
    for label, num in enumerate(num_by_class):
        rows = np.flatnonzero((y_n == label) & (codes_n >= 0))
        code = codes_n[rows]
        other = num_by_class[1 - label]
        share = wins_mn[:, rows] / np.maximum(other, 1)[code]
        off = share - np.array([a_v[code] for a_v in aucs])  # the mean share is the AUC, either way
        scale = np.where((num > 1) & (other > 1), num * np.maximum(num - 1, 1), np.nan)
        for m, k in np.ndindex(len(placed), len(placed)):
            covariance[m, k] += np.bincount(code, off[m] * off[k], num_values) / scale
    return np.array(aucs), covariance


def auc_left_out(
    ranking: Ranking,
    labels_an: Labels,
    codes_n: Codes,
    num_values: int,
    folds_n: Codes,
    num_folds: int,
) -> Floats:
    """AUC within each group value on all samples, then with each fold left out: [1+J, V, A], exact.

    What is left of all pairs is all, less those that a positive or a negative of the fold is in,
    plus those counted twice because both are. Two passes of linear time a target for all folds.
    """
    out = np.empty((1 + num_folds, num_values, len(labels_an)))
    cells_n = np.where(codes_n >= 0, folds_n * np.int64(num_values) + codes_n, -1)
    for a, (order_n, run_n, y_n) in enumerate(zip(*ranking, labels_an, strict=True)):
        whole = _place(order_n, run_n, y_n, codes_n, num_values)
        inside = _place(order_n, run_n, y_n, cells_n, num_folds * num_values)
        out[:, :, a] = _left_out(whole, inside, cells_n, num_folds)
    return out


def _left_out(whole: _Placed, inside: _Placed, cells_n: Codes, num_folds: int) -> Floats:
    num_values = len(whole.num_by_class[0])
    num_cells = num_folds * num_values
    cell_k = cells_n[whole.row_k]
    wins_v = whole.sum_wins(1, whole.block_k, num_values)
    touched = whole.sum_wins(0, cell_k, num_cells) + whole.sum_wins(1, cell_k, num_cells)
    twice = inside.sum_wins(1, inside.block_k, num_cells)
    wins_jv = wins_v - (touched - twice).reshape(num_folds, num_values)
    left = [
        num_v - num_c.reshape(num_folds, num_values)
        for num_v, num_c in zip(whole.num_by_class, inside.num_by_class, strict=True)
    ]
    full = _divide(wins_v, *whole.num_by_class)
    return np.concatenate([full[None], _divide(wins_jv, *left)])
