"""How well the predictions for one target follow from those for all the others.

Shape suffixes: A targets; leading axes (folds left out, runs) are free.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.sums import Row, whole_and_left_out
from pbias.auditing.metrics.entry import Metric, Noise
from pbias.auditing.metrics.measures import Measure
from pbias.auditing.metrics.models import Model
from pbias.auditing.metrics.rates import PAPER

Floats = NDArray[np.float64]
# In units of a correlation matrix. Rounding makes null eigenvalues of 1e-14; predictions of ten
# million rows that depend on each other but for one row leave 1e-8.
_NULL_EIGENVALUE = 1e-10
_NULL_SHARE = 1e-10


def interdependence(model: Model) -> Measure | None:
    """R^2 of a least-squares fit of one target's predictions on all the others', over all rows.

    Undefined for constant predictions. No rows for classes: one prediction follows from the others.
    """
    if any(totals.classes.any() for totals in model.totals):
        return None
    grams = [totals.gram for totals in model.totals]
    value = np.stack([r_squared(whole_and_left_out(gram)) for gram in grams])
    reason = np.where(np.isnan(value[:, 0]).any(axis=0), "constant predictions", "")
    value = np.where(reason == "", value, np.nan)
    few = np.zeros((1, value.shape[-1]), bool)
    return Measure((Row(),), value[:, :, None], reason[None].astype(object), few)


def r_squared(gram: NDArray[np.int64]) -> Floats:
    """R^2 of each target's least-squares fit with intercept on all the others', [..., A].

    `gram` holds sums of products of (1, predictions), int64 [..., 1+A, 1+A]. NaN for a constant
    prediction, which also drops out of the regressors; exactly 1 for one that is a linear
    combination of others, without disturbing those that are not part of it.

    `1 - 1 / diag(inverse of the correlation matrix)`, by eigenvectors: a target that has a share in
    the null space is determined by the others, and for the rest the pseudoinverse is right. For the
    former it is not: it splits the weight among the dependent columns.
    """
    num_rows, sums = gram[..., :1, :1], gram[..., 0, 1:]
    # Whole numbers: nothing cancels. Exact below three billion rows.
    scatter = num_rows * gram[..., 1:, 1:] - sums[..., :, None] * sums[..., None, :]
    spread = np.diagonal(scatter, axis1=-2, axis2=-1)
    scale = np.sqrt(np.where(spread > 0, spread, 1))
    correlation = scatter / scale[..., :, None] / scale[..., None, :]
    # Constant targets: a variance of 1 and no correlation, so that they touch nothing.
    correlation += (spread <= 0)[..., None] * np.eye(sums.shape[-1])
    eigenvalues, vectors = np.linalg.eigh(correlation)
    null = (eigenvalues < _NULL_EIGENVALUE)[..., None, :]
    null_share = np.sum(vectors**2 * null, axis=-1)
    inverse = np.where(null, 0.0, 1.0 / np.where(null, 1.0, eigenvalues[..., None, :]))
    unexplained = 1.0 / np.maximum(np.sum(vectors**2 * inverse, axis=-1), 1.0)
    fit = np.where(null_share > _NULL_SHARE, 1.0, 1.0 - unexplained)
    return np.asarray(np.where(spread > 0, fit, np.nan))


INTERDEPENDENCE = Metric(
    name="interdependence",
    title="how well the other attributes' predictions predict this one's",
    formula="R^2 of a least-squares fit with intercept of s on the s of all other attributes",
    range="0 to 1", better="near that of the dense model", undefined="constant predictions",
    source=PAPER, labels=False, short="interdep.",
    compute=interdependence, products=True, noise=Noise.ALIKE, headline=True, binary_only=True,
)  # fmt: skip
