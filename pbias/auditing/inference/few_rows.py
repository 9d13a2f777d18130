"""The error of a change of a score (brier, calibration) with few rows, supported by all rows.

Shape suffixes as in counts/sums.py.
"""

from __future__ import annotations

import numpy as np

from pbias.auditing.inference.distributions import Floats, floats
from pbias.auditing.inference.estimates import Estimates
from pbias.auditing.inference.jackknife import Estimate
from pbias.auditing.metrics.measures import Measure

WEIGHT = 1.0


def estimate_of_scores(estimates: Estimates, audited: Measure, reference: Measure) -> Estimate:
    """Return a change with at least the error of its rows plus `WEIGHT` that vary like everyone's.

    Few samples change much. If none of about 15 rows does, both the change and its error are small.
    Beyond about 100 rows, this makes no difference.
    """
    found = estimates.of(audited, reference)
    if audited.errors is None:  # a mean over targets
        return found
    return found._replace(se=np.sqrt(found.se**2 + _unseen(estimates, audited, reference)))


def _unseen(estimates: Estimates, audited: Measure, reference: Measure) -> Floats:
    """Return the added variance, [S, A]; for a difference, it is the sum over both sides."""
    if audited.sides is not None and reference.sides is not None:
        pairs = zip(audited.sides, reference.sides, strict=True)
        return floats(np.sum([_unseen(estimates, *pair) for pair in pairs], axis=0))
    assert audited.errors is not None
    num = audited.errors.trials[0]
    everyone = audited.origin or audited, reference.origin or reference
    shown = estimates.of(audited, reference).se ** 2 * num
    of_all = _of_everyone(estimates, *everyone)
    more = (num * shown + WEIGHT * of_all) / (num + WEIGHT) - shown
    return floats(np.nan_to_num(np.maximum(more, 0.0) / np.where(num > 0, num, np.nan)))


def _of_everyone(estimates: Estimates, audited: Measure, reference: Measure) -> Floats:
    """Return the variance of a single row, [1, A]."""
    assert audited.errors is not None
    return floats(estimates.of(audited, reference).se[:1] ** 2 * audited.errors.trials[0][:1])
