"""Standard errors from values with each fold left out, and across runs.

Values are float64 [R, 1+J, ...]: run; then the whole sample followed by the J samples that lack one
fold; then anything. NaN is undefined, and makes everything made of it NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbias.auditing.inference.distributions import Floats, critical, floats, t_ppf, t_two_sided

# A level such as 0.95; an array: standard errors of the normal distribution, cell by cell.
Level = float | Floats

# Metrics are of order 1: a smaller standard error is the rounding of values that are all equal.
NOISE = 1e-12
_TAIL = 0.975  # where two ways of the error of several runs are compared


class Estimate(NamedTuple):
    """A value with its standard error and the degrees of freedom of that, all [...]."""

    value: Floats
    se: Floats
    df: Floats


def estimate(audited: Floats, reference: Floats | None = None) -> Estimate:
    """Mean over runs, or the difference of two such means: audited less reference, [...].

    The two sides may differ in their number of runs but share their samples. The variance is that
    of the delete-a-fold jackknife, plus, for each side of several runs, their variance / R less the
    part of it that comes from the samples, which the jackknife has counted already (never below
    0): the variance of two crossed factors; or all of it, where that gives the shorter interval.
    The standard error and df are NaN where a value is undefined on the whole or without some fold,
    and where J is 0 or 1.
    Sources: Efron and Tibshirani (1993) chapter 11; Cameron, Gelbach and Miller (2011), Journal of
    Business and Economic Statistics 29(2), for what is subtracted.
    """
    sides = [audited] if reference is None else [audited, reference]
    means = audited.mean(axis=0)
    if reference is not None:
        means = means - reference.mean(axis=0)
    return _estimate(means, sides)


def estimate_of_pairs(values: Floats, runs: tuple[int, int]) -> Estimate:
    """Mean over all pairs of runs of two sides, [R1 * R2, 1+J, ...], the first slowest.

    Pairs are no runs of their own: they share a run with others. So a side varies as the means over
    the other side's runs do: two crossed factors, and the samples as in `estimate`. A side of runs
    that are all the same adds nothing, and makes nothing surer.
    Sources: Obuchowski and Rockette (1995), Communications in Statistics 24; Hillis (2007),
    Statistics in Medicine 26:596.
    """
    by_pair = values.reshape(*runs, *values.shape[1:])
    return _estimate(values.mean(axis=0), [by_pair.mean(axis=1), by_pair.mean(axis=0)])


def _estimate(means: Floats, sides: Sequence[Floats]) -> Estimate:
    """From means over runs [1+J, ...] and the runs of each side [R, 1+J, ...]."""
    within = _spread(means[1:])
    several = [side for side in sides if len(side) > 1]
    variance, df = _sum([within, *map(_excess, several)])
    if several:
        # Where hardly anything is left of the variance of runs, df near 0 would bound nothing.
        most, most_df = _sum([within, *map(_between, several)])
        bounded = quantile(_TAIL, most_df) ** 2 * most < quantile(_TAIL, df) ** 2 * variance
        variance, df = np.where(bounded, most, variance), np.where(bounded, most_df, df)
    return Estimate(means[0], np.sqrt(variance), np.where(np.isnan(variance), np.nan, df))


def _sum(parts: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """The sum of variances, each with its df, and its own df after Satterthwaite."""
    variances, dfs = (np.stack(column) for column in zip(*parts, strict=True))
    variance = variances.sum(axis=0)
    squares = (variances**2 / np.where(variances > 0, dfs, 1.0)).sum(axis=0)
    return variance, np.where(
        squares > 0, variance**2 / np.where(squares > 0, squares, 1.0), dfs[0]
    )


def _spread(left_out: Floats) -> tuple[Floats, Floats]:
    """Delete-a-fold variance `(J-1)/J sum (theta_(-j) - mean)^2` of [J, ...] and its df.

    J - 1 degrees of freedom hold where every fold counts alike. Where few do, as with a group of 15
    people spread over 200 folds, t with 199 covers 92 % for 95 %. So Satterthwaite's df of a sum of
    squares, (sum s^2)^2 / sum s^4, with E d^4 = 3 s^4, bounded by J - 1.
    """
    num_folds = len(left_out)
    if num_folds < 2:
        nothing = np.full(left_out.shape[1:], np.nan)
        return nothing, nothing
    squares = (left_out - left_out.mean(axis=0)) ** 2
    total = squares.sum(axis=0)
    fourth = (squares**2).sum(axis=0)
    ratio = 3.0 * total**2 / np.where(fourth > 0, fourth, 1.0)
    df = np.where(fourth > 0, np.minimum(ratio, num_folds - 1.0), num_folds - 1.0)
    return (num_folds - 1) / num_folds * total, df


def _excess(side: Floats) -> tuple[Floats, Floats]:
    """Variance of the mean of R runs beyond what their samples explain, and its df.

    Runs differ because training is random and because each run errs on other samples. The second
    part is `sum over runs of the jackknife variance of (run - mean) / (R (R-1))`; the jackknife of
    the mean holds it too, and counting it twice would cover 99 % for 95 %. What is left has R - 1
    degrees of freedom times the share that is left: the square of the share (Satterthwaite for a
    difference) covers too much, no share too little. Simulated coverage of 95 %, from runs that
    differ by chance alone to runs that differ as wholes: 97-94 % with 3 or 5 runs, 97-92 % with 2.
    """
    num_runs = len(side)
    between, df = _between(side)
    within = sum(_spread(run)[0] for run in (side - side.mean(axis=0))[:, 1:])
    excess = np.maximum(between - within / (num_runs * (num_runs - 1)), 0.0)
    return excess, df * excess / np.where(between > 0, between, 1.0)


def _between(side: Floats) -> tuple[Floats, Floats]:
    """Variance of the mean of R runs as they differ, for whatever reason, and its df."""
    between = side[:, 0].var(axis=0, ddof=1) / len(side)
    return between, np.full_like(between, len(side) - 1.0)


def interval(found: Estimate, level: float = 0.95) -> tuple[Floats, Floats]:
    """Lower and upper end by Student's t; the value itself where nothing varies."""
    margin = quantile((1.0 + level) / 2.0, found.df) * found.se
    return found.value - margin, found.value + margin


