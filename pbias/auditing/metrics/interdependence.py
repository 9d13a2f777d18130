"""Interdependence: how well the predictions for one target follow from those for all others.

Shape suffixes as in counts/sums.py.
"""

from __future__ import annotations

import numpy as np

from pbias.auditing.counts.sums import Row
from pbias.auditing.metrics.entry import Metric, Noise
from pbias.auditing.metrics.measures import Measure
from pbias.auditing.metrics.models import Model
from pbias.auditing.metrics.rates import PAPER


def interdependence(model: Model) -> Measure | None:
    """Return R^2 of a least-squares fit of one target's predictions on all others', over all rows.

    Undefined for constant predictions. Classes have no rows, because one prediction follows from
    the others.
    """
    if model.sums.classes.any():
        return None
    value = model.fits
    reason = np.where(np.isnan(value[:, 0]).any(axis=0), "constant predictions", "")
    value = np.where(reason == "", value, np.nan)
    few = np.zeros((1, value.shape[-1]), bool)
    return Measure((Row(),), value[:, :, None], reason[None].astype(object), few)


INTERDEPENDENCE = Metric(
    name="interdependence",
    plain="How well the predictions of the other attributes determine those of this one.",
    title="how well the other attributes' predictions predict this one's",
    formula="R^2 of a least-squares fit with intercept of s on the s of all other attributes",
    range="0 to 1", better="near that of the dense model", undefined="constant predictions",
    source=PAPER, labels=False, short="interdep.",
    compute=interdependence, products=True, noise=Noise.ALIKE, headline=True, binary_only=True,
)  # fmt: skip
