"""AUC of files larger than memory: exact counts in 65,536 buckets of the logit, which add up.

Buckets split each octave of |logit| from 2^-10 to 2^6 into 2,048 (a relative width of 1/2048, near
0.001 at a logit of 2). Smaller and larger values share the innermost and outermost buckets.

Shape suffixes: A targets, n rows of a block, V group values, B buckets.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NUM_BUCKETS = 1 << 16
_HALF = NUM_BUCKETS // 2
LARGEST = 2.0**6
_SMALLEST_BITS = int(np.float32(2.0**-10).view(np.int32))
_DROPPED_BITS = 12  # of the 23 in a float32's fraction: 11 remain, 2,048 buckets per octave
_UNKNOWN = np.int32(-(1 << 30))
_MAGNITUDE = np.int32(0x7FFFFFFF)


class BucketedAuc(NamedTuple):
    """The AUC and the largest error that bucketing can cause, both [...]."""

    auc: Floats
    error: Floats


def empty_buckets(num_values: int, num_targets: int) -> NDArray[np.uint32]:
    """Return zero counts by group value, target, label and bucket: 0.5 MiB per value and target."""
    return np.zeros((num_values, num_targets, 2, NUM_BUCKETS), np.uint32)


def bucket(logits: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return the bucket of each float32 logit, ascending with it: its bit pattern, coarsened."""
    bits = (np.ascontiguousarray(logits, np.float32) + np.float32(0)).view(np.int32)
    level = ((bits & _MAGNITUDE) - np.int32(_SMALLEST_BITS)) >> _DROPPED_BITS
    np.clip(level, 0, _HALF - 1, out=level)
    return np.where(bits < 0, _HALF - 1 - level, _HALF + level)


def lower_edges() -> Floats:
    """Return the lower edge of each bucket, ascending, [B]; the first has no lower end."""
    levels = np.arange(_HALF + 1, dtype=np.int32) << _DROPPED_BITS
    edges = (levels + np.int32(_SMALLEST_BITS)).view(np.float32).astype(np.float64)
    return np.concatenate([-edges[:0:-1], [0.0], edges[1:-1]])


def label_cells(bucket_n: NDArray[np.int32], y_n: NDArray[np.int8]) -> NDArray[np.int32]:
    """Return the number of each row's label and bucket; below 0 for an unknown label (-1)."""
    cells = y_n.astype(np.int32) * NUM_BUCKETS + bucket_n
    return cells if (y_n >= 0).all() else np.where(y_n >= 0, cells, _UNKNOWN)


def value_cells(codes_n: NDArray[np.integer]) -> NDArray[np.intp]:
    """Return where the cells of each row's group value start; far below 0 if unknown (-1)."""
    cells = codes_n.astype(np.intp) * (2 * NUM_BUCKETS)
    return cells if (codes_n >= 0).all() else np.where(codes_n >= 0, cells, -(1 << 40))


def add_to_buckets(
    counts_vb: NDArray[np.uint32], label_cell_n: NDArray[np.int32], value_cell_n: NDArray[np.intp]
) -> None:
    """Count a block of rows of one target in place, in [V, 2, B]; skip unknown values."""
    cell_n = label_cell_n + value_cell_n
    if cell_n.min() < 0:
        cell_n = cell_n[cell_n >= 0]
    if not len(cell_n):
        return
    # Values behind the last one that occurs are not touched, so that they take no memory.
    num_values = int(cell_n.max()) // counts_vb[0].size + 1
    found = np.bincount(cell_n, minlength=num_values * counts_vb[0].size)
    counts_vb[:num_values] += found.astype(np.uint32).reshape(num_values, *counts_vb.shape[1:])


def auc_from_buckets(counts: NDArray[np.integer]) -> BucketedAuc:
    """Return the AUC of counts [..., 2, B]; pairs in a bucket count half; NaN for empty classes.

    The exact AUC is within `error`: half the share of pairs that share a bucket.
    """
    total = counts.sum(axis=-1, dtype=np.float64)
    shares = counts / np.where(total > 0, total, np.nan)[..., None]
    negative, positive = shares[..., 0, :], shares[..., 1, :]
    tied = np.einsum("...b,...b", positive, negative)
    below = np.einsum("...b,...b", positive, np.cumsum(negative, axis=-1))
    return BucketedAuc(below - tied / 2, tied / 2)
