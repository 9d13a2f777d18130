"""Fits: how well the predictions for one target follow from those for all others.

Shape suffixes: A targets; leading axes (folds left out, runs) are free.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# In units of a correlation matrix. Rounding makes null eigenvalues of 1e-14; predictions of ten
# million rows that are dependent except for one row leave 1e-8.
_NULL_EIGENVALUE = 1e-10
_NULL_SHARE = 1e-10


def r_squared(gram: NDArray[np.int64]) -> Floats:
    """Return R^2 of each target's least-squares fit with intercept on all others', [..., A].

    `gram` contains sums of products of (1, predictions), int64 [..., 1+A, 1+A]. The result is NaN
    for a constant prediction, which also drops out of the regressors. It is exactly 1 for a linear
    combination of other predictions, without affecting those that are not part of it.

    The formula is `1 - 1 / diag(inverse of the correlation matrix)`, by eigenvectors. A target with
    a share in the null space is determined by the others; for the rest the pseudoinverse is right.
    For targets in the null space the pseudoinverse is wrong, because it splits the weight among the
    dependent columns.
    """
    num_rows, sums = gram[..., :1, :1], gram[..., 0, 1:]
    # Whole numbers do not cancel; exact below three billion rows.
    scatter = num_rows * gram[..., 1:, 1:] - sums[..., :, None] * sums[..., None, :]
    spread = np.diagonal(scatter, axis1=-2, axis2=-1)
    scale = np.sqrt(np.where(spread > 0, spread, 1))
    correlation = scatter / scale[..., :, None] / scale[..., None, :]
    # Constant targets get a variance of 1 and no correlation, so that they affect nothing.
    correlation += (spread <= 0)[..., None] * np.eye(sums.shape[-1])
    eigenvalues, vectors = np.linalg.eigh(correlation)
    null = (eigenvalues < _NULL_EIGENVALUE)[..., None, :]
    null_share = np.sum(vectors**2 * null, axis=-1)
    inverse = np.where(null, 0.0, 1.0 / np.where(null, 1.0, eigenvalues[..., None, :]))
    unexplained = 1.0 / np.maximum(np.sum(vectors**2 * inverse, axis=-1), 1.0)
    fit = np.where(null_share > _NULL_SHARE, 1.0, 1.0 - unexplained)
    return np.asarray(np.where(spread > 0, fit, np.nan))
