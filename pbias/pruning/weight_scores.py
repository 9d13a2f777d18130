"""Scores of weights, as keys: unsigned numbers that sort like the scores.

The weights with the lowest keys are pruned first. Keys are the bit patterns of float32 without the
sign, which sort like the magnitudes, or random numbers. A zero weight, and no other, has the key 0,
so that old zeros go first. A score yields the keys of a tensor in C order, block by block; the sign
bit of a key is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pbias.errors import UserError

BLOCK = 1 << 16  # weights per block: the temporaries stay in the cache of one core
MAGNITUDE = np.uint32(0x7FFF_FFFF)
INFINITY = 0x7F80_0000

Patterns = NDArray[np.uint32]
Score = Callable[[str, Tensor], Iterator[Patterns]]


def magnitude(name: str, weight: Tensor) -> Iterator[Patterns]:
    """Yield the magnitudes themselves, which compare weights across layers without scaling."""
    flat = patterns(weight)
    for start in range(0, flat.size, BLOCK):
        yield flat[start : start + BLOCK]


def magnitude_norm(name: str, weight: Tensor) -> Iterator[Patterns]:
    """Yield the magnitude over the L2 norm of its tensor, both in float32.

    A quotient too small for float32 becomes its smallest positive number, not zero. Raises
    UserError if there is no norm. Source: NNCF's `normed_magnitude` and JaxPruner's
    `weight_magnitude` by layer.
    """
    values = patterns(weight).view(np.float32)
    norm = _norm(name, values)
    for start in range(0, values.size, BLOCK):
        block = values[start : start + BLOCK]
        quotients = np.divide(np.abs(block), norm, where=block != 0, out=np.zeros_like(block))
        yield np.maximum(quotients.view(np.uint32), block != 0)


def random(seed: int) -> Score:
    """Return a score with keys drawn from `seed` and the tensor's name, the same at every call.

    Zeros go first.
    """

    def score(name: str, weight: Tensor) -> Iterator[Patterns]:
        flat = patterns(weight)
        refuse_nan(name, flat)
        rng = np.random.default_rng([seed, *name.encode()])
        for start in range(0, flat.size, BLOCK):
            live = flat[start : start + BLOCK] & MAGNITUDE != 0
            yield rng.integers(1, INFINITY, live.size, np.uint32) * live

    return score


def patterns(weight: Tensor) -> Patterns:
    """Return the bit patterns in C order, without a copy for a row-major tensor on the CPU."""
    if weight.dtype != torch.float32:
        raise UserError(f"weights of {weight.dtype} cannot be pruned; convert them to float32")
    array: NDArray[np.float32] = weight.detach().cpu().contiguous().view(-1).numpy()
    return array.view(np.uint32)


def refuse_nan(name: str, flat: Patterns) -> None:
    """Raise UserError for a weight that is not a number, because it has no place in any order."""
    num_nan = int(np.count_nonzero((flat & MAGNITUDE) > INFINITY))
    if num_nan:
        raise UserError(
            f"{name} holds {num_nan} NaN among {flat.size} weights, which have no"
            " magnitude; train again with a lower learning rate"
        )


def _norm(name: str, values: NDArray[np.float32]) -> np.float32:
    """Return the L2 norm, summed in double precision."""
    blocks = range(0, values.size, BLOCK)
    squares = (np.square(values[i : i + BLOCK], dtype=np.float64).sum() for i in blocks)
    norm = np.sqrt(sum(squares, np.float64(0)))
    if not norm <= np.finfo(np.float32).max:
        refuse_nan(name, values.view(np.uint32))
        raise UserError(f"{name} holds weights too large for a norm; use --score magnitude")
    return np.float32(norm)
