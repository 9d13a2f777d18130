"""State dicts: which dicts are one, and which tensors may be in them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeGuard

import numpy as np
import torch
from torch import Tensor

from pbias.errors import UserError


def is_state_dict(content: object) -> TypeGuard[dict[str, Tensor]]:
    """Whether `content` is a dict of named tensors, and not empty."""
    return (
        isinstance(content, dict)
        and bool(content)
        and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items())
    )


def check_weights(state_dict: Mapping[str, Tensor], path: str) -> None:
    """Refuse tensors that are not plain, and NaN weights; `path` is for messages."""
    for name, tensor in state_dict.items():
        # A stride of 0 makes a few bytes look like any number of weights.
        dense = not tensor.is_meta and tensor.layout == torch.strided and not tensor.is_quantized
        if not dense or tensor.nbytes > tensor.untyped_storage().nbytes():
            raise UserError(f"{path}: {name} is not a plain tensor; save it dense and on the CPU")
        num_nan = _num_nan(tensor)
        if num_nan:
            raise UserError(
                f"{path}: {name} holds {num_nan} NaN among {tensor.numel()} weights, so its"
                " training diverged; train again with a lower learning rate"
            )


def own_storage(tensor: Tensor) -> Tensor:
    """A row-major CPU tensor that owns all of its storage: a view would be saved with its base."""
    tensor = tensor.detach().cpu().contiguous()
    whole = tensor.untyped_storage().nbytes() == tensor.nbytes
    return tensor if whole else tensor.clone()


def _num_nan(tensor: Tensor) -> int:
    if not tensor.is_floating_point():
        return 0
    tensor = tensor.float() if tensor.dtype == torch.bfloat16 else tensor  # numpy has no bfloat16
    values = tensor.detach().numpy()
    # A sum is NaN when a term is (or for inf - inf): one pass, and no mask in memory. By numpy:
    # on a busy machine the threads of torch wait longer for each other than this takes.
    with np.errstate(over="ignore", invalid="ignore"):
        suspicious = math.isnan(values.sum())
    return int(np.isnan(values).sum()) if suspicious else 0
