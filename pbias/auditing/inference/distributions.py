"""Normal, Student t, beta and studentized range distributions over arrays, without scipy.

Every function broadcasts, returns float64 and gives NaN for NaN. Lower and upper tails are computed
directly, never as one minus the other, so that small p-values keep their digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from statistics import NormalDist

Floats = NDArray[np.float64]

_CONVERGED = 1e-15
_TINY = 1e-300  # Lentz's substitute for a zero denominator
_MANY = 256  # from this number of cells on, converged ones are removed
_MAX_ITERATIONS = 20_000
_HILL_DF = 4_000.0
_FEW_EVENTS = 3.0


_erfc = np.frompyfunc(math.erfc, 1, 1)
_lgamma = np.frompyfunc(math.lgamma, 1, 1)


@cache
def _normal() -> NormalDist:
    from statistics import NormalDist  # slow to import, and needed only for intervals

    return NormalDist()


def _normal_quantile(q: float) -> float:
    return _normal().inv_cdf(q)


_inverse = np.frompyfunc(_normal_quantile, 1, 1)


def floats(x: object) -> Floats:
    """Return a float64 array."""
    return np.asarray(x, dtype=np.float64)


def normal_cdf(x: ArrayLike) -> Floats:
    """Return the standard normal distribution function."""
    return 0.5 * floats(_erfc(-floats(x) / math.sqrt(2.0)))


def two_sided(z: ArrayLike) -> Floats:
    """Return P(|Z| > |z|) of a standard normal."""
    return floats(_erfc(np.abs(floats(z)) / math.sqrt(2.0)))


def normal_ppf(q: ArrayLike) -> Floats:
    """Return the standard normal quantile; infinite at 0 and 1, NaN outside (AS 241, 1988)."""
    q = floats(q)
    inside = (q > 0) & (q < 1)
    ends = np.where(q == 0, -np.inf, np.where(q == 1, np.inf, np.nan))
    return np.where(inside, floats(_inverse(np.where(inside, q, 0.5))), ends)


def log_factorial_rest(x: Floats) -> Floats:
    """Return `log(x!) - x log x + x` for real x >= 0, the remainder of Stirling's leading terms.

    It is 0 at 0 and stays near `log(2 pi x) / 2`, so that differences of log factorials of millions
    keep 15 digits. Source: Loader (2000), Fast and accurate computation of binomial probabilities.
    """
    large = np.maximum(x, 16.0)
    inverse = 1.0 / large**2
    series = 1 / 1260 - inverse * (1 / 1680 - inverse * (1 / 1188 - inverse * 691 / 360360))
    series = (1 / 12 - inverse * (1 / 360 - inverse * series)) / large
    rest = floats(series + 0.5 * np.log(2 * np.pi * large))
    small = x < 16.0
    few = x[small]
    rest[small] = floats(_lgamma(few + 1.0)) - _x_log_ratio(few, np.ones_like(few)) + few
    return rest


def _x_log_ratio(x: Floats, m: Floats) -> Floats:
    """Return `x log(x / m)`, 0 at x = 0, exact for x close to m."""
    ratio = np.divide(x - m, m, out=np.zeros(np.broadcast(x, m).shape), where=(x > 0) & (m > 0))
    return np.where((x > 0) & (m <= 0), np.inf, x * np.log1p(ratio))


def log_binomial(k: Floats, n: Floats, p: Floats, q: Floats) -> Floats:
    """Return the log of `n! / (k! (n-k)!) p^k q^(n-k)` for real 0 <= k <= n and an exact q = 1 - p.

    Source: Loader (2000), saddle-point form: relative error near 1e-14 for n in the millions.
    """
    rest = log_factorial_rest(n) - log_factorial_rest(k) - log_factorial_rest(n - k)
    deviance_k = _x_log_ratio(k, n * p) - (k - n * p)
    return rest - deviance_k - (_x_log_ratio(n - k, n * q) - (n - k - n * q))


def gamma_low(count: Floats, q: Floats) -> Floats:
    """Return the mean at which a Poisson count of 1 to 3 or more has probability q; NaN for others.

    Counts need not be whole, by the gamma distribution. Uses Newton's method on the log of its
    series.
    """
    k, q = np.broadcast_arrays(floats(count), floats(q))
    inside = (k >= 0.5) & (k <= _FEW_EVENTS)
    found = np.full(k.shape, np.nan)
    k, log_q = k[inside], np.log(q[inside])
    log_x = (log_q + floats(_lgamma(k + 1.0))) / k
    for _ in range(30):
        x = np.exp(np.minimum(log_x, 2.0))
        term, series = np.ones_like(x), np.ones_like(x)
        for step in range(1, 40):
            term = term * x / (k + step)
            series = series + term
        log_p = k * np.log(x) - x + np.log(series) - floats(_lgamma(k + 1.0))
        before, log_x = log_x, np.log(x) + (log_q - log_p) * series / k
        if np.all(np.abs(log_x - before) <= 1e-14 * np.maximum(np.abs(log_x), 1.0)):
            break
    found[inside] = np.exp(log_x)
    return found


def beta_cdf(a: Floats, b: Floats, x: Floats, y: Floats) -> Floats:
    """Return the regularized incomplete beta function I_x(a, b) for finite a, b > 0 and y = 1 - x.

    Source: Numerical Recipes (3rd ed.) section 6.4, with Loader's prefactor.
    """
    swap = x > (a + 1.0) / (a + b + 2.0)
    a, b = np.where(swap, b, a), np.where(swap, a, b)
    x, y = np.where(swap, y, x), np.where(swap, x, y)
    tail = np.exp(log_binomial(a, a + b, x, y)) * b / (a + b) * _beta_fraction(a, b, x)
    return np.where(swap, 1.0 - tail, tail)


def _beta_fraction(a: Floats, b: Floats, x: Floats) -> Floats:
    """Return the continued fraction of the incomplete beta function by the modified Lentz method.

    Its guards against division by 0 take as long as everything else, and are almost never needed.
    """
    with np.errstate(all="ignore"):
        found = _lentz(a, b, x, lambda values: values)
    return found if np.isfinite(found[~np.isnan(x)]).all() else _lentz(a, b, x, _nonzero)


def _lentz(a: Floats, b: Floats, x: Floats, guarded: Callable[[Floats], Floats]) -> Floats:
    shape, found = x.shape, np.ones(x.size)
    a, b, x = (np.broadcast_to(part, shape).ravel() for part in (a, b, x))
    place = np.arange(x.size)
    c = np.ones_like(x)
    d = 1.0 / guarded(1.0 - (a + b) * x / (a + 1.0))
    fraction = d
    for m in range(1, _MAX_ITERATIONS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1.0 / guarded(1.0 + step * d)
            c = guarded(1.0 + step / c)
            fraction = fraction * c * d
        going = np.abs(c * d - 1.0) > _CONVERGED
        if not going.any():
            break
        if len(going) > _MANY and 2 * np.count_nonzero(going) < len(going):
            found[place] = fraction
            place, a, b, x = place[going], a[going], b[going], x[going]
            c, d, fraction = c[going], d[going], fraction[going]
    found[place] = fraction
    return found.reshape(shape)


def _nonzero(x: Floats) -> Floats:
    return np.where(np.abs(x) < _TINY, _TINY, x)


def t_sf(t: ArrayLike, df: ArrayLike) -> Floats:
    """Return the upper tail of Student's t, P(T > t), for real or infinite df > 0, else NaN.

    Source: Numerical Recipes (3rd ed.) section 6.14.3; above 4,000 degrees of freedom the normal
    approximation of Hill (1970), Algorithm 395, whose error there is below 1e-10.
    """
    t, df = np.broadcast_arrays(floats(t), floats(df))
    large, size = df > _HILL_DF, np.abs(t)
    tail = np.full(t.shape, np.nan)
    tail[large] = normal_cdf(-_hill(size[large], df[large]))
    rest = (df > 0) & ~large
    tail[rest] = _t_tail(size[rest], df[rest])
    return np.where(t < 0, 1.0 - tail, tail)


def _t_tail(t: Floats, df: Floats) -> Floats:
    return 0.5 * beta_cdf(0.5 * df, np.full_like(df, 0.5), *_beta_variables(t, df))


def _beta_variables(t: Floats, df: Floats) -> tuple[Floats, Floats]:
    """Return `df / (df + t^2)` and one minus it, without overflow for t beyond 1e154."""
    ratio = t / np.sqrt(df)
    below, above = np.minimum(ratio, 1.0) ** 2, (1.0 / np.maximum(ratio, 1.0)) ** 2
    x = np.where(ratio <= 1.0, 1.0 / (1.0 + below), above / (1.0 + above))
    return x, np.where(ratio <= 1.0, below / (1.0 + below), 1.0 / (1.0 + above))


def _hill(t: Floats, df: Floats) -> Floats:
    """Return the normal deviate with the upper tail of t for large df, infinite included."""
    a = np.clip(df, _HILL_DF, 1e15) - 0.5
    b = 48.0 * a**2
    w = a * np.log1p(np.minimum(t, 1e100) ** 2 / (a + 0.5))
    term = (4.0 * w**3 + 33.0 * w**2 + 240.0 * w + 855.0) / (10.0 * (b + 0.8 * w**2 + 100.0))
    return np.sqrt(w) * (1.0 + (w + 3.0 - term) / b)


def t_two_sided(t: ArrayLike, df: ArrayLike) -> Floats:
    """Return P(|T| > |t|), the two-sided p-value of a t statistic."""
    return 2.0 * t_sf(np.abs(floats(t)), df)


def t_ppf(q: ArrayLike, df: ArrayLike) -> Floats:
    """Return the quantile of Student's t for real df >= 1 or infinite; infinite for q < 1e-150.

    Uses Newton's method against log t on the log of the tail or, near the median, of the
    probability between 0 and t. Both are concave there: from any start, all iterates after the
    first lie on one side of the root and approach it monotonically.
    """
    q, df = np.broadcast_arrays(floats(q), floats(df))
    tail = np.minimum(q, 1.0 - q)
    inner = (tail > 1e-150) & (tail < 0.5) & (df > 0)
    size = np.where(tail < 0.5, np.inf, 0.0)
    size[inner] = _t_isf(tail[inner], df[inner])
    return np.where((df > 0) & (tail >= 0), np.where(q < 0.5, -size, size), np.nan)


def critical(level: float, df: ArrayLike = np.inf) -> Floats:
    """Return how many standard errors an interval of this level reaches to either side."""
    if np.ndim(df) == 0 and np.isinf(df):
        return floats(_normal_critical(level))
    return -t_ppf((1.0 - level) / 2.0, df)


@lru_cache(maxsize=64)
def _normal_critical(level: float) -> float:
    return -_normal_quantile((1.0 - level) / 2.0)


def _t_isf(tail: Floats, df: Floats) -> Floats:
    central = tail >= 0.25
    sign = np.where(central, 1.0, -1.0)
    target = np.log(np.where(central, 0.5 - tail, tail))
    z = -normal_ppf(tail)
    log_t = np.log(z + (z**3 + z) / (4.0 * df))  # the first terms of Cornish and Fisher's series
    for _ in range(100):
        t = np.exp(log_t)
        upper = t_sf(t, df)
        reached = np.where(central, 0.5 - upper, upper)
        step = sign * (target - np.log(reached)) * reached / _t_times_pdf(t, df)
        log_t = log_t + step
        # Each step squares the error; at the median only the absolute error can be small.
        if not np.any(np.abs(step) * np.minimum(t, 1.0) > 1e-7):
            break
    return np.exp(log_t)


def _t_times_pdf(t: Floats, df: Floats) -> Floats:
    """Return t times its density, which is the derivative by log t."""
    df = np.minimum(df, 1e10)
    a, b = 0.5 * df, np.full_like(df, 0.5)
    return np.exp(log_binomial(a, a + b, *_beta_variables(t, df))) * a * b / (a + b)


def range_cdf(width: float, num_groups: int, df: float) -> float:
    """Return the distribution function of the studentized range of `num_groups` normal means.

    Both integrals use the trapezoid rule, which converges exponentially for smooth integrands that
    vanish: over the smallest mean and, for finite df, over the log of the estimated standard
    deviation. Source: Lund and Lund (1983), Algorithm AS 190.
    """
    if math.isinf(df):
        return float(_normal_range_cdf(np.array([width]), num_groups)[0])
    spread = 8.0 / math.sqrt(df)
    log_s = np.linspace(-spread * (1.0 + 3.0 / df), spread, 121)
    density = np.exp(df * log_s - 0.5 * df * np.expm1(2.0 * log_s))
    return float(density @ _normal_range_cdf(width * np.exp(log_s), num_groups) / density.sum())


def _normal_range_cdf(width_w: Floats, num_groups: int) -> Floats:
    lowest_z, step = np.linspace(-9.0, 9.0, 121, retstep=True)
    density_z = np.exp(-0.5 * lowest_z**2) * step / math.sqrt(2.0 * math.pi)
    within_wz = normal_cdf(lowest_z + width_w[:, None]) - normal_cdf(lowest_z)
    return floats(num_groups * (within_wz ** (num_groups - 1) @ density_z))


@lru_cache(maxsize=256)
def range_ppf(q: float, num_groups: int, df: float = math.inf) -> float:
    """Return the quantile of the studentized range for 0 < q < 1, at least 2 groups, df >= 1.

    It is exact to six digits. Uses secant steps on the log of the upper tail against the log of the
    width, where it is nearly straight, from Bonferroni's bound, which is a few percent too wide.
    """
    tail = (1.0 - q) / (num_groups * (num_groups - 1))
    bound = math.log(-math.sqrt(2.0) * float(t_ppf(tail, df)))
    points = [bound, bound - 0.02]
    misses = [_log_tail_miss(point, q, num_groups, df) for point in points]
    for _ in range(50):
        slope = (misses[-1] - misses[-2]) / (points[-1] - points[-2])
        points.append(points[-1] - misses[-1] / slope)
        if abs(points[-1] - points[-2]) < 1e-10:
            break
        misses.append(_log_tail_miss(points[-1], q, num_groups, df))
    return math.exp(points[-1])


def _log_tail_miss(log_width: float, q: float, num_groups: int, df: float) -> float:
    return math.log((1.0 - range_cdf(math.exp(log_width), num_groups, df)) / (1.0 - q))
