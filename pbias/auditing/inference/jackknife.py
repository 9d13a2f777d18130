"""Standard errors from values without each fold, and across runs.

Values are float64 [R, 1+J, ...]: run; then the whole sample followed by the J samples that lack one
fold; then anything. NaN is undefined, and makes every result NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbias.auditing.inference.behrens_fisher import equivalent_df
from pbias.auditing.inference.distributions import Floats, critical, floats, t_ppf, t_two_sided

# A level such as 0.95; or an array of standard errors of the normal distribution, cell by cell.
Level = float | Floats

# Metrics are of order 1: a smaller standard error is the rounding of values that are all equal.
NOISE = 1e-12
_TAIL = 0.975  # where tails of other levels are made exact
_PART = 64  # of the grid of degrees of freedom; most audits need a sixth of it


class Estimate(NamedTuple):
    """A value with its standard error and the error's degrees of freedom, all [...]."""

    value: Floats
    se: Floats
    df: Floats


def estimate(
    audited: Floats, reference: Floats | None = None, most_df: Floats | None = None
) -> Estimate:
    """Return the mean over runs, or the difference of two such means, audited - reference, [...].

    The two sides may have different numbers of runs but share their samples. The variance is the
    delete-a-fold jackknife's plus, for each side of several runs, their variance / R minus the part
    that comes from the samples, which the jackknife already counts (never below 0). This is the
    variance of two crossed factors. Its degrees of freedom are those of Behrens and Fisher: a
    normal part from the samples, and a part from the runs with R - 1 (see behrens_fisher.py).
    Simulated coverage of 95 % in a normal model, from runs that differ by chance alone to runs that
    differ as wholes: 93-98 % with 2 runs on a side, 95-98 % with 3 or more.

    If given, `most_df` is the maximum of the folds' degrees of freedom, for clusters of uneven
    size. The standard error and df are NaN if a value is undefined on the whole or without some
    fold, and if J is 0 or 1.
    Sources: Efron and Tibshirani (1993) chapter 11; Cameron, Gelbach and Miller (2011), Journal of
    Business and Economic Statistics 29(2), for the subtracted part.
    """
    sides = [audited] if reference is None else [audited, reference]
    means = audited.mean(axis=0)
    if reference is not None:
        means = means - reference.mean(axis=0)
    return _estimate(means, sides, most_df)


def estimate_of_pairs(
    values: Floats, runs: tuple[int, int], most_df: Floats | None = None
) -> Estimate:
    """Return the mean over all pairs of runs of two sides, [R, 1+J, ...], R as in `JointSums`.

    Pairs are not independent runs, because they share runs. So a side varies like the means over
    the other side's runs (two crossed factors), and the samples vary as in `estimate`. A side whose
    runs are all equal adds no variance, and makes nothing more certain.
    Sources: Obuchowski and Rockette (1995), Communications in Statistics 24; Hillis (2007),
    Statistics in Medicine 26:596.
    """
    if min(runs) == 1:
        return _estimate(values.mean(axis=0), [values], most_df)
    sides = [values[: runs[0]], values[runs[0] :]]
    return _estimate(sides[0].mean(axis=0), sides, most_df)


def _estimate(means: Floats, sides: Sequence[Floats], most_df: Floats | None) -> Estimate:
    """Return the estimate from means over runs [1+J, ...] and each side's runs [R, 1+J, ...]."""
    within, df = _spread(means[1:])
    if most_df is not None:
        df = np.minimum(df, np.where(np.isnan(most_df), np.inf, most_df))
    several = [side for side in sides if len(side) > 1]
    if not several:
        return Estimate(means[0], np.sqrt(within), df)
    betweens, excesses, sizes = zip(*map(_of_runs, several), strict=True)
    variance = within + sum(excesses)
    safe = np.where(variance > 0, variance, 1.0)
    # The part of the variance that only the runs show lies between their variance and its excess.
    parts = [np.sqrt(between * excess) for between, excess in zip(betweens, excesses, strict=True)]
    runs_df = _satterthwaite(parts, [size - 1.0 for size in sizes])
    rest = 1.0 / equivalent_df(sum(parts) / safe, runs_df)
    df = 1.0 / (rest + (within / safe) ** 2 / df)
    return Estimate(means[0], np.sqrt(variance), np.where(np.isnan(variance), np.nan, df))


def _satterthwaite(variances: Sequence[Floats], dfs: Sequence[float]) -> Floats:
    """Return the degrees of freedom of a sum of variances; the smallest if all are 0."""
    squares = np.sum([v**2 / df for v, df in zip(variances, dfs, strict=True)], axis=0)
    total, some = np.sum(variances, axis=0), squares > 0
    return floats(np.where(some, total**2 / np.where(some, squares, 1.0), min(dfs)))


