"""Intervals on the scale on which errors are even: logit within 0 and 1, log for ratios.

An AUC near 1, or a rate among few people, errs more to one side, and has a small standard error
whenever luck was good: plain t intervals of these cover 77-93 % for 95 %.
"""

from __future__ import annotations

import numpy as np

from pbias.auditing.inference.distributions import Floats
from pbias.auditing.inference.intervals import Interval
from pbias.auditing.inference.jackknife import Estimate, quantile
from pbias.auditing.metrics.measures import RATIOS

WITHIN_0_AND_1 = frozenset({
    "accuracy", "prevalence", "predicted_positive_rate", "auc", "uncertainty", "tpr", "fpr", "fnr",
    "ppv", "brier", "churn", "nfr", "pfr", "lost_positives", "gained_positives",
})  # fmt: skip
SQUARED = frozenset({"calibration_error_debiased"})


def scaled_interval(metric: str, found: Estimate, level: float) -> Interval:
    """Student's t interval on the scale of a metric (delta method); the plain one for others.

    NaN at the ends of a scale, where there is no such error.
    Source: Pepe (2003), The Statistical Evaluation of Medical Tests, section 5.2, for the AUC.
    """
    value, reach = found.value, quantile((1.0 + level) / 2.0, found.df) * found.se
    if metric in WITHIN_0_AND_1:
        inside = np.where((value > 0) & (value < 1), value, np.nan)
        logit, step = np.log(inside / (1 - inside)), reach / (inside * (1 - inside))
        return Interval(_expit(logit - step), _expit(logit + step))
    if metric in RATIOS:
        inside = np.where(value > 0, value, np.nan)
        with np.errstate(over="ignore"):
            return Interval(value * np.exp(-reach / inside), value * np.exp(reach / inside))
    if metric in SQUARED:
        return _growing(value, found.se, reach)
    return Interval(value - reach, value + reach)


def _growing(value: Floats, se: Floats, reach: Floats) -> Interval:
    """Score interval for sums of squared errors, whose variance grows with them.

    `4 s^2 value + rest`: without a rest by `se^2 / value` for each unit, else by less; half of that
    is taken, and no more than that of a value of one standard error. The end points solve
    `(value - x)^2 = t^2 (se^2 + slope (x - value))`.
    """
    slope = 0.5 * se**2 / np.maximum(np.maximum(value, se), np.finfo(float).tiny)
    shift = slope * reach**2 / np.where(se > 0, se, 1.0) ** 2 / 2
    margin = np.hypot(reach, shift)
    return Interval(value + shift - margin, value + shift + margin)


def _expit(x: Floats) -> Floats:
    return 0.5 + 0.5 * np.tanh(x / 2)
