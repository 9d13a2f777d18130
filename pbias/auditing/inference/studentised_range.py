"""The studentised range, for intervals that hold for all pairs of groups at once."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from pbias.auditing.inference.distributions import Floats, floats, normal_cdf, t_ppf


def range_cdf(width: float, num_groups: int, df: float) -> float:
    """Distribution function of the studentised range of `num_groups` normal means.

    Both integrals by the trapezoid rule, which converges exponentially for smooth integrands that
    die out: over the smallest mean and, for finite df, over the log of the estimated standard
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
    """Quantile of the studentised range for 0 < q < 1, at least 2 groups, df >= 1; to six digits.

    Secant steps on the log of the upper tail against the log of the width, where it is nearly
    straight, from Bonferroni's bound, which is a few percent too wide.
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
