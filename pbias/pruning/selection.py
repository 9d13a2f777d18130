"""Exact selection of the weights to prune, by score over many tensors, in constant memory.

Keys of weights (`weight_scores`) have 31 bits. One histogram of their upper half finds the bucket
that holds the k-th smallest key; a second one of the lower half inside that bucket finds the key
itself; ties at that key are resolved by order. Nothing is concatenated or sorted: beside the
weights, the memory is a few blocks at any size. All functions take weights by name in state-dict
order; order within a tensor is C order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pbias.pruning import weight_scores
from pbias.pruning.weight_scores import INFINITY, MAGNITUDE, Patterns, Score, magnitude, patterns

UPPER = np.uint32(0x7FFF_0000)
HALF = 16
NUM_BUCKETS = 1 << HALF

Weights = Mapping[str, Tensor]
Histogram = NDArray[np.int64]


@dataclass(frozen=True)
class Cut:
    """The place where the ordered keys are cut.

    Weights with a key below `bits` are pruned, and those with the key `bits` after the first
    `num_ties_kept` of them.
    """

    bits: int
    num_ties_kept: int

    @property
    def threshold(self) -> float:
        """Score at the cut, if keys are bit patterns of float32."""
        return float(np.uint32(self.bits).view(np.float32))


def num_zeros(sparsity: float, num_weights: int) -> int:
    """Return how many of `num_weights` are zero at `sparsity`.

    >>> num_zeros(0.95, 11_187_392)
    10628022
    """
    return round(sparsity * num_weights)


def select(weights: Weights, num_pruned: int, score: Score = magnitude) -> Cut:
    """Return the cut that prunes exactly the `num_pruned` lowest scores; ties: lower index kept.

    Raises UserError for NaN weights.
    """
    assert 0 <= num_pruned <= sum(weight.numel() for weight in weights.values())
    upper = _upper_histogram(weights, score)
    if upper[INFINITY >> HALF :].any():
        for name, weight in weights.items():
            weight_scores.refuse_nan(name, patterns(weight))
    bucket, num_below = _bucket_of(num_pruned, upper)
    lower = _lower_histogram(weights, bucket, score)
    rest, num_below_inside = _bucket_of(num_pruned - num_below, lower)
    num_ties_pruned = num_pruned - num_below - num_below_inside
    return Cut((bucket << HALF) | rest, int(lower[rest]) - num_ties_pruned)


def pruned_masks(
    weights: Weights, cut: Cut, score: Score = magnitude
) -> Iterator[tuple[str, Tensor]]:
    """Yield the name and mask of each tensor, True for pruned weights, one tensor at a time."""
    cutter = _Cutter(cut)
    for name, weight in weights.items():
        mask = np.empty(weight.numel(), np.bool_)
        for place, part in cutter.blocks(score(name, weight)):
            mask[place] = part
        yield name, torch.from_numpy(mask).reshape(weight.shape).to(weight.device)


@torch.no_grad()
def prune(weights: Weights, num_pruned: int, score: Score = magnitude) -> Cut:
    """Set the `num_pruned` lowest scores to exactly +0.0, in place."""
    cut = select(weights, num_pruned, score)
    cutter = _Cutter(cut)
    for name, weight in weights.items():
        flat = patterns(weight)
        for place, part in cutter.blocks(score(name, weight)):
            np.copyto(flat[place], 0, where=part)  # all bits zero is +0.0
        if flat.ctypes.data != weight.data_ptr():
            weight.copy_(torch.from_numpy(flat.view(np.float32)).view(weight.shape))
    return cut


class _Cutter:
    """Marks the weights to prune, tensor by tensor, and counts the ties still to be kept."""

    def __init__(self, cut: Cut) -> None:
        self.bits, self.num_ties_left = np.uint32(cut.bits), cut.num_ties_kept
        self.keys = np.empty(weight_scores.BLOCK, np.uint32)
        self.mask = np.empty(weight_scores.BLOCK, np.bool_)

    def blocks(self, keys: Iterator[Patterns]) -> Iterator[tuple[slice, NDArray[np.bool_]]]:
        """Yield each block's place and mask of pruned weights; the mask's memory is reused."""
        start = 0
        for given in keys:
            block = np.bitwise_and(given, MAGNITUDE, out=self.keys[: given.size])
            part = np.less_equal(block, self.bits, out=self.mask[: given.size])
            if self.num_ties_left:
                kept = np.flatnonzero(block == self.bits)[: self.num_ties_left]
                part[kept] = False
                self.num_ties_left -= kept.size
            yield slice(start, start + given.size), part
            start += given.size


def _upper_histogram(weights: Weights, score: Score) -> Histogram:
    """Return how many weights have each upper half of the key, ignoring the sign."""
    # Reuse scratch space: the allocator would return temporaries to the system and fetch them again
    # block by block, which took longer than the counting.
    counts, index = np.zeros(NUM_BUCKETS, np.int64), np.empty(weight_scores.BLOCK, np.intp)
    for block in _blocks(weights, score):
        keys = np.right_shift(block, HALF, out=index[: block.size], casting="unsafe")
        np.add.at(counts, keys, 1)
    return counts[: NUM_BUCKETS // 2] + counts[NUM_BUCKETS // 2 :]


def _lower_histogram(weights: Weights, bucket: int, score: Score) -> Histogram:
    """Return how many weights have each lower half, among those whose upper half is `bucket`."""
    counts, halves = np.zeros(NUM_BUCKETS, np.int64), np.empty(weight_scores.BLOCK, np.uint32)
    inside = np.empty(weight_scores.BLOCK, np.bool_)
    for block in _blocks(weights, score):
        upper = np.bitwise_and(block, UPPER, out=halves[: block.size])
        found = np.equal(upper, np.uint32(bucket << HALF), out=inside[: block.size])
        np.add.at(counts, (block[found] & (NUM_BUCKETS - 1)).astype(np.intp), 1)
    return counts


def _bucket_of(rank: int, histogram: Histogram) -> tuple[int, int]:
    """Return the bucket with the `rank`-th smallest key (from 1), and the number of keys below."""
    cumulative = np.cumsum(histogram)
    bucket = int(np.searchsorted(cumulative, rank))
    return bucket, int(cumulative[bucket] - histogram[bucket])


def _blocks(weights: Weights, score: Score) -> Iterator[Patterns]:
    for name, weight in weights.items():
        yield from score(name, weight)
