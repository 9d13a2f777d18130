"""The classifier of a network: the weights that make the logits, and the number of logits."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pbias.errors import UserError
from pbias.models.architectures import architecture, build
from pbias.models.library_networks import is_library
from pbias.models.user_factory import is_own

if TYPE_CHECKING:
    from torch import Tensor, nn

COMPARED = (2, 3)  # numbers of outputs


def num_outputs_of(
    state_dict: Mapping[str, Tensor], arch: str, args: Mapping[str, Any] | None = None
) -> int:
    """Return the number of logits, from the classifier in a bare state dict of architecture `arch`.

    If a user's factory makes the same network for any number of outputs, the classifier is taken to
    be the last tensor with two axes.
    """
    if is_own(arch) or is_library(arch):
        names = [name for name in output_names(arch, args or {}) if name.endswith("weight")]
        matrices = [key for key, tensor in state_dict.items() if tensor.ndim == 2]
        key = next(iter(names or matrices[-1:]), "with two axes")
    else:
        key = classifier_weight(arch)
    if key not in state_dict or state_dict[key].ndim < 2:
        raise UserError(
            f"the weights have no classifier {key}, so they do not belong to {arch}; check --arch"
        )
    return int(state_dict[key].shape[0])


def classifier_weight(
    arch: str,
    model: nn.Module | None = None,
    num_outputs: int | None = None,
    args: Mapping[str, Any] | None = None,
) -> str:
    """Return the state-dict key of the classifier's weight [num_outputs, features, ...].

    In a user's own network, the classifier is the last linear layer (or convolution, if there is
    none) with this number of outputs, else the last one with any number. Raises UserError for a
    network without either.
    """
    if is_library(arch):
        return next(name for name in output_names(arch, args or {}) if name.endswith("weight"))
    if not is_own(arch):
        return architecture(arch).classifier + ".weight"
    assert model is not None, "the classifier of an own network is found in the network"
    from torch import nn

    weights = {
        kind: [(n, m.weight) for n, m in model.named_modules() if isinstance(m, kind)]
        for kind in (nn.Linear, nn.Conv2d)
    }
    for wanted in (num_outputs, None):
        for found in weights.values():
            names = [name for name, weight in found if wanted in (None, weight.shape[0])]
            if names:
                return f"{names[-1]}.weight".removeprefix(".")
    raise UserError(f"{arch} makes a network without a linear or convolution layer; add one")


def output_names(arch: str, args: Mapping[str, Any]) -> list[str]:
    """Return the names of tensors whose first axis is the number of outputs, the classifier first.

    The network is built with two numbers of outputs and the shapes are compared.
    """
    return list(_output_names(arch, json.dumps(dict(args), sort_keys=True)))


@functools.cache
def _output_names(arch: str, args: str) -> tuple[str, ...]:
    few, more = (_shapes(arch, num, json.loads(args)) for num in COMPARED)
    return tuple(
        name
        for name, shape in few.items()
        if shape[:1] == COMPARED[:1] and more.get(name) == (COMPARED[1], *shape[1:])
    )


def _shapes(arch: str, num_outputs: int, args: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    import torch

    with torch.random.fork_rng(devices=[]):  # training continues as if this had not happened
        try:
            with torch.device("cpu" if is_own(arch) else "meta"):
                model = build(arch, num_outputs, **args)
        except NotImplementedError:  # some networks need real numbers to be built
            model = build(arch, num_outputs, **args)
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
