"""Degrees of freedom of an error that is partly normal and partly Student's t.

With several runs, the samples' part of the error is well known, while the runs' part has R - 1
degrees of freedom. Satterthwaite's formula, which uses one t for both, covers 87 % instead of 95 %
with two runs that differ much.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from pbias.auditing.inference.distributions import Floats, floats, t_ppf, two_sided

_TAIL = 0.975  # of the 95 % interval, at which the degrees of freedom are exact
_SHARES = np.linspace(0.0, 1.0, 41) ** 2
_INVERSE_DF = np.linspace(0.0, 1.0, 11)
_STEPS = 30


def equivalent_df(share: Floats, df: Floats) -> Floats:
    """Return df of the t whose 95 % interval is that of `sqrt(1-share) Z + sqrt(share) t(df)`.

    Arguments 0 <= share <= 1 and df >= 1 broadcast; the result is infinite at share 0, and `df` at
    share 1. It is exact to 2 % of the interval. The distribution is that of Behrens and Fisher (Kim
    and Cohen 1998, Journal of Educational and Behavioral Statistics 23) with one variance known.
    """
    place = np.sqrt(np.clip(share, 0.0, 1.0)) * (len(_SHARES) - 1)
    other = np.clip(1.0 / df, 0.0, 1.0) * (len(_INVERSE_DF) - 1)
    row, column = (
        np.minimum(np.nan_to_num(at).astype(int), size - 2)
        for at, size in ((place, len(_SHARES)), (other, len(_INVERSE_DF)))
    )
    down, right = place - row, other - column
    table = _inverse_dfs()
    upper = table[row, column] * (1 - right) + table[row, column + 1] * right
    lower = table[row + 1, column] * (1 - right) + table[row + 1, column + 1] * right
    with np.errstate(divide="ignore"):
        return floats(1.0 / (upper * (1 - down) + lower * down))


@cache
def _inverse_dfs() -> Floats:
    """Return 1 / df for every `_SHARES` [rows] and `_INVERSE_DF` [columns]."""
    exact = np.concatenate([np.linspace(0.0, 0.1, 20, endpoint=False), np.linspace(0.1, 1.0, 91)])
    with np.errstate(divide="ignore"):
        reaches = t_ppf(_TAIL, 1.0 / exact)
    found = np.zeros((len(_SHARES), len(_INVERSE_DF)))
    for column, inverse in enumerate(_INVERSE_DF[1:], 1):
        found[:, column] = np.interp(reach(_SHARES, 1.0 / inverse), reaches, exact)
    return found


def reach(share: Floats, df: float) -> Floats:
    """Return the 97.5 % quantile of `sqrt(1-share) Z + sqrt(share) t(df)`, by bisection.

    This is Z times `sqrt(1 - share + share / u)` with `df u` chi-squared. The tail is integrated
    over the log of u by the trapezoid rule, as in distributions.range_cdf.
    """
    spread = 8.0 / np.sqrt(df)
    log_s = np.linspace(-spread * (1.0 + 3.0 / df), spread, 241)
    density = np.exp(df * log_s - 0.5 * df * np.expm1(2.0 * log_s))
    density /= density.sum()
    scale = np.sqrt(1.0 - share[:, None] + share[:, None] * np.exp(-2.0 * log_s))
    low, high = np.zeros(len(share)), np.full(len(share), 20.0)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        within = two_sided(middle[:, None] / scale) @ density < 2 * (1 - _TAIL)
        low, high = np.where(within, low, middle), np.where(within, middle, high)
    return high
