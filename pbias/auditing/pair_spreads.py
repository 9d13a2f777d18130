"""The spread (largest minus smallest value) of a group, taken in each pair of runs of two models.

The mean of the spread over pairs is not the spread of means, so every pair is needed, one after the
other. Shape suffixes as in counts/sums.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.strata import Strata
from pbias.auditing.counts.sums import JointSums
from pbias.auditing.metrics.entry import Compares, Metric
from pbias.auditing.metrics.measures import spreads

Floats = NDArray[np.float64]


def spreads_of_pairs(
    joint: JointSums, metrics: Sequence[Metric], strata: Strata
) -> dict[str, Floats]:
    """Return spreads by metric of pairs, [R, 1+J, groups, A] with R as in `JointSums`.

    Empty if each pair has its own entry, or if no group has three values.
    """
    if joint.pairs is None or not strata.ranges:
        return {}
    ours = [m for m in metrics if m.compares is Compares.PREDICTIONS and m.contrasted]
    num_audited = joint.runs[0]
    found: dict[str, Floats] = {}
    for run, pairs in enumerate(joint.pairs()):
        for metric in ours:
            value = spreads(metric.compute(pairs), strata).value
            means = found.setdefault(metric.name, np.zeros((sum(joint.runs), *value.shape[1:])))
            means[run] = value.mean(axis=0)
            means[num_audited:] += value / num_audited
    return found
