"""AUC of files larger than memory: exact counts in 65,536 buckets of the logit, which add up.

Buckets split each octave of |logit| from 2^-10 to 2^6 into 2,048 (a relative width of 1/2048, near
0.001 at a logit of 2); what is smaller or larger shares the innermost or outermost buckets.

Shape suffixes: A targets, n rows of a block, V group values, B buckets.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbias.audit.distributions import Floats

NUM_BUCKETS = 1 << 16
_HALF = NUM_BUCKETS // 2
_SMALLEST_BITS = int(np.float32(2.0**-10).view(np.int32))
_DROPPED_BITS = 12  # of the 23 of a float32's fraction: 11 are left, 2,048 buckets an octave
_MAGNITUDE = np.int32(0x7FFFFFFF)


class BucketedAuc(NamedTuple):
    """AUC and the largest error that bucketing can have caused, both [...]."""

    auc: Floats
    error: Floats


def empty_buckets(num_values: int, num_targets: int) -> NDArray[np.int64]:
    """Counts by group value, target, label and bucket, int64 [V, A, 2, B]: 1 MiB each V and A."""
    return np.zeros((num_values, num_targets, 2, NUM_BUCKETS), np.int64)


def bucket(logits: NDArray[np.float32]) -> NDArray[np.integer]:
    """The bucket of each float32 logit, ascending with the logit; its bit pattern, coarsened."""
    bits = (np.ascontiguousarray(logits, np.float32) + np.float32(0)).view(np.int32)
    level = ((bits & _MAGNITUDE) - np.int32(_SMALLEST_BITS)) >> _DROPPED_BITS
    level = np.clip(level, 0, _HALF - 1)
    return np.asarray(np.where(bits < 0, _HALF - 1 - level, _HALF + level))


def add_to_buckets(
    counts_vayb: NDArray[np.int64],
    logits_an: NDArray[np.float32],
    labels_an: NDArray[np.int8],
    codes_n: NDArray[np.integer],
) -> None:
    """Count a block of rows in place; unknown labels and groups (-1) are left out."""
    num_values = len(counts_vayb)
    for a, (z_n, y_n) in enumerate(zip(logits_an, labels_an, strict=True)):
        known = np.flatnonzero((y_n >= 0) & (codes_n >= 0))
        cell = (codes_n[known].astype(np.int64) * 2 + y_n[known]) * NUM_BUCKETS
        tally = np.bincount(cell + bucket(z_n[known]), minlength=num_values * 2 * NUM_BUCKETS)
        counts_vayb[:, a] += tally.reshape(num_values, 2, NUM_BUCKETS)


def auc_from_buckets(counts: NDArray[np.int64]) -> BucketedAuc:
    """AUC of counts [..., 2, B], pairs in one bucket counted half; NaN where a class is empty.

    The exact AUC is within `error`: half the share of pairs that share a bucket.
    """
    total = counts.sum(axis=-1)
    auc, tied = (np.full(total.shape[:-1], np.nan) for _ in range(2))
    for index in np.ndindex(auc.shape):
        if total[index].min() > 0:
            negative, positive = counts[index] / total[index][:, None]
            tied[index] = positive @ negative
            auc[index] = positive @ np.cumsum(negative) - tied[index] / 2
    return BucketedAuc(auc, tied / 2)
