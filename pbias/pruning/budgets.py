"""How much of each layer is left where sparsity is shared out by layer.

Arrays are [L], one number a layer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Shares = NDArray[np.float64]


def in_proportion(shares: Shares, lowest: Counts, highest: Counts, total: int) -> Shares:
    """Weights left of each layer: `total` in proportion to `shares`, but within the bounds.

    What a bound takes away from a layer or adds to it, the others share in proportion. `total` is
    within the sums of the bounds. These are the densities of RigL's Erdos-Renyi-Kernel (Evci et
    al., ICML 2020, section 3), where a layer that would need more weights than it has is dense.
    """
    assert lowest.sum() <= total <= highest.sum()
    # The sum over the layers of clip(scale * shares) is linear between the scales at which a layer
    # meets a bound, so that the right scale lies on a line between two of them.
    scales = np.unique(np.concatenate([lowest / shares, highest / shares]))
    sums = [float(np.clip(scale * shares, lowest, highest).sum()) for scale in scales]
    scale = np.interp(total, sums, scales)
    ideal: Shares = np.clip(scale * shares, lowest, highest)
    return ideal


def whole(ideal: Shares, highest: Counts) -> Counts:
    """Whole numbers next to `ideal` with the same sum, none above `highest`.

    Rounded up are the largest remainders, of equal ones those of earlier layers.
    """
    counts = np.floor(ideal).astype(np.int64)
    missing = round(float(ideal.sum())) - int(counts.sum())
    remainders = np.where(counts < highest, ideal - counts, -1.0)
    counts[np.argsort(-remainders, kind="stable")[:missing]] += 1
    assert (counts <= highest).all()
    return counts
