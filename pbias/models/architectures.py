"""Architectures by name: each is a factory `(num_outputs, **args) -> nn.Module`."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pbias.errors import UserError, did_you_mean
from pbias.models.user_factory import build_own, is_own

if TYPE_CHECKING:
    from torch import Tensor, nn

Argument = int | float | str | bool
MAX_ARGUMENT = 2048  # of an architecture here: no useful network is wider, or sees larger images
MAX_DEPTH = 256  # blocks in a row


class Architecture(NamedTuple):
    """Where a network's factory is, `package.module:function`, and its classifier's name."""

    factory: str
    classifier: str


ARCHITECTURES = {
    "resnet_small": Architecture("pbias.models.convnets:resnet_small", "fc"),
    "resnet18": Architecture("pbias.models.convnets:resnet18", "fc"),
    "resnet50": Architecture("pbias.models.convnets:resnet50", "fc"),
    "mobilenet_v1": Architecture("pbias.models.convnets:mobilenet_v1", "fc"),
    "vit_b_16": Architecture("pbias.models.torchvision_models:vit_b_16", "heads.head"),
    "vit_l_16": Architecture("pbias.models.torchvision_models:vit_l_16", "heads.head"),
}


def architecture(name: str) -> Architecture:
    """The architecture of this name; UserError lists the known ones."""
    if name in ARCHITECTURES:
        return ARCHITECTURES[name]
    hint = f"{did_you_mean(name, ARCHITECTURES, '')} choose one of {', '.join(ARCHITECTURES)}"
    raise UserError(
        f"unknown architecture {name!r}; {hint.lstrip()}, or name a network of your own with "
        "--model package.module:factory"
    )


def build(name: str, num_outputs: int, /, **args: Argument) -> nn.Module:
    """A freshly initialised network with `num_outputs` logits; `name` may be of a factory in use.

    Raises UserError for an unknown name, arguments the architecture does not take, or sizes that
    are not positive whole numbers.
    """
    if is_own(name):
        return build_own(name, num_outputs, args)
    factory = _factory(architecture(name).factory)
    try:
        inspect.signature(factory).bind(num_outputs, **args)
    except TypeError as error:
        raise UserError(f"{name} cannot be built: {error}; check the model's arguments") from error
    if num_outputs < 1:
        raise UserError(f"{name} cannot be built with {num_outputs} outputs; it needs 1 or more")
    for key, value in args.items():
        most = MAX_DEPTH if key == "depth" else MAX_ARGUMENT
        if type(value) is not int or not 1 <= value <= most:
            raise UserError(
                f"{name} cannot be built with {key} = {value!r}; it must be a whole number from 1"
                f" to {most:,}"
            )
    return factory(num_outputs, **args)


def restore(
    name: str, num_outputs: int, args: Mapping[str, Argument], state_dict: Mapping[str, Tensor]
) -> nn.Module:
    """The network that `state_dict` belongs to; it takes over the tensors without a copy.

    Nothing is initialised first, which is most of the cost of building a large network (but for
    the factories of users, who may need real numbers). Raises UserError naming the tensors that do
    not fit.
    """
    import torch

    with torch.device("cpu" if is_own(name) else "meta"):
        model = build(name, num_outputs, **args)
    wanted = model.state_dict()
    # Counts batches; nothing here reads it, and files from before torch 0.4.1 lack it.
    counters = {key: torch.tensor(0) for key in wanted if key.endswith("num_batches_tracked")}
    given = {**counters, **state_dict}
    _check_fit(name, wanted, given, num_outputs)
    model.load_state_dict(given, assign=True)
    return model if is_own(name) else model.requires_grad_()


def num_outputs_of(state_dict: Mapping[str, Tensor], arch: str) -> int:
    """The number of logits, from the classifier of a bare state dict of architecture `arch`.

    For a user's own network the classifier is taken to be the last tensor with two axes.
    """
    if is_own(arch):
        matrices = [key for key, tensor in state_dict.items() if tensor.ndim == 2]
        key = matrices[-1] if matrices else "with two axes"
    else:
        key = classifier_weight(arch)
    if key not in state_dict or state_dict[key].ndim != 2:
        raise UserError(
            f"the weights hold no classifier {key}, so they are not of {arch}; check --arch"
        )
    return int(state_dict[key].shape[0])


def classifier_weight(
    arch: str, model: nn.Module | None = None, num_outputs: int | None = None
) -> str:
    """The state-dict key of the classifier's weight [num_outputs, features].

    That of a user's own network is the weight of its last linear layer (or convolution, where it
    has none) with this number of outputs, else of its last one at all; UserError for a network
    without either.
    """
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
    raise UserError(f"{arch} makes a network without linear layers or convolutions; add one")


def _factory(where: str) -> Callable[..., nn.Module]:
    module, _, function = where.partition(":")
    factory: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return factory


def _check_fit(
    name: str, wanted: Mapping[str, Tensor], given: Mapping[str, Tensor], num_outputs: int
) -> None:
    odd = [key for key in wanted if key not in given] + [key for key in given if key not in wanted]
    if odd:
        where = "lack" if odd[0] in wanted else "hold an unknown"
        raise UserError(
            f"the weights {where} {odd[0]} ({len(odd)} names differ), so they are not of {name};"
            " check the architecture"
        )
    for key, tensor in wanted.items():
        if tensor.is_floating_point() != given[key].is_floating_point():
            kinds = [str(one.dtype).removeprefix("torch.") for one in (given[key], tensor)]
            raise UserError(
                f"{key} holds {kinds[0]} numbers but {name} needs {kinds[1]}; save the weights as"
                " float32"
            )
        if tensor.shape != given[key].shape:
            num = len(given[key]) if given[key].ndim else 0
            if is_own(name) and tensor.shape == (num_outputs, *given[key].shape[1:]):
                raise UserError(
                    f"the weights have {num} outputs but --targets names {num_outputs} ({key}); "
                    "name each output"
                )
            raise UserError(
                f"{key} has shape {list(given[key].shape)} but {name} needs {list(tensor.shape)};"
                " check the architecture and its arguments"
            )
