"""Weights that stay at any sparsity: N of M weights, some of each layer, some of each output."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pbias.errors import UserError
from pbias.pruning import weight_scores
from pbias.pruning.weight_scores import MAGNITUDE, Patterns, Score

KEPT = MAGNITUDE  # above every key of a score; a weight with this key is not pruned
UNSTRUCTURED = "unstructured"


@dataclass(frozen=True)
class Pattern:
    """At most `n` of every `m` weights remain."""

    n: int
    m: int

    @property
    def sparsity(self) -> float:
        """The share of zeros that the pattern requires, ignoring shorter groups."""
        return 1 - self.n / self.m


def parse_pattern(text: str) -> Pattern | None:
    """Return the pattern that `N:M` names; None for `unstructured`.

    >>> parse_pattern("2:4")
    Pattern(n=2, m=4)
    """
    if text == UNSTRUCTURED:
        return None
    found = re.fullmatch(r"(\d+):(\d+)", text)
    if not found or not 0 < int(found[1]) < int(found[2]):
        raise UserError(
            f"pattern {text!r} is neither 'unstructured' nor N:M; use a pattern such as 2:4"
        )
    return Pattern(int(found[1]), int(found[2]))


@dataclass(frozen=True)
class Keeping:
    """A score in which the weights that must stay have the key `KEPT`.

    With a pattern, a group is `m` neighboring input channels (the second axis) at the same output
    and the same place of the kernel, which is the layout of sparse tensor cores. In a linear layer,
    a group lies along a row of its weight [out, in]. A last group with fewer channels also keeps at
    most `n`. The largest scores stay; ties keep the lower index. A zero weight never has to stay.
    """

    score: Score
    pattern: Pattern | None
    min_keep: int  # of each tensor
    min_keep_row: int  # of each row of the classifier
    classifier: str

    def __call__(self, name: str, weight: Tensor) -> Iterator[Patterns]:
        """Yield the keys of a tensor."""
        blocks = [block & MAGNITUDE for block in self.score(name, weight)]
        keys = np.concatenate(blocks or [np.empty(0, np.uint32)]).reshape(weight.shape)
        if self.pattern and keys.size:
            keys = _keep_of_groups(keys, self.pattern)
        if self.min_keep_row and name == self.classifier:
            keys = _keep_largest(keys.reshape(len(keys), -1), self.min_keep_row)
        keys = _keep_largest(keys.reshape(1, -1), self.min_keep).reshape(-1)
        for start in range(0, keys.size, weight_scores.BLOCK):
            yield keys[start : start + weight_scores.BLOCK]


def _keep_of_groups(keys: Patterns, pattern: Pattern) -> Patterns:
    """Mark the `n` largest keys of each group of `m` along the second axis as kept; same shape."""
    inputs_last = np.moveaxis(keys, 1, -1)
    num_inputs = inputs_last.shape[-1]
    padding = [(0, 0)] * (keys.ndim - 1) + [(0, -num_inputs % pattern.m)]
    groups = np.pad(inputs_last, padding)  # pad with zero keys at the end; they never have to stay
    kept = _keep_largest(groups.reshape(-1, pattern.m), pattern.n).reshape(groups.shape)
    return np.ascontiguousarray(np.moveaxis(kept[..., :num_inputs], -1, 1))


def _keep_largest(rows: Patterns, num: int) -> Patterns:
    """Mark the `num` largest non-zero keys of each row [rows, width] as kept; ties: lower index."""
    if num == 0 or rows.size == 0:
        return rows
    width = rows.shape[1]
    if num >= width:
        return np.where(rows > 0, KEPT, rows)
    limit = np.partition(rows, width - num, axis=1)[:, width - num, None]
    above, tied = rows > limit, rows == limit
    num_tied = num - np.count_nonzero(above, axis=1, keepdims=True)
    kept: NDArray[np.bool_] = above | (tied & (np.cumsum(tied, axis=1, dtype=np.int32) <= num_tied))
    return np.where(kept & (rows > 0), KEPT, rows)
