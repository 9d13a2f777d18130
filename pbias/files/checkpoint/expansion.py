"""Bound the expanded size of a checkpoint's content before it is walked or copied.

A pickle can refer to the same object many times. Nested lists that share their parts, or many names
for one tensor, can make two kilobytes arbitrarily large.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pbias.errors import UserError

MAX_EXPANSION = 64  # times the file size; networks that repeat layers share tensors
SLACK = 1 << 20


def check_expansion(content: object, num_bytes: int, path: str) -> None:
    """Raise UserError for content far larger than its file of `num_bytes`, or infinite."""
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
            # The list of a container's parts takes as much memory as the container.
            stack += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set | frozenset):
            stack += value


def _size(value: object) -> int:
    if isinstance(value, str | bytes | bytearray):
        return len(value)
    if isinstance(value, Tensor):
        if value.layout != torch.strided or value.is_meta or value.is_quantized:
            return 0  # weights of this kind are refused later
        return min(value.nbytes, value.untyped_storage().nbytes())
    return 8  # which keeps the walk itself short
