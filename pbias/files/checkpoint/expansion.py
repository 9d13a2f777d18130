"""How large the content of a checkpoint becomes, bounded before anything walks or copies it.

A pickle refers to what it has met again: lists of lists that share their parts, or many names for
one tensor, make two kilobytes as large as one likes.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pbias.errors import UserError

MAX_EXPANSION = 64  # times the size of the file; a network that repeats its layers shares tensors
SLACK = 1 << 20


def check_expansion(content: object, num_bytes: int, path: str) -> None:
    """Refuse content that is far larger than its file of `num_bytes`, or that contains itself."""
    limit = MAX_EXPANSION * num_bytes + SLACK
    left, stack = limit, [content]
    while stack:
        value = stack.pop()
        left -= 1 + _size(value)
        if left < 0:
            raise UserError(
                f"{path} has {num_bytes:,} bytes but unfolds to more than {limit:,};"
                " save the weights alone with torch.save(model.state_dict(), FILE)"
            )
        if isinstance(value, Mapping):
            # A list of the parts of one container is as long as the container is in memory.
            stack += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set | frozenset):
            stack += value


def _size(value: object) -> int:
    if isinstance(value, str | bytes | bytearray):
        return len(value)
    if isinstance(value, Tensor):
        if value.layout != torch.strided or value.is_meta or value.is_quantized:
            return 0  # refused as weights
        return min(value.nbytes, value.untyped_storage().nbytes())
    return 8  # so that the walk itself is short
