"""p-values from intervals: from the level at which an interval ends at 0."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pbias.auditing.inference.distributions import Floats, critical, two_sided

_MOST = 38.0  # standard errors: p near 1e-315
_STEPS = 12
_CLOSE = 1e-9


def p_of_reach(
    value: Floats, facing: Callable[[Floats], Floats], shown: Floats, level: float
) -> Floats:
    """Return two-sided p that the truth is 0: 1 minus the level whose interval just reaches 0.

    `facing` returns how far the interval reaches from `value` towards 0 at a number of standard
    errors of the normal distribution; it never falls. `shown` is how far the interval at `level`
    reaches. p < 1 - level if and only if that interval excludes 0, even if the iteration has not
    quite converged. The steps are secant steps on logarithms, because the reach is a power between
    1 and 2 of the standard errors.
    """
    size, printed = np.abs(value), floats_like(value, float(critical(level)))
    reach = facing(printed)
    known, excludes = np.isfinite(size) & np.isfinite(reach), size > shown
    with np.errstate(divide="ignore", invalid="ignore"):
        target = np.log(size)
        before, missed_before = np.log(printed), np.log(reach) - target
        z = np.clip(before - missed_before, -20.0, np.log(_MOST))
        for _ in range(_STEPS):
            missed = np.log(facing(np.exp(z))) - target
            slope = (missed - missed_before) / (z - before)
            step = missed / np.where(np.isfinite(slope), np.clip(slope, 0.5, 2.5), 1.0)
            step = np.where(np.isfinite(step), step, 0.0)
            before, missed_before = z, missed
            z = np.clip(z - step, -20.0, np.log(_MOST))
            if np.all(np.abs(step) < _CLOSE):
                break
    p = two_sided(np.exp(z))
    alpha = 1.0 - level
    p = np.where(excludes, np.minimum(p, np.nextafter(alpha, 0.0)), np.maximum(p, alpha))
    p = np.where(size == 0, 1.0, p)
    return np.where(known, p, np.nan)


def floats_like(value: Floats, number: float) -> Floats:
    """Return an array of one number."""
    return np.full(value.shape, number)