def _spread(left_out: Floats) -> tuple[Floats, Floats]:
    """Return the delete-a-fold variance `(J-1)/J sum (theta_(-j) - mean)^2` of [J, ...] and its df.

    J - 1 degrees of freedom hold if every fold counts equally. If few folds count, as with a group
    of 15 people spread over 200 folds, t with 199 covers 92 % instead of 95 %. So this uses
    Satterthwaite's df of a sum of squares, (sum s^2)^2 / sum s^4, with E d^4 = 3 s^4, bounded by J
    - 1.
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


def _of_runs(side: Floats) -> tuple[Floats, Floats, int]:
    """Return the variance of the mean of R runs, its part beyond sampling, and R.

    Runs differ because training is random and because each run errs on different samples. The
    second part is `sum over runs of the jackknife variance of (run - mean) / (R (R-1))`. The
    jackknife of the mean already contains it, and counting it twice would cover 99 % instead of 95
    %.
    """
    num_runs = len(side)
    between = side[:, 0].var(axis=0, ddof=1) / num_runs
    within = sum(_spread(run)[0] for run in (side - side.mean(axis=0))[:, 1:])
    return between, np.maximum(between - within / (num_runs * (num_runs - 1)), 0.0), num_runs


def interval(found: Estimate, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the lower and upper end by Student's t; the value itself if nothing varies."""
    margin = quantile((1.0 + level) / 2.0, found.df) * found.se
    return found.value - margin, found.value + margin


def as_wide(found: Estimate, low: Floats, high: Floats, level: float) -> Estimate:
    """Return the estimate with the error that its interval has on the side of 0.

    This is for intervals that are not Student's t of this error, so that p agrees with them.
    """
    facing = np.where(found.value > 0, found.value - low, high - found.value)
    return found._replace(se=facing / quantile((1.0 + level) / 2.0, found.df))


def p_value(found: Estimate, null: float = 0.0) -> Floats:
    """Return two-sided p that the value is `null`, by Student's t.

    If nothing varies, p is 1 if the value is `null`, else NaN, because there is no error to compare
    with.
    """
    away = found.value - null
    varies = found.se > NOISE
    # The interval's degrees of freedom, which are rounded, so that both agree.
    df = np.where(np.isnan(found.df), np.nan, _GRID[_place(found.df)])
    p = np.where((np.abs(away) <= NOISE) & ~np.isnan(found.se), 1.0, np.nan)
    p[varies] = t_two_sided(away[varies] / found.se[varies], df[varies])
    return p


def detectable(found: Estimate, level: float = 0.95, power: float = 0.8) -> Floats:
    """Return the true difference from null that a test at this level finds with this power.

    The formula is `(t_(1 - alpha/2) + t_power) se`; NaN if nothing varies. Source: Bloom (1995),
    Evaluation Review 19(5).
    """
    reach = quantile((1.0 + level) / 2.0, found.df) + quantile(power, found.df)
    return np.where(found.se > NOISE, reach * found.se, np.nan)


def detectable_by_interval(found: Estimate, low: Floats, high: Floats, level: float) -> Floats:
    """Return the same for an interval that is not Student's t, from its reach towards null.

    NaN if there is no interval, or if it has no width.
    """
    df = np.where(np.isnan(found.df), np.inf, found.df)
    return detectable(as_wide(found._replace(df=df), low, high, level), level)


# quantiles change little in between: steps of 0.1 below 10, then 1, then 1 %
_GRID = np.concatenate([np.arange(0.1, 10, 0.1), np.arange(10, 1000), np.geomspace(1000, 1e6, 700)])


def quantile(q: float, df: Floats) -> Floats:
    """Return Student's t quantile, with df rounded down to a grid (which includes 10 to 999).

    Every table needs thousands of quantiles with as many df. Looking them up takes a hundredth of
    the time, and errs towards wider intervals, by less than 0.3 % from 2 df.
    """
    return np.where(np.isnan(df), np.nan, _quantiles(q).at(_place(df)))


def _place(df: Floats) -> NDArray[np.intp]:
    known: Floats = np.fmin(df, _GRID[-1])  # NaN may get any place
    place = np.searchsorted(_GRID, known * (1 + 1e-12), side="right") - 1
    return np.asarray(np.maximum(place, 0))


def student(level: Level, df: ArrayLike = np.inf) -> Floats:
    """Return how many standard errors an interval of this level reaches to either side.

    An array contains standard errors of the normal distribution instead, cell by cell: the result
    is t with the same tail, after Wallace (1959), Annals of Mathematical Statistics 30, made exact
    at 95 %.
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


class _Quantiles:
    """Quantiles on the grid; those of a part of it are computed when one of them is needed."""

    def __init__(self, q: float) -> None:
        """Nothing is computed yet."""
        self._q, self._values = q, np.empty(len(_GRID))
        self._known = np.zeros(len(_GRID) // _PART + 1, bool)

    def at(self, place: NDArray[np.intp]) -> Floats:
        """Return those at some places of the grid."""
        parts = place // _PART
        if not self._known[parts].all():
            for part in np.unique(parts[~self._known[parts]]):
                places = slice(part * _PART, (part + 1) * _PART)
                self._values[places] = t_ppf(self._q, _GRID[places])
                self._known[part] = True
        return self._values[place]


@lru_cache(maxsize=64)
def _quantiles(q: float) -> _Quantiles:
    return _Quantiles(q)
