"""Simulated compressed models: the dense model with some of its predictions overturned.

Shape suffixes: A targets, n samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.strata import Strata
from pbias.auditing.counts.totals import sigmoid
from pbias.files.logits import UNKNOWN, Logits

# Every logit changes, so that no audit takes the simulated model for the dense one.
STRETCH = 1.0 + 2.0**-20
Cells = NDArray[np.intp]


def draw_compressed(
    dense: Logits, groups: Sequence[str], discordance: float, rng: np.random.Generator
) -> Logits:
    """Draw a model that overturns a share of the dense predictions and is worse for nobody.

    In each combination of the values of `groups` and each label value, half of the flips go in each
    direction on average, so no true rate changes. If the dense model makes too few predictions of
    one value, fewer flip. Uncertain predictions flip first, with odds like those of their other
    value. A flipped logit is mirrored at its threshold. For classes, the largest output is swapped
    with the second or, if it was wrong, with that of the label.
    """
    cells = _cells(dense, groups)
    flipped = _classes if dense.activation == "softmax" else _attributes
    z = np.asarray(flipped(dense, cells, discordance, rng), dense.logits.dtype)
    return replace(dense, logits=z, probabilities=None)


def _attributes(
    dense: Logits, cells: Cells, discordance: float, rng: np.random.Generator
) -> NDArray[np.floating]:
    z = dense.logits.copy()
    cuts = np.zeros(z.shape[1]) if dense.thresholds is None else dense.thresholds
    for a, cut in enumerate(cuts):
        column, s = z[:, a], z[:, a] > cut
        if not np.isfinite(cut):
            continue
        away = (column - cut) * STRETCH
        of_label = cells * 3 + dense.labels[:, a] + 1
        flips = _chosen(s, of_label, np.abs(away), discordance, rng)
        # A logit at its threshold is negative, and must move above it.
        mirrored = np.where(s, cut - away, np.maximum(cut - away, _above(column, cut)))
        z[:, a] = np.where(flips, mirrored, cut + away)
    return z


def _above(column: NDArray[np.floating], cut: float) -> float:
    """Return the next number above a threshold in the type of the logits."""
    nearest = column.dtype.type(cut)
    return float(np.nextafter(nearest, column.dtype.type(np.inf)))


def _classes(
    dense: Logits, cells: Cells, discordance: float, rng: np.random.Generator
) -> NDArray[np.floating]:
    z = dense.logits * STRETCH
    rows, best = np.arange(len(z)), z.argmax(axis=1)
    known = (dense.labels == 1).sum(axis=1) == 1
    label = np.where(known, dense.labels.argmax(axis=1), UNKNOWN)
    others = z.copy()
    others[rows, best] = -np.inf
    second = others.argmax(axis=1)
    right = best == label
    place = np.where(right | ~known, second, label)
    of_label = cells * (z.shape[1] + 1) + label + 1
    ahead = z[rows, best] - z[rows, place]
    flips = _chosen(right, of_label, ahead, discordance, rng) & known & (best != place)
    mine, first, other = rows[flips], best[flips], place[flips]
    z[mine, first], z[mine, other] = z[mine, other], z[mine, first]
    tied = z[mine, first] == z[mine, other]  # swapping changes nothing
    z[mine[tied], other[tied]] = np.nextafter(z[mine[tied], other[tied]], z.dtype.type(np.inf))
    return z


def _chosen(
    s: NDArray[np.bool_],
    cells: Cells,
    away: NDArray[np.floating],
    discordance: float,
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Return which predictions flip [n]: per cell as many up as down, uncertain ones more often."""
    _, cell = np.unique(cells, return_inverse=True)
    num, of_cell = int(cell.max()) + 1, 2 * cell + s
    size = np.bincount(of_cell, minlength=2 * num).reshape(num, 2)
    each_way = np.minimum(discordance / 2 * size.sum(axis=1), size.min(axis=1))
    rate = each_way[:, None] / np.maximum(size, 1)
    count = rng.binomial(size, np.minimum(rate, 1.0)).ravel()
    # Weighted sampling without replacement (Efraimidis and Spirakis 2006).
    # REMOVE
    key = -np.log(np.maximum(sigmoid(-away), np.finfo(float).tiny)) - rng.gumbel(size=len(s))
    order = np.lexsort((key, of_cell))
    starts = np.concatenate([[0], np.cumsum(size.ravel())[:-1]])
    rank = np.empty(len(s), np.intp)
    rank[order] = np.arange(len(s)) - starts[of_cell[order]]
    return np.asarray(rank < count[of_cell])


def _cells(dense: Logits, groups: Sequence[str]) -> Cells:
    """Return each sample's combination of group values, int [n]; unknown is a value of its own."""
    cells = np.zeros(len(dense), np.intp)
    for partition in Strata.of(dense, groups).partitions[1:]:
        cells = cells * (len(partition.values) + 1) + partition.codes + 1
        cells = np.unique(cells, return_inverse=True)[1]
    return cells
