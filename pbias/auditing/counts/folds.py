"""Assign samples to folds: the same on every machine, in every file and row order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pbias.files.counts_file import NUM_FOLDS as NUM_FOLDS  # parts add up to an audit

_OFFSET = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)


def assign_folds(
    owners: Sequence[str] | NDArray[np.generic], num_folds: int = NUM_FOLDS
) -> tuple[NDArray[np.int64], int]:
    """Return the fold of each sample, int64 [N], and the number of folds J, from ids or clusters.

    Equal owners share a fold, by a hash of the text (whole numbers by their digits). With
    `num_folds` different owners or fewer, each has its own fold and J is their number.
    """
    return folds_of_hashes(hash_owners(owners), num_folds)


def folds_of_hashes(
    hashes: NDArray[np.uint64], num_folds: int = NUM_FOLDS
) -> tuple[NDArray[np.int64], int]:
    """Return the result of `assign_folds` from the hashes of all owners."""
    distinct, index = np.unique(hashes, return_inverse=True)
    if len(distinct) <= num_folds:
        return index.astype(np.int64), len(distinct)
    return (hashes % np.uint64(num_folds)).astype(np.int64), num_folds


def fold_rows(
    start: int, stop: int, num_rows: int, num_folds: int = NUM_FOLDS
) -> tuple[NDArray[np.int64], int]:
    """Return the folds of the rows start to stop of a file without ids, and the number of folds.

    Folds follow from a hash of the row number; with `num_folds` rows or fewer, each has its own
    fold.
    """
    if num_rows <= num_folds:
        return np.arange(start, stop), num_rows
    return row_folds(start, stop, num_folds), num_folds


def row_folds(start: int, stop: int, num_folds: int = NUM_FOLDS) -> NDArray[np.int64]:
    """Return the folds of rows start to stop of a file without ids, by row numbers' hashes."""
    return (_mix(np.arange(start, stop, dtype=np.uint64)) % np.uint64(num_folds)).astype(np.int64)


def hash_owners(owners: Sequence[str] | NDArray[np.generic]) -> NDArray[np.uint64]:
    """Hash owners with FNV-1a over code points; nul padding of wider arrays changes nothing."""
    text = np.asarray(owners).astype(np.str_, copy=False)
    text = np.ascontiguousarray(text.astype(text.dtype.newbyteorder("="), copy=False))
    units = text.view(np.uint32).reshape(len(text), text.itemsize // 4)
    hashes = np.full(len(text), _OFFSET)
    for unit in units.T:
        hashes = np.where(unit != 0, (hashes ^ unit) * _PRIME, hashes)
    return _mix(hashes)


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread every bit over all others. Source: Steele et al. (2014), SplitMix64."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
