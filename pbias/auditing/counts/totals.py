"""Totals: a file is reduced once to totals by fold, from which everything else is made.

Shape suffixes: J folds, P group values (strata.py), A targets, n rows of a block.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.strata import Strata
from pbias.auditing.counts.tally import Tally
from pbias.files.logits import UNKNOWN, Logits

NUM_BINS = 10
NUM_LABELS = 3  # 0, 1, unknown
UNCERTAIN_MARGIN = 0.4
# Products of 0 and 1 add up exactly in float32 below 2^24 rows.
_EXACT_ROWS = 1 << 24
_CHUNK_ROWS = 1 << 12


@dataclass(frozen=True)
class Predictions:
    """The predictions of one model for n rows, by target: logits [A, n], s bool [A, n].

    The logit of a class is its log-odds against all others, so that the sigmoid is its probability,
    and a constant added to a row's outputs changes nothing.

    `given`: probabilities [A, n] from which the logits were made, and whose digits count.
    """

    logits: NDArray[np.floating]
    s: NDArray[np.bool_]
    multiclass: bool = False
    given: NDArray[np.float64] | None = None

    @cached_property
    def p(self) -> NDArray[np.float64]:
        """Probabilities, [A, n]."""
        return sigmoid(self.logits) if self.given is None else self.given

    def p_of(self, target: int) -> NDArray[np.float64]:
        """Return the probabilities for one target, [n], without computing all if possible."""
        return sigmoid(self.logits[target]) if self.given is None else self.given[target]

    def ranked(self, target: int) -> NDArray[np.floating]:
        """Return the values that order the rows for one target, [n]."""
        values: NDArray[np.floating] = self.logits if self.given is None else self.given
        return np.asarray(values[target])


@dataclass(frozen=True)
class Totals:
    """The sums from which metrics of one model are made; they add over blocks, files and machines.

    cells int64 [J, P, A, 3, 2]: rows by label (0, 1, unknown) and prediction;
    uncertain int64 [J, P, A]: rows with p within 0.4 of 0.5;
    errors float64 [J, P, A, 10]: sums of p - y by bin of p, over rows with a known label;
    squares float64 [J, P, A]: sums of (p - y)^2 over the same;
    gram int64 [J, A+1, A+1]: products of (1, predictions), over all rows; [J, 0, 0] if not wanted;
    classes int64 [J, P, 2]: rows of exactly one known class by whether it is predicted (0, 1), all
    0 unless the targets are classes.
    """

    cells: NDArray[np.int64]
    uncertain: NDArray[np.int64]
    errors: NDArray[np.float64]
    squares: NDArray[np.float64]
    gram: NDArray[np.int64]
    classes: NDArray[np.int64]

    def __add__(self, other: Totals) -> Totals:
        """Return the totals of both sets of rows."""
        return Totals(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def sigmoid(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return probabilities in float64, accurate for large logits of either sign."""
    p = np.negative(logits, dtype=np.float64)
    with np.errstate(over="ignore"):
        np.exp(p, out=p)
    p += 1.0
    return np.asarray(np.divide(1.0, p, out=p))


