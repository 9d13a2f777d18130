"""State dicts: recognize them, check their tensors, and bring them into one form.

Masks of `torch.nn.utils.prune` (a weight is stored as `weight_orig` and `weight_mask`) are folded
when a file is read. When a file is written, equal content is made to pickle to equal bytes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TypeGuard

import numpy as np
import torch
from torch import Tensor

from pbias.errors import UserError

ORIGINAL, MASK = "_orig", "_mask"
FLOATING = re.compile(r"b?float(16|32|64)|float8_\w+")  # torch cannot convert smaller ones
WHOLE = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def is_state_dict(content: object) -> TypeGuard[dict[str, Tensor]]:
    """Return whether `content` is a non-empty dict of named tensors."""
    return (
        isinstance(content, dict)
        and bool(content)
        and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items())
    )


def check_weights(state_dict: Mapping[str, Tensor], path: str) -> None:
    """Raise UserError for tensors that are not plain and for NaN; `path` is for messages."""
    for name, tensor in state_dict.items():
        if not is_plain(tensor):
            raise UserError(f"{path}: {name} is not a plain tensor; save it dense and on the CPU")
        kind = str(tensor.dtype).removeprefix("torch.")
        if tensor.dtype not in WHOLE and not FLOATING.fullmatch(kind):
            raise UserError(f"{path}: {name} holds {kind} numbers; save it as float32")
        num_nan = _num_nan(tensor)
        if num_nan:
            raise UserError(
                f"{path}: {name} holds {num_nan} NaN among {tensor.numel()} weights, so the "
                "training diverged; train again with a lower learning rate"
            )


def is_plain(tensor: Tensor) -> bool:
    """Return whether a tensor is dense, on the CPU, and stores each of its numbers."""
    if tensor.is_meta or tensor.layout != torch.strided or tensor.is_quantized or tensor.is_nested:
        return False
    if tensor.is_neg() or tensor.is_conj():  # these compute their numbers when read
        return False
    # With a stride of 0, a few bytes look like any number of weights.
    return tensor.nbytes <= tensor.untyped_storage().nbytes()


def own_storage(tensor: Tensor) -> Tensor:
    """Return a row-major CPU tensor that owns its storage: a view is saved with its base."""
    tensor = tensor.detach().cpu().contiguous()
    whole = tensor.untyped_storage().nbytes() == tensor.nbytes
    return tensor if whole else tensor.clone()


def _num_nan(tensor: Tensor) -> int:
    if not tensor.is_floating_point():
        return 0
    native = tensor.dtype in (torch.float16, torch.float32, torch.float64)
    tensor = tensor if native else tensor.float()  # numpy has neither bfloat16 nor float8
    values = tensor.detach().numpy()
    # A sum is NaN if a term is (or for inf - inf): this takes one pass and no mask in memory. Use
    # numpy, because on a busy machine torch's threads wait longer for each other than the sum
    # takes.
    with np.errstate(over="ignore", invalid="ignore"):
        suspicious = math.isnan(values.sum())
    return int(np.isnan(values).sum()) if suspicious else 0


def fold_masks(state_dict: Mapping[str, Tensor], path: str) -> dict[str, Tensor]:
    """Return the state dict of the plain network: each masked weight once, +0.0 where it is pruned.

    `path` is for messages. Raises UserError for a mask that does not fit its weight.
    """
    folded = {}
    for name, tensor in state_dict.items():
        weight = name.removesuffix(ORIGINAL)
        mask = state_dict.get(weight + MASK)
        if name.endswith(ORIGINAL) and mask is not None:
            if mask.shape != tensor.shape:
                raise UserError(
                    f"{path}: {weight}{MASK} has shape {list(mask.shape)} and {name}"
                    f" {list(tensor.shape)}; call torch.nn.utils.prune.remove and save again"
                )
            folded[weight] = torch.where(mask != 0, tensor, 0)
        elif not (name.endswith(MASK) and name.removesuffix(MASK) + ORIGINAL in state_dict):
            folded[name] = tensor
    return folded


def plain(value: object) -> object:
    """Return `value` in a form in which equal content pickles to equal bytes.

    Pickle writes an object that it has seen before as a reference. So equal strings become one
    object. It is a new object, because torch pickles its own strings ("cpu"), which may or may not
    be the same.
    """
    return _plain(value, {})


def _plain(value: object, strings: dict[str, str]) -> object:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        return strings.setdefault(value, _copied(value))
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, np.ndarray):
        return torch.from_numpy(np.array(value))
    if isinstance(value, Tensor):
        return own_storage(value)
    if isinstance(value, list | tuple):
        return [_plain(item, strings) for item in value]
    assert isinstance(value, Mapping), f"{type(value)} has no place in a checkpoint"
    return {_plain(key, strings): _plain(item, strings) for key, item in value.items()}


def _copied(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass")
