"""Exact tests of small counts, vectorised over tables, and the adjustment of many p-values."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pbias.auditing.inference.distributions import Floats, beta_cdf, log_binomial

# Probabilities this close count as ties, as in R's fisher.test: equal ones differ by rounding.
_TIE = 1e-7
_CHUNK = 128
_NEGLIGIBLE = 1e-20


def fisher_exact(
    first_yes: ArrayLike, first_no: ArrayLike, second_yes: ArrayLike, second_no: ArrayLike
) -> Floats:
    """Two-sided p of Fisher's exact test that two groups have the same rate; whole counts.

    Sums the probabilities of all tables with the same margins that are at most as probable as the
    one observed. 1 where a margin is 0: such a table cannot be told from its like.
    Source: Fisher (1934); the two-sided rule and its tolerance as in R and scipy.
    """
    a, b, c, d = (np.asarray(v, np.float64) for v in (first_yes, first_no, second_yes, second_no))
    shape = np.broadcast(a, b, c, d).shape
    a, b, c, d = (np.atleast_1d(v) for v in np.broadcast_arrays(a, b, c, d))
    assert all((v == np.rint(v)).all() and (v >= 0).all() for v in (a, b, c, d)), "whole counts"
    p = np.ones(a.shape)
    told = ((a + b) > 0) & ((c + d) > 0) & ((a + c) > 0) & ((b + d) > 0)
    p[told] = _fisher(a[told], (a + b)[told], (a + c)[told], (a + b + c + d)[told])
    return p.reshape(shape)


def _fisher(a: Floats, rows: Floats, yes: Floats, total: Floats) -> Floats:
    """p of tables given by a count, its two margins and the total, none of them degenerate."""
    # Mirrored where needed, so that the observed count lies at or below the mode.
    mirrored = a > np.floor((rows + 1) * (yes + 1) / (total + 2))
    a, yes = np.where(mirrored, rows - a, a), np.where(mirrored, total - yes, yes)
    table = (rows, yes, total)
    log_p = _log_hypergeometric(a, *table)
    opposite = _first_at_most(log_p + np.log1p(_TIE), a, *table)
    most = np.minimum(rows, yes)
    start = np.minimum(opposite, most)
    log_opposite = np.where(opposite <= most, _log_hypergeometric(start, *table), -np.inf)
    lower = np.exp(log_p) * _tail_sum(a, -1, *table)
    return np.minimum(lower + np.exp(log_opposite) * _tail_sum(start, 1, *table), 1.0)


def _log_hypergeometric(x: Floats, rows: Floats, yes: Floats, total: Floats) -> Floats:
    """Log probability of x yeses in the first group. Source: Loader (2000), section 4."""
    p, q = yes / total, (total - yes) / total
    parts = log_binomial(x, rows, p, q) + log_binomial(yes - x, total - rows, p, q)
    return parts - log_binomial(yes, total, p, q)


def _first_at_most(limit: Floats, a: Floats, rows: Floats, yes: Floats, total: Floats) -> Floats:
    """Smallest count above a, from the mode up, whose log probability is at most the limit.

    One more than the largest possible count where there is none. By bisection: past the mode the
    probability falls.
    """
    low = np.maximum(a + 1, np.floor((rows + 1) * (yes + 1) / (total + 2)))
    high = np.minimum(rows, yes) + 1
    while np.any(low < high):
        middle = np.floor((low + high) / 2)
        inside = np.minimum(middle, np.minimum(rows, yes))
        found = (_log_hypergeometric(inside, rows, yes, total) <= limit) | (low >= high)
        low, high = np.where(found, low, middle + 1), np.where(found, middle, high)
    return high


def _tail_sum(x: Floats, step: int, rows: Floats, yes: Floats, total: Floats) -> Floats:
    """Sum of P(k) / P(x) over k = x, x + step, x + 2 step, ... until what is left is negligible."""
    sums, term, at = np.zeros_like(x), np.ones_like(x), x.copy()
    active = np.arange(len(x))
    while len(active):
        counts = at[active, None] + step * np.arange(_CHUNK)
        ratios = _ratio(counts, step, *(v[active, None] for v in (rows, yes, total)))
        terms = term[active, None] * np.cumprod(ratios, axis=1)
        sums[active] += term[active] + terms[:, :-1].sum(axis=1)
        term[active] = terms[:, -1]
        at[active] += step * _CHUNK
        active = active[term[active] > _NEGLIGIBLE * sums[active]]
    return sums


def _ratio(x: Floats, step: int, rows: Floats, yes: Floats, total: Floats) -> Floats:
    """P(x + step) / P(x), 0 beyond the possible counts."""
    rest = total - rows - yes + x
    top, bottom = (rows - x) * (yes - x), (x + 1) * (rest + 1)
    if step < 0:
        top, bottom = x * rest, (rows - x + 1) * (yes - x + 1)
    possible = (np.maximum(0, rows + yes - total) <= x) & (x <= np.minimum(rows, yes))
    return np.where(possible, top / np.where(possible, bottom, 1.0), 0.0)


def mcnemar_exact(gained: ArrayLike, lost: ArrayLike) -> Floats:
    """Two-sided p that gains and losses are equally likely, given their sum; 1 without any.

    Source: exact binomial test with probability 1/2 on the discordant rows (McNemar 1947).
    """
    b, c = np.broadcast_arrays(np.asarray(gained, np.float64), np.asarray(lost, np.float64))
    few, many = np.minimum(b, c), np.maximum(b, c)
    half = np.full(b.shape, 0.5)
    tail = beta_cdf(np.maximum(many, 1.0), few + 1.0, half, half)
    return np.where(few == many, 1.0, np.minimum(2.0 * tail, 1.0))


def benjamini_hochberg(p: ArrayLike, axis: int = -1) -> Floats:
    """p-values adjusted to control the false discovery rate along an axis; NaN stay NaN, uncounted.

    Source: Benjamini and Hochberg (1995).
    """
    p = np.moveaxis(np.asarray(p, np.float64), axis, -1)
    order = np.argsort(p, axis=-1)  # NaN last
    num_tests = np.count_nonzero(~np.isnan(p), axis=-1)[..., None]
    ranks = np.arange(1, p.shape[-1] + 1)
    scaled = np.take_along_axis(p, order, -1) * num_tests / ranks
    # NaN lie at the end: fmin passes them over and the where puts them back.
    smallest = np.fmin.accumulate(scaled[..., ::-1], axis=-1)[..., ::-1]
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, np.minimum(smallest, 1.0), -1)
    return np.moveaxis(np.where(np.isnan(p), np.nan, adjusted), -1, axis)
