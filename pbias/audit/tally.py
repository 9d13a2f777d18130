"""Rows counted (or weights summed) by fold, group value and a cell number, one target at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbias.audit.strata import Partition, Strata
from pbias.files.logits import UNKNOWN

# Groups are counted together while there are so many rows for each of their joint values.
_ROWS_A_CELL = 8


class _Bundle(NamedTuple):
    """Groups counted together.

    base [n]: the joint number of fold and values; lengths: of its axes, the unknown last where
    there are any; kept: how many of them are values.
    """

    base: NDArray[np.intp]
    lengths: tuple[int, ...]
    kept: tuple[int, ...]


class Tally:
    """Counts by fold J and group value P, those of all groups laid end to end."""

    def __init__(self, strata: Strata, folds: NDArray[np.intp], num_folds: int) -> None:
        """Prepare for rows with these group codes and folds."""
        self.num_folds = num_folds
        self.num_values = sum(len(p.values) for p in strata.partitions)
        room = len(folds) // (_ROWS_A_CELL * num_folds)
        self._bundles = [_bundle(part, folds) for part in _together(strata.partitions, room)]

    def __call__(
        self,
        cell: NDArray[np.integer] | None,
        shape: tuple[int, ...] = (),
        weights: NDArray[np.float64] | None = None,
    ) -> NDArray[Any]:
        """[J, P, *shape]: int64 counts of rows, or float64 sums of their weights, by cell [n]."""
        num_cells = math.prod(shape)
        parts = []
        for base, lengths, kept in self._bundles:
            num_joint = self.num_folds * math.prod(lengths)
            index = base if cell is None else np.multiply(cell, num_joint, dtype=np.intp) + base
            sums = np.bincount(index, weights, num_cells * num_joint)
            parts += _margins(sums.reshape(num_cells, self.num_folds, *lengths), kept)
        by_value = np.concatenate(parts, axis=2)  # [cells, J, P]
        return by_value.transpose(1, 2, 0).reshape(self.num_folds, self.num_values, *shape)


def _together(partitions: Sequence[Partition], room: int) -> list[list[Partition]]:
    """The partitions in order, in bundles with at most `room` joint values, or of one alone."""
    found: list[list[Partition]] = []
    size = room + 1
    for partition in partitions:
        size *= _length(partition)
        if size > room:
            found.append([])
            size = _length(partition)
        found[-1].append(partition)
    return found


def _bundle(partitions: Sequence[Partition], folds: NDArray[np.intp]) -> _Bundle:
    base = folds
    for partition in partitions:
        codes = np.where(partition.codes == UNKNOWN, len(partition.values), partition.codes)
        base = base * _length(partition) + codes
    return _Bundle(base, tuple(map(_length, partitions)), tuple(len(p.values) for p in partitions))


def _length(partition: Partition) -> int:
    """Values, and one more where some are unknown."""
    return len(partition.values) + bool((partition.codes == UNKNOWN).any())


def _margins(sums: NDArray[Any], kept: tuple[int, ...]) -> list[NDArray[Any]]:
    """Sums by the values of each group, [cells, J, V] each, of joint ones [cells, J, *lengths]."""
    axes = range(2, sums.ndim)
    return [
        sums.sum(axis=tuple(other for other in axes if other != axis))[..., :num]
        for axis, num in zip(axes, kept, strict=True)
    ]
