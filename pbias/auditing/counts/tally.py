"""Count rows (or sum weights) by fold, group value and cell number, one target at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.strata import Partition, Strata
from pbias.files.logits import UNKNOWN

# Groups are counted together while there are at least as many rows as cells of joint values.
_FEW_CELLS = 8


class _Bundle(NamedTuple):
    """Groups that are counted together.

    base [n]: the joint number of fold and values; members 0/1 [joint values, P of these groups].
    """

    base: NDArray[np.intp]
    members: NDArray[np.float64]


class Tally:
    """Counts by fold J and group value P, with the values of all groups laid end to end."""

    def __init__(
        self, strata: Strata, folds: NDArray[np.intp], num_folds: int, num_cells: int = _FEW_CELLS
    ) -> None:
        """Prepare for rows with these group codes and folds, and about `num_cells` cells."""
        self.num_folds = num_folds
        self.num_values = sum(len(p.values) for p in strata.partitions)
        room = len(folds) // (num_cells * num_folds)
        self._bundles = [_bundle(part, folds) for part in _together(strata.partitions, room)]

    def __call__(
        self,
        cell: NDArray[np.integer] | None,
        shape: tuple[int, ...] = (),
        weights: NDArray[np.float64] | None = None,
    ) -> NDArray[Any]:
        """Count rows by cell [n], int64, or sum their weights, float64: [J, P, *shape]."""
        num_cells = math.prod(shape)
        parts = []
        for base, members in self._bundles:
            num_joint = self.num_folds * len(members)
            index = base if cell is None else np.multiply(cell, num_joint, dtype=np.intp) + base
            sums = np.bincount(index, weights, num_cells * num_joint)
            # A matrix product sums over the other groups; counts stay exact.
            parts.append(sums.reshape(-1, len(members)).astype(np.float64, copy=False) @ members)
        by_value = np.concatenate(parts, axis=1).reshape(num_cells, self.num_folds, -1)
        found = by_value.transpose(1, 2, 0).reshape(self.num_folds, self.num_values, *shape)
        return found if weights is not None else found.astype(np.int64)


def _together(partitions: Sequence[Partition], room: int) -> list[list[Partition]]:
    """Return the partitions in order, in bundles with at most `room` joint values, or of one."""
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
    return _Bundle(base, _members(partitions))


def _members(partitions: Sequence[Partition]) -> NDArray[np.float64]:
    """Return the values of each group in joint values: 0/1 [joint, P]; unknown has no column."""
    lengths = tuple(map(_length, partitions))
    codes = np.indices(lengths).reshape(len(lengths), -1)
    columns = [
        code == value
        for code, partition in zip(codes, partitions, strict=True)
        for value in range(len(partition.values))
    ]
    return np.stack(columns, axis=1).astype(np.float64)


def _length(partition: Partition) -> int:
    """Return the number of values, plus one if some are unknown."""
    return len(partition.values) + bool((partition.codes == UNKNOWN).any())
