"""One number for the gap between the values of a group.

Shape suffixes as in counts/sums.py.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.sums import Row
from pbias.auditing.metrics.entry import Metric, Noise
from pbias.auditing.metrics.measures import SPREAD, Measure, first_reason
from pbias.auditing.metrics.models import Model
from pbias.auditing.metrics.rates import FPR, TPR


def eod(model: Model) -> Measure | None:
    """The larger of the largest differences in TPR and FPR between values of a group.

    Undefined where either is undefined for one of the values.
    """
    tpr, fpr, strata = model.measure(TPR), model.measure(FPR), model.strata
    groups = [p.name for p in strata.partitions[1:]]
    if not groups or tpr is None or fpr is None:
        return None
    members = [strata.values_of(group) for group in groups]

    def gap(measure: Measure) -> NDArray[np.float64]:
        parts = [measure.value[:, :, m] for m in members]
        return np.stack([part.max(axis=2) - part.min(axis=2) for part in parts], axis=2)

    return Measure(
        tuple(Row(group, SPREAD) for group in groups),
        np.maximum(gap(tpr), gap(fpr)),
        np.stack([first_reason([tpr, fpr], m) for m in members]),
        np.stack([(tpr.few[m] | fpr.few[m]).any(axis=0) for m in members]),
        spread=tuple((tpr.take(m), fpr.take(m)) for m in members),
    )


EOD = Metric(
    name="eod", title="equalized-odds difference",
    formula="max(abs(difference of TPR), abs(difference of FPR)), over values of a group",
    range="0 to 1", better="0", undefined="TPR or FPR undefined in a group",
    source="Hardt et al. 2016",
    compute=eod, noise=Noise.LARGEST, of_groups=True,
)  # fmt: skip
