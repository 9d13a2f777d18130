"""Classifiers of torchvision and timm, as `torchvision:NAME` and `timm:NAME`.

Their preprocessing is the one that the library states for its own weights. Weights come from files
and are never downloaded.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pbias.errors import UserError, did_you_mean
from pbias.extras import load_extra
from pbias.models.preprocess import INTERPOLATIONS, Preprocess
from pbias.models.torchvision_import import amend_torchvision, load_torchvision

if TYPE_CHECKING:
    from torch import nn

TORCHVISION, TIMM = "torchvision", "timm"
# Arguments of the libraries that fetch weights, or duplicate other options.
REFUSED = (
    "weights", "weights_backbone", "pretrained", "pretrained_cfg", "pretrained_cfg_overlay",
    "checkpoint_path", "cache_dir", "num_classes", "features_only",
)  # fmt: skip
# These two networks have auxiliary classifiers for training, which return outputs beside the
# logits.
WITHOUT_AUXILIARY = {"aux_logits": False, "init_weights": True}
DEFAULTS = {"googlenet": WITHOUT_AUXILIARY, "inception_v3": WITHOUT_AUXILIARY}


def is_library(name: str) -> bool:
    """Return whether a name is that of a library's network, such as `timm:resnet18`."""
    return name.partition(":")[0] in (TORCHVISION, TIMM) and ":" in name


def build_library(name: str, num_outputs: int, args: Mapping[str, Any]) -> nn.Module:
    """Return a network of a library with random weights and `num_outputs` logits.

    Raises UserError for unknown names, for arguments that the library refuses or that would
    download weights, and where timm is not installed.
    """
    check_name(name)
    library, _, own_name = name.partition(":")
    refused = [key for key in args if key in REFUSED]
    if refused:
        raise UserError(
            f"{name} cannot be built with {refused[0]}: weights come from a file and outputs from "
            "the targets; leave it out of --model-args"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice for the library's own developers
        try:
            if library == TORCHVISION:
                args = {**DEFAULTS.get(own_name, {}), **args}
                make, found = load_torchvision().models.get_model, {"weights": None}
            else:
                make, found = _timm().create_model, {}
            model: nn.Module = make(own_name, num_classes=num_outputs, **found, **args)
        except (NotImplementedError, MemoryError):  # the former: not supported on the meta device
            raise
        except Exception as error:  # the library's networks can raise any exception
            said = " ".join(str(error).split())[:200]
            raise UserError(f"{name} cannot be built: {said}; check --model-args") from error
    return model


def check_name(name: str) -> None:
    """Raise UserError for a network that its library does not have, or that is not a classifier."""
    library, _, own_name = name.partition(":")
    known = _classifiers(library)
    if own_name.partition(".")[0] in known and (library == TIMM or own_name in known):
        return
    hint = did_you_mean(own_name, known, f"see its list of {len(known)} classifiers")
    raise UserError(f"{library} has no classifier '{own_name}'; {hint}")


def preprocess_of(name: str, args: Mapping[str, Any] | None = None) -> Preprocess | None:
    """Return the preprocessing of the library's own weights; None if there is none.

    Arguments may set another size.
    """
    check_name(name)
    library, _, own_name = name.partition(":")
    usual = (_torchvision_look if library == TORCHVISION else _timm_look)(own_name)
    side = (args or {}).get(_size_argument(library))
    if usual is None or not isinstance(side, int):
        return usual
    return dataclasses.replace(usual, crop=side, size=Preprocess.for_crop(side).size)


def sized_args(name: str, args: Mapping[str, Any], side: int) -> dict[str, Any]:
    """Return the arguments of a network that takes images of `side` pixels.

    Transformers are built for one size, which is an argument unless it is the library's own.
    """
    library, _, own_name = name.partition(":")
    usual = preprocess_of(name)
    key = _size_argument(library)
    if usual is None or usual.crop == side or key in args or not _has_fixed_size(library, own_name):
        return dict(args)
    return {**args, key: side}


def _size_argument(library: str) -> str:
    return "img_size" if library == TIMM else "image_size"


def _has_fixed_size(library: str, own_name: str) -> bool:
    if library == TIMM:
        return bool(_timm_metadata(own_name).get("fixed_input_size"))
    builder = load_torchvision().models.get_model_builder(own_name)
    return bool(builder.__module__.endswith(".vision_transformer"))


def _torchvision_look(own_name: str) -> Preprocess | None:
    weights = list(load_torchvision().models.get_model_weights(own_name))
    if not weights:
        return None
    look = type(weights[0]).DEFAULT.transforms()
    return Preprocess(
        size=look.resize_size[0],
        crop=look.crop_size[0],
        mean=tuple(look.mean),
        std=tuple(look.std),
        interpolation=look.interpolation.value,
    )


def _timm_look(own_name: str) -> Preprocess | None:
    said = _timm_metadata(own_name)
    if "input_size" not in said:
        return None
    crop, interpolation = said["input_size"][1], said.get("interpolation", "bilinear")
    return Preprocess(
        size=math.floor(crop / (said.get("crop_pct") or 1)),
        crop=crop,
        mean=tuple(said["mean"]),
        std=tuple(said["std"]),
        interpolation=interpolation if interpolation in INTERPOLATIONS else "bilinear",
    )


def _timm_metadata(own_name: str) -> dict[str, Any]:
    config = _timm().get_pretrained_cfg(own_name)
    return {} if config is None else dict(config.to_dict())


@functools.cache
def _classifiers(library: str) -> frozenset[str]:
    if library == TIMM:
        return frozenset(_timm().list_models())
    models = load_torchvision().models
    return frozenset(models.list_models(module=models))


def _timm() -> Any:
    amend_torchvision()
    return load_extra("timm", "timm", "a network of timm")
