"""Samples of one target in ascending order: for AUC and equal-mass bins.

Shape suffixes: n samples; k those of a stratum, ascending; t those of them that tie.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


class Ranking(NamedTuple):
    """Which sample, ascending, and numbers of the runs of equal values, ascending too."""

    order_n: NDArray[np.intp]
    run_n: NDArray[np.int32]


class Ties(NamedTuple):
    """Places of samples that tie, and where the run of each starts and (exclusive) ends."""

    place_t: NDArray[np.intp]
    first_t: NDArray[np.intp]
    last_t: NDArray[np.intp]


def rank(values_n: NDArray[np.floating]) -> Ranking:
    """Sort one target's values; 0.0 and -0.0 tie. NaN must have been refused.

    In linear time: bit patterns ascend with the values, and numpy sorts 16 bits by radix.
    """
    width = 8 * values_n.itemsize
    bits = (values_n + 0).view(f"i{values_n.itemsize}")
    bits ^= (bits >> (width - 1)) | np.iinfo(bits.dtype).min
    order_n = np.lexsort([(bits >> shift).astype(np.uint16) for shift in range(0, width, 16)])
    sorted_n = bits[order_n]
    run_n = np.zeros(len(bits), np.int32)
    np.cumsum(sorted_n[1:] != sorted_n[:-1], out=run_n[1:])
    return Ranking(order_n, run_n)


def ties(run_k: NDArray[np.int32], start_b: Integers) -> Ties:
    """Runs of two or more; those that go on in another block (`start_b`, and the end) are cut."""
    same = np.zeros(len(run_k) + 1, bool)  # as the one before
    np.equal(run_k[1:], run_k[:-1], out=same[1:-1])
    same[start_b] = False
    later = np.flatnonzero(same)
    begins = np.ones(len(later) + 1, bool)
    np.not_equal(later[1:], later[:-1] + 1, out=begins[1:-1])
    place_r = np.flatnonzero(begins)
    lengths = place_r[1:] - place_r[:-1] + 1
    first_r = later[place_r[:-1]] - 1
    first_t = np.repeat(first_r, lengths)
    place_t = first_t + np.arange(len(first_t)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return Ties(place_t, first_t, np.repeat(first_r + lengths, lengths))
