"""Architectures by name: each is a factory `(num_outputs, **args) -> nn.Module`."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pbias.errors import UserError, did_you_mean
from pbias.models.library_networks import build_library, is_library
from pbias.models.user_factory import build_own, is_own

if TYPE_CHECKING:
    from torch import Tensor, nn

Argument = int | float | str | bool
MAX_ARGUMENT = 2048  # of a built-in architecture: no useful network is wider or sees larger images
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

# A new network gets these values for arguments that are not named. The factories keep their own
# older defaults, because checkpoints that name no arguments were made with those.
WIDTH = 48  # docs/measurements.md
NEW = {"resnet_small": {"width": WIDTH}}
STEM = ".conv1.weight"  # [width, 3, 3, 3] of a resnet_small


def architecture(name: str) -> Architecture:
    """Return the architecture with this name; UserError lists the known ones."""
    if name in ARCHITECTURES:
        return ARCHITECTURES[name]
    hint = f"{did_you_mean(name, ARCHITECTURES, '')} choose one of {', '.join(ARCHITECTURES)}"
    raise UserError(
        f"unknown architecture {name!r}; {hint.lstrip()}, torchvision:NAME or timm:NAME, or name a"
        " network of your own with --model package.module:factory"
    )


def build(name: str, num_outputs: int, /, **args: Argument) -> nn.Module:
    """Return a freshly initialized network with `num_outputs` logits.

    `name` is one of ARCHITECTURES, a library's network, or a factory in use. Raises UserError for
    an unknown name, for arguments that the architecture does not take, and for sizes that are not
    positive whole numbers.
    """
    if is_own(name):
        return build_own(name, num_outputs, args)
    if is_library(name):
        return build_library(name, num_outputs, args)
    factory = _factory(architecture(name).factory)
    try:
        inspect.signature(factory).bind(num_outputs, **args)
    except TypeError as error:
        raise UserError(f"{name} cannot be built: {error}; check the model's arguments") from error
    if num_outputs < 1:
        raise UserError(f"{name} cannot be built with {num_outputs} outputs; use 1 or more")
    for key, value in args.items():
        most = MAX_DEPTH if key == "depth" else MAX_ARGUMENT
        if type(value) is not int or not 1 <= value <= most:
            raise UserError(
                f"{name} cannot be built with {key} = {value!r}; it must be a whole number from 1"
                f" to {most:,}"
            )
    return factory(num_outputs, **args)


def new_args(name: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a new network: those named, and current defaults for the rest."""
    return {**NEW.get(name, {}), **args}


def old_args(name: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a network made with `args`, completed with its factory's defaults."""
    factory = ARCHITECTURES[name].factory if name in NEW else ""
    defaults = inspect.signature(_factory(factory)).parameters if factory else {}
    return {**{key: defaults[key].default for key in NEW.get(name, {})}, **args}


def args_of_weights(
    name: str, args: Mapping[str, Any], state_dict: Mapping[str, Tensor]
) -> dict[str, Any]:
    """Return the arguments; add the width found in the weights if no width is named.

    A state dict does not say how its network was made, and the default width has changed.
    """
    # Names may have a prefix: the stem's name is the shortest with this ending.
    stem = min((key for key in state_dict if f".{key}".endswith(STEM)), key=len, default="")
    if name not in NEW or "width" in args or not stem or not state_dict[stem].ndim:
        return dict(args)
    width = len(state_dict[stem])
    return dict(args) if width == old_args(name, {})["width"] else {**args, "width": width}


def build_for_weights(name: str, num_outputs: int, **args: Argument) -> nn.Module:
    """Build a network whose weights are loaded later, without initializing them, to save time.

    Networks of users and libraries keep more state than their state dicts contain, so they are
    initialized completely.
    """
    import torch

    with torch.device("meta" if name in ARCHITECTURES else "cpu"):
        return build(name, num_outputs, **args)


def _factory(where: str) -> Callable[..., nn.Module]:
    module, _, function = where.partition(":")
    factory: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return factory
