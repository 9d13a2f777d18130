"""Counts first: a file is reduced once to totals by fold, and everything else is made of those.

Shape suffixes: J folds, P group values (strata.py), A targets, n rows of a block.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.audit.strata import Strata
from pbias.files.logits import UNKNOWN, Logits

NUM_BINS = 10
NUM_LABELS = 3  # 0, 1, unknown
UNCERTAIN_MARGIN = 0.4


@dataclass(frozen=True)
class Predictions:
    """What one model says of n rows, by target: p float64 [A, n], s bool [A, n]."""

    p: NDArray[np.float64]
    s: NDArray[np.bool_]


@dataclass(frozen=True)
class Totals:
    """The sums that metrics of one model are made of; they add over blocks, files and machines.

    cells int64 [J, P, A, 3, 2]: rows by label (0, 1, unknown) and prediction;
    uncertain int64 [J, P, A]: rows with p within 0.4 of 0.5;
    bins int64 [J, P, A, 10, 3], p_sums float64 [J, P, A, 10, 3]: rows and sums of p by bin of p and
    label; p_squares float64 [J, P, A, 3]: sums of p^2 by label;
    gram int64 [J, A+1, A+1]: products of (1, predictions), over all rows.
    """

    cells: NDArray[np.int64]
    uncertain: NDArray[np.int64]
    bins: NDArray[np.int64]
    p_sums: NDArray[np.float64]
    p_squares: NDArray[np.float64]
    gram: NDArray[np.int64]

    def __add__(self, other: Totals) -> Totals:
        """The totals of both sets of rows."""
        return Totals(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def sigmoid(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probabilities in float64, right for large logits of either sign."""
    z = np.asarray(logits, np.float64)
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / (1.0 + np.exp(-z)))


def softmax(logits_na: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probabilities over the targets in float64, [N, A]."""
    z = np.asarray(logits_na, np.float64)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def predictions(logits: Logits) -> Predictions:
    """Probabilities and predictions of a file; `s = z > threshold`, or the arg-max class."""
    z_an = np.ascontiguousarray(logits.logits.T)
    if logits.activation == "softmax":
        best = logits.logits.argmax(axis=1)
        s = best == np.arange(len(z_an))[:, None]
        return Predictions(np.ascontiguousarray(softmax(logits.logits).T), s)
    thresholds = np.zeros(len(z_an)) if logits.thresholds is None else logits.thresholds
    return Predictions(sigmoid(z_an), z_an > thresholds[:, None])


def reduce_rows(
    predicted: Predictions,
    labels_an: NDArray[np.int8],
    strata: Strata,
    folds: NDArray[np.intp],
    num_folds: int,
) -> Totals:
    """Totals of one block of rows; labels int8 [A, n] with -1 unknown; folds int [n]."""
    p, s = predicted.p, predicted.s
    label = _label_codes(labels_an)
    # p = 1 belongs to the last bin
    by_bin = np.minimum((p * NUM_BINS).astype(np.int32), NUM_BINS - 1) * NUM_LABELS + label
    by_prediction = (label * 2 + s) * 2 + (np.abs(p - 0.5) < UNCERTAIN_MARGIN)
    tally = _Tally(strata, folds, num_folds)
    cells = tally(by_prediction, (NUM_LABELS, 2, 2))
    return Totals(
        cells=cells.sum(-1),
        uncertain=cells[..., 1].sum((-1, -2)),
        bins=tally(by_bin, (NUM_BINS, NUM_LABELS)),
        p_sums=tally(by_bin, (NUM_BINS, NUM_LABELS), p),
        p_squares=tally(label, (NUM_LABELS,), p * p),
        gram=_gram(s, folds, num_folds),
    )


def reduce_pairs(
    d: NDArray[np.bool_],
    s: NDArray[np.bool_],
    labels_an: NDArray[np.int8],
    strata: Strata,
    folds: NDArray[np.intp],
    num_folds: int,
) -> NDArray[np.int64]:
    """Rows by label (0, 1, unknown), reference and audited prediction: int64 [J, P, A, 3, 2, 2]."""
    cell = _label_codes(labels_an) * 4 + d * np.int32(2) + s
    tally = _Tally(strata, folds, num_folds)
    return np.asarray(tally(cell, (NUM_LABELS, 2, 2)), np.int64)


def _label_codes(labels_an: NDArray[np.int8]) -> NDArray[np.int32]:
    return np.where(labels_an == UNKNOWN, np.int32(2), labels_an.astype(np.int32))


class _Tally:
    """Counts (or sums) rows by fold, group value and a cell number, for every target."""

    def __init__(self, strata: Strata, folds: NDArray[np.intp], num_folds: int) -> None:
        self.num_folds = num_folds
        self.spans = []
        for partition in strata.partitions:
            codes = partition.codes.astype(np.intp)
            rows = None if (codes != UNKNOWN).all() else np.flatnonzero(codes != UNKNOWN)
            base = folds * len(partition.values) + codes
            self.spans.append((rows, base if rows is None else base[rows], len(partition.values)))

    def __call__(
        self,
        cell_an: NDArray[np.int32],
        shape: tuple[int, ...],
        weights_an: NDArray[np.float64] | None = None,
    ) -> NDArray[Any]:
        """[J, P, A, *shape]: int64 counts of rows, or float64 sums of their weights."""
        num_cells, num_targets = math.prod(shape), len(cell_an)
        dtype = np.int64 if weights_an is None else np.float64
        num_values = sum(span[2] for span in self.spans)
        out = np.empty((self.num_folds, num_values, num_targets, *shape), dtype)
        first = 0
        for rows, base, values in self.spans:
            start, size = base * num_cells, self.num_folds * values * num_cells
            for target, cell in enumerate(cell_an):
                weight = None if weights_an is None else weights_an[target]
                if rows is not None:
                    cell, weight = cell[rows], None if weight is None else weight[rows]
                sums = np.bincount(start + cell, weight, size)
                out[:, first : first + values, target] = sums.reshape(-1, values, *shape)
            first += values
        return out


def _gram(s: NDArray[np.bool_], folds: NDArray[np.intp], num_folds: int) -> NDArray[np.int64]:
    """[J, A+1, A+1]; float32 products of 0 and 1 are exact below 2^24 rows a block."""
    ones = np.ones((1, s.shape[1]), np.float32)
    design = np.concatenate([ones, s.astype(np.float32)])
    if num_folds == 1:
        return np.asarray((design @ design.T)[None], np.int64)
    order = np.argsort(folds, kind="stable")
    ends = np.searchsorted(folds[order], np.arange(num_folds + 1))
    design = design[:, order]
    parts = [design[:, a:b] @ design[:, a:b].T for a, b in pairwise(ends)]
    return np.asarray(np.stack(parts), np.int64)
