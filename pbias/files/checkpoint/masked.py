"""State dicts of `torch.nn.utils.prune`: a weight is there as `weight_orig` and `weight_mask`."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pbias.errors import UserError

ORIGINAL, MASK = "_orig", "_mask"


def fold_masks(state_dict: Mapping[str, Tensor], path: str) -> dict[str, Tensor]:
    """The state dict of the plain network: each masked weight once, with +0.0 where it is pruned.

    `path` is for messages. Raises UserError where a mask does not fit its weight.
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
