"""Columns of logits sorted once, for whatever needs ranks: AUC, DeLong, equal-mass bins.

Shape suffixes: A targets, N samples, k the sorted samples that take part.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


class Ranking(NamedTuple):
    """Samples of each target by ascending logit, int32 [A, N], and the run of ties each is in.

    Runs of equal logits are numbered from 0, ascending.
    """

    order_an: NDArray[np.int32]
    run_an: NDArray[np.int32]


class Blocks(NamedTuple):
    """The samples of one target by block, then ascending logit.

    row_k: which sample; block_k: its block; first_k, last_k: where its run of ties within the block
    starts and where it ends (exclusive); start_b [num_blocks + 1]: where each block starts.
    """

    row_k: NDArray[np.int32]
    block_k: Integers
    first_k: Integers
    last_k: Integers
    start_b: Integers


def rank(logits_an: NDArray[np.floating]) -> Ranking:
    """Sort each row of logits [A, N]; 0.0 and -0.0 tie. NaN must have been refused."""
    order_an = np.empty(logits_an.shape, np.int32)
    run_an = np.empty(logits_an.shape, np.int32)
    for z_n, order_n, run_n in zip(logits_an, order_an, run_an, strict=True):
        column_n = np.ascontiguousarray(z_n)
        order_n[:] = np.argsort(column_n)
        sorted_n = column_n[order_n]
        run_n[:1] = 0
        np.cumsum(sorted_n[1:] != sorted_n[:-1], out=run_n[1:])
    return Ranking(order_an, run_an)


def blocks(
    order_n: NDArray[np.int32],
    run_n: NDArray[np.int32],
    block_n: NDArray[np.integer],
    num_blocks: int,
) -> Blocks:
    """Split one target's ranking by block_n, a block number for each sample, -1 to leave it out."""
    block_k = block_n[order_n]
    taking_part = np.flatnonzero(block_k >= 0)
    if num_blocks > 1:
        # numpy's stable sort is a radix sort, in linear time, for 16 bits alone
        narrow = np.uint16 if num_blocks <= 1 << 16 else np.int64
        by_block = np.argsort(block_k[taking_part].astype(narrow), kind="stable")
        taking_part = taking_part[by_block]
    block_k, run_k = block_k[taking_part], run_n[taking_part]
    starts = np.flatnonzero(np.diff(block_k, prepend=-1) | np.diff(run_k, prepend=-1))
    lengths = np.diff(starts, append=len(block_k))
    start_b = np.concatenate([[0], np.cumsum(np.bincount(block_k, minlength=num_blocks))])
    return Blocks(
        order_n[taking_part],
        block_k.astype(np.int64),
        np.repeat(starts, lengths),
        np.repeat(starts + lengths, lengths),
        start_b,
    )


def members(
    order_n: NDArray[np.int32],
    labels_n: NDArray[np.int8],
    codes_n: NDArray[np.integer],
    num_values: int,
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.intp]]]:
    """For each group value its samples of known label, ascending: which, and their positions."""
    code_k = np.where(labels_n[order_n] >= 0, codes_n[order_n], -1)
    for value in range(num_values):
        kept = np.flatnonzero(code_k == value)
        yield order_n[kept], kept
