"""Adjust the p-values of a whole table for their number: one primary family, the rest by hierarchy.

Shape suffixes: F families, K p-values of a family (NaN: none).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.inference.small_counts import benjamini_hochberg
from pbias.auditing.metrics.entry import Metric

Floats = NDArray[np.float64]


def is_primary(metric: Metric, group: str) -> bool:
    """Return whether a row is in the primary family: what reports begin with, or watch.

    For metrics with a number for everyone, this is only that number; for other metrics
    (amplification, differences in differences), the numbers of all groups.
    """
    if not (metric.headline or metric.watched):
        return False
    return not group or metric.of_groups or metric.part is not None


def adjusted(p: Floats, primary: NDArray[np.bool_], family: Sequence[Any]) -> Floats:
    """Adjust p [rows]; NaN stay NaN and do not count.

    Rows of the primary family are adjusted by Benjamini and Hochberg (1995) over all of them, the
    others by `hierarchical` over the families named by `family`.
    """
    found = np.full(p.shape, np.nan)
    found[primary] = benjamini_hochberg(p[primary])
    rest = np.flatnonzero(~primary & ~np.isnan(p))
    if not len(rest):
        return found
    codes: dict[Any, int] = {}
    family_n = np.array([codes.setdefault(family[i], len(codes)) for i in rest.tolist()])
    order = np.argsort(family_n, kind="stable")
    sizes = np.bincount(family_n)
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    place = (family_n[order], np.arange(len(rest)) - starts)
    p_fk = np.full((len(codes), int(sizes.max())), np.nan)
    p_fk[place] = p[rest[order]]
    found[rest[order]] = hierarchical(p_fk)[place]
    return found


def hierarchical(p_fk: Floats) -> Floats:
    """Return the smallest level q at which each hypothesis is rejected, in families [F, K].

    At level q, a family is selected if its Simes p-value passes Benjamini and Hochberg's procedure
    over the F families. Within each of the R selected families, that procedure runs at level q R /
    F. Then the expected average share of false discoveries over the selected families is at most q,
    and if there is no effect at all, any family is selected with probability q at most.
    Source: Benjamini and Bogomolov (2014), section 3; Simes (1986). Each family needs a p-value.
    """
    within = benjamini_hochberg(p_fk, axis=1)
    simes = np.nanmin(within, axis=1)
    chosen_at = benjamini_hochberg(simes)
    levels = np.unique(chosen_at)  # as q grows, families are selected at these levels
    num_selected = np.searchsorted(np.sort(chosen_at), levels, side="right")
    wanted = within * len(p_fk)  # q R(q) must reach this
    own = np.searchsorted(levels, chosen_at)[:, None]
    # q and R(q) grow: take the first level that is enough by itself, or one before with a larger q.
    enough = np.searchsorted(levels * num_selected, np.nan_to_num(wanted), side="left")
    last = len(levels) - 1
    at = np.clip(np.maximum(enough, own), 0, last)
    before = np.clip(np.maximum(enough - 1, own), 0, last)
    found = [np.maximum(levels[k], wanted / num_selected[k]) for k in (at, before)]
    return np.asarray(np.minimum(np.minimum(*found), 1.0))
