"""The effective number of clusters: equal-sized clusters that would be as informative.

A few clusters that contain most rows cause most of the error, and so leave as few degrees of
freedom as if there were no others. Source: Carter, Schnepel and Steigerwald (2017), Review of
Economics and Statistics 99:698.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.strata import Strata
from pbias.auditing.counts.sums import Row
from pbias.auditing.inference.distributions import Floats, floats

FEW_CLUSTERS = 20
TOO_FEW_CLUSTERS = 10  # more samples of so few hardly help


def effective_number(share: Floats, size: Floats) -> Floats:
    """Return `(sum v)^2 / sum v^2` over folds [J, ...] with `size` rows each.

    `v` is a fold's contribution to the variance: its `share` (such as its rows over all rows) times
    its size. This conservatively assumes that all rows of a cluster err alike. Folds without rows
    do not count; NaN if there are no others.
    """
    each = share * size
    squares = (each**2).sum(axis=0)
    return floats(each.sum(axis=0) ** 2 / np.where(squares > 0, squares, np.nan))


def are_too_few(effective: float | None) -> bool:
    """Return whether more samples of the same clusters hardly help; None: there are many.

    >>> are_too_few(2.5), are_too_few(12.0), are_too_few(None)
    (True, False, False)
    """
    return effective is not None and effective < TOO_FEW_CLUSTERS


def in_words(effective: float) -> str:
    """Format an effective number of clusters, rounded."""
    number = max(round(effective), 1)
    return "1 cluster" if number == 1 else f"{number} clusters"


def clusters_behind(
    sizes: NDArray[np.int64], strata: Strata, members: Mapping[Row, Sequence[int]]
) -> Callable[[Sequence[Row]], Floats]:
    """Return the function from table rows to the effective numbers of clusters behind them, [S].

    `sizes` [J, S] are the folds' rows in each stratum; `members` the strata of every table row.
    Both sides of a difference count equally, whatever their numbers of rows.
    """
    size = floats(sizes)
    differences = {Row(contrast.group, contrast.label) for contrast in strata.contrasts}
    known: dict[Row, float] = {}

    def of(row: Row) -> float:
        mine = size[:, list(members.get(row, [0]))]
        if row in differences:
            share = mine / np.maximum(mine.sum(axis=0), 1.0) ** 2
            return float(effective_number(share.ravel(), mine.ravel()))
        together = mine.sum(axis=1)
        return float(effective_number(together, together))

    def behind(rows: Sequence[Row]) -> Floats:
        for row in rows:
            if row not in known:
                known[row] = of(row)
        return floats([known[row] for row in rows])

    return behind