def as_wide(found: Estimate, low: Floats, high: Floats, level: float) -> Estimate:
    """The estimate with the error that its interval has on the side of 0.

    For intervals that are not Student's t of this error: p then agrees with them.
    """
    facing = np.where(found.value > 0, found.value - low, high - found.value)
    return found._replace(se=facing / quantile((1.0 + level) / 2.0, found.df))


def p_value(found: Estimate, null: float = 0.0) -> Floats:
    """Two-sided p that the value is `null`, by Student's t.

    Where nothing varies: 1 if the value is `null`, else NaN, for there is no error to compare with.
    """
    away = found.value - null
    varies = found.se > NOISE
    # The degrees of freedom of the interval, which are rounded, so that both agree.
    df = np.where(np.isnan(found.df), np.nan, _GRID[_place(found.df)])
    p = t_two_sided(away / np.where(varies, found.se, 1.0), df)
    still = np.where(np.abs(away) <= NOISE, 1.0, np.nan)
    return np.where(varies, p, np.where(np.isnan(found.se), np.nan, still))


def detectable(found: Estimate, level: float = 0.95, power: float = 0.8) -> Floats:
    """The true difference from null that a test at this level finds with this power.

    `(t_(1 - alpha/2) + t_power) se`; NaN where nothing varies. Source: Bloom (1995), Evaluation
    Review 19(5).
    """
    reach = quantile((1.0 + level) / 2.0, found.df) + quantile(power, found.df)
    return np.where(found.se > NOISE, reach * found.se, np.nan)


def detectable_by_interval(found: Estimate, low: Floats, high: Floats, level: float) -> Floats:
    """The same of an interval that is not Student's t: by what it reaches towards null.

    NaN where there is no interval, or one of no width.
    """
    df = np.where(np.isnan(found.df), np.inf, found.df)
    return detectable(as_wide(found._replace(df=df), low, high, level), level)


# df change little beyond: in tenths below 10, then whole, then by 1 %
_GRID = np.concatenate([np.arange(0.1, 10, 0.1), np.arange(10, 1000), np.geomspace(1000, 1e6, 700)])


def quantile(q: float, df: Floats) -> Floats:
    """Student's t quantile, df rounded down to a grid (whole numbers from 10 to 999 are on it).

    Every table asks for thousands with as many df: looking them up costs a hundredth, and errs on
    the side of wider intervals, by less than 0.3 % from 2 df.
    """
    return np.where(np.isnan(df), np.nan, _quantiles(q)[_place(df)])


def _place(df: Floats) -> NDArray[np.intp]:
    known = np.nan_to_num(df, nan=1.0, posinf=_GRID[-1])
    place = np.searchsorted(_GRID, known * (1 + 1e-12), side="right") - 1
    return np.maximum(place, 0)


def student(level: Level, df: ArrayLike = np.inf) -> Floats:
    """How many standard errors an interval of this level reaches to either side.

    An array is one of standard errors of the normal distribution instead, cell by cell: t with the
    same tail, after Wallace (1959), Annals of Mathematical Statistics 30, made exact at 95 %.
    """
    if not isinstance(level, np.ndarray):
        if np.ndim(df) == 0 and np.isinf(df):
            return critical(level)
        return quantile((1.0 + level) / 2.0, floats(df))
    df = floats(df)
    if df.ndim == 0 and np.isinf(df):
        return level
    known = np.where(np.isfinite(df), df, 1e9)
    exact = quantile(_TAIL, known) / _wallace(critical(0.95), known)
    return np.where(np.isnan(df), np.nan, _wallace(level, known) * exact)


def _wallace(z: Floats, df: Floats) -> Floats:
    scaled = (z * (8 * df + 3) / (8 * df + 1)) ** 2 / df
    return np.sqrt(df * np.expm1(np.minimum(scaled, 600.0)))


@lru_cache(maxsize=64)
def _quantiles(q: float) -> Floats:
    return t_ppf(q, _GRID)
