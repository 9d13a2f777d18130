"""Which weights go: exact magnitude selection over many tensors, in constant memory.

Magnitudes of float32 sort like their bit patterns without the sign, so one histogram of the upper
half of the pattern finds the bucket that holds the k-th smallest magnitude, a second one of the
lower half inside that bucket finds the magnitude itself, and ties at it go by order. Nothing is
concatenated or sorted: the memory needed beside the weights is a few blocks, whatever the size.
Everything here takes weights by name in state-dict order; order within a tensor is C order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pbias.errors import UserError

BLOCK = 1 << 17  # weights at a time: the temporaries stay in the cache of one core
MAGNITUDE = np.uint32(0x7FFF_FFFF)
INFINITY = 0x7F80_0000
HALF = 16
NUM_BUCKETS = 1 << HALF

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class Cut:
    """Where the order of magnitudes is cut.

    Pruned are the weights whose magnitude has a bit pattern below `bits`, and those at `bits` after
    the first `num_ties_kept` of them.
    """

    bits: int
    num_ties_kept: int

    @property
    def threshold(self) -> float:
        """The magnitude at the cut."""
        return float(np.uint32(self.bits).view(np.float32))


def num_zeros(sparsity: float, num_weights: int) -> int:
    """How many of `num_weights` are zero at `sparsity`.

    >>> num_zeros(0.95, 11_187_392)
    10628022
    """
    return round(sparsity * num_weights)


def select(weights: Weights, num_pruned: int) -> Cut:
    """The cut that prunes exactly the `num_pruned` smallest magnitudes; ties: lower index kept.

    Raises UserError for NaN weights. Source: architecture.md, "The central algorithms".
    """
    assert 0 <= num_pruned <= sum(weight.numel() for weight in weights.values())
    upper = np.zeros(NUM_BUCKETS, np.int64)
    for block in _blocks(weights):
        upper += np.bincount(block >> HALF, minlength=NUM_BUCKETS)
    upper = upper[: NUM_BUCKETS // 2] + upper[NUM_BUCKETS // 2 :]  # the sign is the highest bit
    if upper[INFINITY >> HALF :].any():
        _refuse_nan(weights)
    bucket, num_below = _bucket_of(num_pruned, upper)
    lower = np.zeros(NUM_BUCKETS, np.int64)
    for block in _blocks(weights):
        inside = block[(block & MAGNITUDE) >> HALF == bucket]
        lower += np.bincount(inside & (NUM_BUCKETS - 1), minlength=NUM_BUCKETS)
    rest, num_below_inside = _bucket_of(num_pruned - num_below, lower)
    num_ties_pruned = num_pruned - num_below - num_below_inside
    return Cut((bucket << HALF) | rest, int(lower[rest]) - num_ties_pruned)


def pruned_masks(weights: Weights, cut: Cut) -> Iterator[tuple[str, Tensor]]:
    """The name of each tensor and its mask, True where a weight goes; one tensor at a time."""
    bits, num_ties_left = np.uint32(cut.bits), cut.num_ties_kept
    for name, weight in weights.items():
        mask = np.empty(weight.numel(), np.bool_)
        flat = _patterns(weight)
        for start in range(0, flat.size, BLOCK):
            magnitudes = flat[start : start + BLOCK] & MAGNITUDE
            part = mask[start : start + BLOCK]
            np.less_equal(magnitudes, bits, out=part)
            if num_ties_left:
                kept = np.flatnonzero(magnitudes == bits)[:num_ties_left]
                part[kept] = False
                num_ties_left -= kept.size
        yield name, torch.from_numpy(mask).reshape(weight.shape).to(weight.device)


@torch.no_grad()
def prune(weights: Weights, num_pruned: int) -> Cut:
    """Set the `num_pruned` smallest magnitudes to exact +0.0, in place."""
    cut = select(weights, num_pruned)
    for name, mask in pruned_masks(weights, cut):
        weights[name].masked_fill_(mask, 0.0)
    return cut


def _bucket_of(rank: int, histogram: NDArray[np.int64]) -> tuple[int, int]:
    """The bucket that holds the `rank`-th smallest (from 1), and how many lie below the bucket."""
    cumulative = np.cumsum(histogram)
    bucket = int(np.searchsorted(cumulative, rank))
    return bucket, int(cumulative[bucket] - histogram[bucket])


def _blocks(weights: Weights) -> Iterator[NDArray[np.uint32]]:
    for weight in weights.values():
        flat = _patterns(weight)
        for start in range(0, flat.size, BLOCK):
            yield flat[start : start + BLOCK]


def _patterns(weight: Tensor) -> NDArray[np.uint32]:
    """The bit patterns in C order: torch's own memory where that is row-major and on the CPU."""
    assert weight.dtype == torch.float32, f"selection is defined on float32, not {weight.dtype}"
    array: NDArray[np.float32] = weight.detach().cpu().contiguous().view(-1).numpy()
    return array.view(np.uint32)


def _refuse_nan(weights: Weights) -> None:
    for name, weight in weights.items():
        num_nan = int(np.count_nonzero((_patterns(weight) & MAGNITUDE) > INFINITY))
        if num_nan:
            raise UserError(
                f"{name} holds {num_nan} NaN among {weight.numel()} weights, which have no"
                " magnitude; train again with a lower learning rate"
            )
