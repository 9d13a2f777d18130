"""Networks of torchvision (ViT), and how torchvision is imported beside any torch.

Vision transformers (Dosovitskiy et al., ICLR 2021) are torchvision's ViT-B/16 and ViT-L/16.

torchvision from PyPI is compiled against CUDA: beside a CPU-only torch its extension cannot be
loaded. That alone would not matter here, since networks need none of its operators, but
torchvision describes two of them (`nms`, `qnms`) to torch while it is imported, and that fails
where they are not known: "operator torchvision::nms does not exist". Declaring the two, without an
implementation, lets the import go through. Everything in this package gets torchvision from here.
"""

from __future__ import annotations

import functools
import importlib
from types import ModuleType

import torch
from torch import nn

MISSING = ("nms", "qnms")
SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


@functools.cache
def load_torchvision() -> ModuleType:
    """The `torchvision` module; its missing operators are declared only where they are missing.

    Costs about as long as importing torch itself (it brings in `torch._dynamo`): call it late.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
    _declare_missing()
    return importlib.import_module("torchvision")


def _declare_missing() -> None:
    for name in MISSING:
        if not hasattr(torch.ops.torchvision, name):
            torch.library.define(f"torchvision::{name}", SCHEMA)


def vit_b_16(num_outputs: int, image_size: int = 224) -> nn.Module:
    """ViT-B/16: 86 million weights; takes images of `image_size` pixels only."""
    return _vit("vit_b_16", num_outputs, image_size)


def vit_l_16(num_outputs: int, image_size: int = 224) -> nn.Module:
    """ViT-L/16: 304 million weights; takes images of `image_size` pixels only."""
    return _vit("vit_l_16", num_outputs, image_size)


def _vit(name: str, num_outputs: int, image_size: int) -> nn.Module:
    factory = getattr(load_torchvision().models, name)
    model: nn.Module = factory(num_classes=num_outputs, image_size=image_size)
    # torchvision starts the classifier at zero: pruning by magnitude would take it first.
    nn.init.trunc_normal_(model.get_submodule("heads.head").get_parameter("weight"), std=0.02)
    return model
