"""How well the predictions of all other attributes predict those of one: R^2 from products.

Shape suffix: A targets.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Eigenvalues of a correlation matrix of 0/1 columns below this are exact dependence: products of
# counts up to 10^8 rows leave errors near 1e-15, and a dependence that is not exact leaves more.
_RANK_TOLERANCE = 1e-10
_NULL_TOLERANCE = 1e-7


def r_squared(gram: NDArray[np.int64]) -> NDArray[np.float64]:
    """R^2 of a least-squares fit with intercept of each column on all others: [..., A].

    `gram` int64 [..., 1+A, 1+A] holds the products of (1, columns of 0 and 1). A constant column is
    NaN and is no regressor. A column that is an exact combination of others has R^2 = 1, and the
    others are as if one of the dependent columns were left out: with R the correlation matrix,
    R^2 = 1 - 1/(R^+)_aa where e_a lies in the range of R, else 1 (`1 - 1/diag(pinv)` alone is wrong
    for dependent columns).
    """
    g = gram.astype(np.float64)
    n, totals = g[..., 0, 0, None, None], g[..., 0, 1:]
    # n * cross products - product of sums: exact below 2^53, so constants are exactly 0
    covariance = n * g[..., 1:, 1:] - totals[..., :, None] * totals[..., None, :]
    variance = np.diagonal(covariance, axis1=-2, axis2=-1)
    varies = variance > 0
    scale = np.sqrt(np.where(varies, variance, 1.0))
    correlation = covariance / (scale[..., :, None] * scale[..., None, :])
    # a constant column stands alone: uncorrelated with all, it disturbs none
    alone = np.eye(variance.shape[-1]) * ~varies[..., None]
    values, vectors = np.linalg.eigh(correlation + alone)
    kept = values > _RANK_TOLERANCE * variance.shape[-1]
    outside = (vectors**2 * ~kept[..., None, :]).sum(-1)
    inverse = np.where(kept, 1 / np.where(kept, values, 1.0), 0.0)
    diagonal = (vectors**2 * inverse[..., None, :]).sum(-1)
    found = np.where(outside > _NULL_TOLERANCE, 1.0, 1 - 1 / np.maximum(diagonal, 1.0))
    return np.where(varies, found, np.nan)