def log_odds(outputs_an: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return log-odds of each class against all others, [A, n], from the outputs of a softmax.

    A constant added to all outputs of a row changes nothing. For two classes, they are plus and
    minus the difference of the outputs. A single output stays as it is.
    """
    if len(outputs_an) < 2:
        return np.asarray(outputs_an, np.float32)
    z = np.asarray(outputs_an, np.float64)
    rows = np.arange(z.shape[1])
    best = z.argmax(axis=0)
    largest = z[best, rows]
    e = np.exp(z - largest)
    # The largest is left out of the sum; subtracting it from the sum could leave nothing.
    rest = z.copy()
    rest[best, rows] = -np.inf
    second = rest.max(axis=0)
    others = second + np.log(np.exp(rest - second).sum(axis=0))
    e[best, rows] = 0.0
    found = z - largest - np.log1p(np.maximum(e.sum(axis=0) - e, 0.0))
    found[best, rows] = largest - others
    limit = np.finfo(np.float32).max
    return np.asarray(found.clip(-limit, limit), np.float32)


def largest_other(outputs_an: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the largest of a row's other outputs, [A, n], which a predicted class must exceed.

    -inf if there is no other.
    """
    nothing = np.full((1, outputs_an.shape[1]), -np.inf)
    second, best = np.partition(np.concatenate([nothing, outputs_an]), -2, axis=0)[-2:]
    first = np.arange(len(outputs_an))[:, None] == outputs_an.argmax(axis=0)
    return np.asarray(np.where(first, second, best))


def transposed(array_na: NDArray[Any]) -> NDArray[Any]:
    """Return [A, N] in memory order, by chunks of rows, which is three times as fast."""
    found = np.empty(array_na.shape[::-1], array_na.dtype)
    for start in range(0, len(array_na), _CHUNK_ROWS):
        rows = slice(start, start + _CHUNK_ROWS)
        found[:, rows] = array_na[rows].T
    return found


def predictions(logits: Logits) -> Predictions:
    """Return probabilities and predictions of a file: `s = z > threshold`, or the arg-max class."""
    z_an = transposed(logits.logits)
    given = None if logits.probabilities is None else transposed(logits.probabilities)
    if logits.activation == "softmax":
        best = (z_an if given is None else given).argmax(axis=0)
        s_an = best == np.arange(len(z_an))[:, None]
        return Predictions(log_odds(z_an), s_an, multiclass=True, given=given)
    cuts = 0.0 if logits.thresholds is None else logits.thresholds[:, None]
    return Predictions(z_an, z_an > cuts, given=given)


def reduce_rows(
    predicted: Predictions,
    labels_an: NDArray[np.int8],
    strata: Strata,
    folds: NDArray[np.intp],
    num_folds: int,
    *,
    products: bool = True,
) -> Totals:
    """Return totals of one block of rows; labels int8 [A, n] with -1 unknown; folds int [n].

    Without `products`, the A^2 products of the predictions for pairs of targets are omitted.
    """
    tally = Tally(strata, folds, num_folds)
    shape = (num_folds, tally.num_values, len(labels_an))
    cells = np.empty((*shape, NUM_LABELS, 2, 2), np.int64)
    errors, squares = np.empty((*shape, NUM_BINS)), np.empty(shape)
    for a, (y, s) in enumerate(zip(labels_an, predicted.s, strict=True)):
        p = predicted.p_of(a)
        unsure = np.abs(p - 0.5) < UNCERTAIN_MARGIN
        cell = (label_codes(y) * np.int8(2) + s) * np.int8(2) + unsure
        cells[:, :, a] = tally(cell, (NUM_LABELS, 2, 2))
        # p = 1 belongs to the last bin
        by_bin = np.minimum((p * NUM_BINS).astype(np.int8), np.int8(NUM_BINS - 1))
        error = np.where(y == UNKNOWN, 0.0, p - y)
        errors[:, :, a] = tally(by_bin, (NUM_BINS,), error)
        squares[:, :, a] = tally(None, (), error * error)
    return Totals(
        cells=cells.sum(-1),
        uncertain=cells[..., 1].sum((-1, -2)),
        errors=errors,
        squares=squares,
        gram=_gram(predicted.s, folds, num_folds) if products else np.zeros((num_folds, 0, 0), int),
        classes=_classes(predicted, labels_an, tally),
    )


def _classes(
    predicted: Predictions, labels_an: NDArray[np.int8], tally: Tally
) -> NDArray[np.int64]:
    """Count classes, [J, P, 2]."""
    if not predicted.multiclass:
        return np.zeros((tally.num_folds, tally.num_values, 2), np.int64)
    right, known = right_classes(predicted.s, labels_an)
    return np.asarray(tally(np.where(known, right, 2), (3,))[..., :2])


def right_classes(
    s: NDArray[np.bool_], labels_an: NDArray[np.int8]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return whether each row's class is predicted, and whether exactly one is known, [n] each."""
    true = labels_an == 1
    return (s & true).any(axis=0), true.sum(axis=0) == 1


def reduce_pairs(
    d: NDArray[np.bool_],
    s: NDArray[np.bool_],
    labels_an: NDArray[np.int8],
    strata: Strata,
    folds: NDArray[np.intp],
    num_folds: int,
) -> NDArray[np.int64]:
    """Count rows by label, reference and audited prediction: int64 [J, P, A, 3, 2, 2]."""
    tally = Tally(strata, folds, num_folds)
    cells = label_codes(labels_an) * np.int8(4) + d * np.int8(2) + s
    return np.stack([tally(cell, (NUM_LABELS, 2, 2)) for cell in cells], axis=2)


def label_codes(labels: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return labels as indices: 0, 1, and 2 if unknown."""
    return np.where(labels == UNKNOWN, np.int8(2), labels)


def _gram(s: NDArray[np.bool_], folds: NDArray[np.intp], num_folds: int) -> NDArray[np.int64]:
    """Return sums of products of the predictions, [J, A+1, A+1]."""
    order = np.argsort(folds, kind="stable")
    ends = np.searchsorted(folds[order], np.arange(num_folds + 1))
    assert np.diff(ends).max() < _EXACT_ROWS
    gram = np.empty((num_folds, len(s) + 1, len(s) + 1), np.int64)
    for fold, (start, end) in enumerate(pairwise(ends)):
        design = np.ones((len(s) + 1, end - start), np.float32)
        design[1:] = s[:, order[start:end]] if num_folds > 1 else s
        gram[fold] = design @ design.T
    return gram
