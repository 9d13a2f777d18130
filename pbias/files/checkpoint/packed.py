"""Packed sparse tensors in files: one bit per weight, and the values of non-zero weights.

A packed tensor is a dict of `shape`, `mask` (uint8, lowest bit first, C order) and `values`; it
replaces the tensor in a state dict. Packing is exact: -0.0 is kept as a value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeGuard

import numpy as np
import torch
from torch import Tensor

from pbias.errors import UserError

MIN_WEIGHTS = 1024  # below, the two records of a packed tensor take more space than they save
PackedTensor = dict[str, object]


def pack(tensor: Tensor) -> Tensor | PackedTensor:
    """Return the packed form of a tensor, or the tensor itself if that is no larger."""
    if tensor.dtype != torch.float32 or tensor.numel() < MIN_WEIGHTS:
        return tensor
    values = tensor.detach().cpu().contiguous().view(-1).numpy()
    present = values.view(np.uint32) != 0
    if present.size / 8 + 4 * np.count_nonzero(present) >= values.nbytes:
        return tensor
    return {
        "shape": list(tensor.shape),
        "mask": torch.from_numpy(np.packbits(present, bitorder="little")),
        "values": torch.from_numpy(values[present]),
    }


def unpack_all(state_dict: object, path: str) -> object:
    """Return a state dict with its packed tensors dense again; anything else unchanged.

    `path` is for messages. Raises UserError for packed tensors whose parts do not fit together.
    """
    if not isinstance(state_dict, dict):
        return state_dict
    masks = [
        value["mask"].untyped_storage().data_ptr()
        for value in state_dict.values()
        if _is_packed(value) and _fits(value)
    ]
    if len(set(masks)) < len(masks):
        raise UserError(f"{path}: packed tensors share a mask; write the file again")
    return {name: _unpack(name, value, path) for name, value in state_dict.items()}


def _is_packed(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict) and value.keys() == {"shape", "mask", "values"}


def _unpack(name: object, value: object, path: str) -> object:
    if not _is_packed(value):
        return value
    if not _fits(value):
        raise UserError(f"{path}: the parts of packed {name} do not fit; write the file again")
    shape, mask, values = value["shape"], value["mask"].numpy(), value["values"].numpy()
    present = np.unpackbits(mask, count=math.prod(shape), bitorder="little").view(np.bool_)
    if np.count_nonzero(present) != values.size:
        raise UserError(
            f"{path}: packed {name} has {values.size} values for {np.count_nonzero(present)}"
            " places; write the file again"
        )
    dense = np.zeros(present.size, np.float32)
    dense[present] = values
    return torch.from_numpy(dense).view(shape)


def _fits(value: Mapping[str, object]) -> bool:
    """Return whether the parts have the right types, and the mask one bit per weight."""
    shape, mask, values = value["shape"], value["mask"], value["values"]
    return (
        isinstance(shape, list)
        and all(type(side) is int and side >= 0 for side in shape)
        and isinstance(mask, Tensor)
        and isinstance(values, Tensor)
        and (mask.dtype, values.dtype) == (torch.uint8, torch.float32)
        and mask.layout == values.layout == torch.strided
        and not (mask.is_meta or values.is_meta)
        and (mask.ndim, values.ndim) == (1, 1)
        and mask.is_contiguous()  # with a stride of 0, one byte could stand for any number of bits
        and values.is_contiguous()
        and mask.numel() > 0
        and mask.numel() == (math.prod(shape) + 7) // 8
    )
