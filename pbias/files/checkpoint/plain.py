"""Values in one form, whatever their history: plain containers, numbers, strings and tensors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from pbias.files.checkpoint.weights import own_storage


def plain(value: object) -> object:
    """`value` such that equal content pickles to equal bytes.

    Pickle writes an object that it meets again as a reference. So equal strings become one object,
    and a new one, as torch pickles strings of its own ("cpu") that may or may not be the same.
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
