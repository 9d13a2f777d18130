"""Vision transformers (Dosovitskiy et al., ICLR 2021): torchvision's ViT-B/16 and ViT-L/16."""

from __future__ import annotations

from torch import nn

from pbias.models.torchvision_import import load_torchvision


def vit_b_16(num_outputs: int, image_size: int = 224) -> nn.Module:
    """Return a ViT-B/16: 86 million weights; it takes only images of `image_size` pixels."""
    return _vit("vit_b_16", num_outputs, image_size)


def vit_l_16(num_outputs: int, image_size: int = 224) -> nn.Module:
    """Return a ViT-L/16: 304 million weights; it takes only images of `image_size` pixels."""
    return _vit("vit_l_16", num_outputs, image_size)


def _vit(name: str, num_outputs: int, image_size: int) -> nn.Module:
    factory = getattr(load_torchvision().models, name)
    model: nn.Module = factory(num_classes=num_outputs, image_size=image_size)
    # torchvision starts the classifier at zero, so pruning by magnitude would remove it first.
    nn.init.trunc_normal_(model.get_submodule("heads.head").get_parameter("weight"), std=0.02)
    return model
