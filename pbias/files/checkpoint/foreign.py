"""State dicts from other programs: wrapper prefixes, number formats, parametrizations."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from pbias.errors import UserError

PREFIXES = ("module.", "_orig_mod.")  # DistributedDataParallel, AveragedModel, torch.compile
COUNTERS = ("n_averaged",)  # in AveragedModel
NATIVE = (torch.float16, torch.float32, torch.float64)
PARAMETRIZED = re.compile(r"(.*?)parametrizations\.(\w+)\.(.+)")

logger = logging.getLogger(__name__)


def without_wrappers(state_dict: Mapping[str, Tensor], path: str) -> dict[str, Tensor]:
    """Remove the prefixes that torch's own wrappers add to every name, in any nesting."""
    extra = [name for name in state_dict if name in COUNTERS]
    found = {name: tensor for name, tensor in state_dict.items() if name not in COUNTERS}
    taken = ""
    while found:
        prefix = next((p for p in PREFIXES if all(name.startswith(p) for name in found)), None)
        if prefix is None:
            break
        found = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
        taken += prefix
    _say(path, taken, extra)
    return found or dict(state_dict)


def fit_names(
    state_dict: Mapping[str, Tensor],
    wanted: Collection[str],
    path: str,
    optional: Collection[str] = (),
) -> dict[str, Tensor]:
    """Return the weights of a network whose tensors have the names `wanted`.

    In the file they may have a prefix, beside other content such as a loss or a second network.
    Files may lack the `optional` names, which are further names of weights. Parametrized weights
    are folded unless the network has the parametrizations itself. If the names do not fit,
    everything is returned unchanged.
    """
    found = dict(state_dict)
    if not any(PARAMETRIZED.fullmatch(name) for name in wanted):
        found = fold_parametrizations(found, path)
    counters = [name for name in wanted if name.endswith("num_batches_tracked")]
    needed = [name for name in wanted if name not in {*counters, *optional}]
    if not needed or all(name in found for name in needed):
        return found
    ends = [name for name in found if name.endswith("." + needed[0])]
    for prefix in sorted((name.removesuffix(needed[0]) for name in ends), key=len):
        if all(prefix + name in found for name in needed):
            rest = [name for name in found if not name.startswith(prefix)]
            _say(path, prefix, rest)
            return {
                name.removeprefix(prefix): tensor
                for name, tensor in found.items()
                if name.startswith(prefix)
            }
    return found


def _say(path: str, prefix: str, rest: Collection[str]) -> None:
    if not prefix and not rest:
        return
    said = [f"the prefix '{prefix}' of the names is taken off"] if prefix else []
    if rest:
        first = next(iter(rest))
        said.append(f"{len(rest)} tensors that are not of the network are left out ({first}, ...)")
    logger.info("%s: %s", path, "; ".join(said))


def as_float32(
    state_dict: Mapping[str, Tensor], path: str, keep: Collection[torch.dtype] = NATIVE
) -> dict[str, Tensor]:
    """Return floating-point tensors as float32, except those of the types `keep`.

    By default the types that numpy has are kept; bfloat16 and float8 are converted.
    """
    foreign = {
        name: tensor
        for name, tensor in state_dict.items()
        if tensor.is_floating_point() and tensor.dtype not in keep
    }
    if not foreign:
        return dict(state_dict)
    types = Counter(str(tensor.dtype).removeprefix("torch.") for tensor in foreign.values())
    listed = ", ".join(f"{num} of {name}" for name, num in types.items())
    logger.info("%s: tensors read as float32: %s", path, listed)
    converted: dict[tuple[Any, ...], Tensor] = {}
    found = dict(state_dict)
    for name, tensor in foreign.items():
        # Shared weights stay shared.
        key = (tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride())
        found[name] = converted.setdefault(key, tensor.to(torch.float32))
    return found


def fold_parametrizations(state_dict: Mapping[str, Tensor], path: str) -> dict[str, Tensor]:
    """Return the state dict with plain weights instead of parametrized ones.

    Supports masks of 0 and 1, and weight normalization, also in its old form (`weight_g`,
    `weight_v`). Raises UserError for other parametrizations, which cannot be computed from the
    file.
    """
    parts: dict[str, dict[str, Tensor]] = {}
    found = {}
    for name, tensor in state_dict.items():
        match = PARAMETRIZED.fullmatch(name)
        old = name.removesuffix("_g").removesuffix("_v")
        if match:
            weight = match[1] + match[2]
            parts.setdefault(weight, {})[match[3]] = tensor
        elif name != old and {old + "_g", old + "_v"} <= state_dict.keys():
            weight = old
            key = "original0" if name.endswith("_g") else "original1"
            parts.setdefault(weight, {})[key] = tensor
        else:
            found[name] = tensor
            continue
        found.setdefault(weight, tensor)  # keeps the order
    for weight, of_weight in parts.items():
        found[weight] = _folded(weight, of_weight, path)
    if parts:
        logger.info("%s: %d weights behind parametrizations are folded", path, len(parts))
    return found


def _folded(name: str, parts: Mapping[str, Tensor], path: str) -> Tensor:
    rest = dict(parts)
    original = rest.pop("original", None)
    g, v = rest.pop("original0", None), rest.pop("original1", None)
    if g is not None and v is not None and original is None and not rest:
        dims = [axis for axis in range(v.ndim) if g.ndim != v.ndim or g.shape[axis] == 1]
        norm: Tensor = torch.linalg.vector_norm(v.float(), dim=dims, keepdim=True)
        weight: Tensor = v * (g / norm)
        return weight.to(v.dtype)
    masks = list(rest.values())
    if original is not None and masks and all(_is_mask(mask, original) for mask in masks):
        for mask in masks:
            original = torch.where(mask != 0, original, torch.zeros_like(original))
        return original
    raise UserError(
        f"{path}: {name} is behind a parametrization that its file does not explain "
        f"({', '.join(parts)}); call torch.nn.utils.parametrize.remove_parametrizations(layer, "
        "'weight') and save again"
    )


def _is_mask(mask: Tensor, weight: Tensor) -> bool:
    fits = mask.ndim == weight.ndim and all(
        a in (1, b) for a, b in zip(mask.shape, weight.shape, strict=True)
    )
    return fits and bool(((mask == 0) | (mask == 1)).all())
