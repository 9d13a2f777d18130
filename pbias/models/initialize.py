"""How weights start."""

from __future__ import annotations

from typing import Literal

from torch import nn


def initialize_convolutions(model: nn.Module, mode: Literal["fan_in", "fan_out"]) -> None:
    """He initialisation (He et al., ICCV 2015) of every convolution of a network."""
    for module in model.modules():
        # A network on the meta device gets its weights later; drawing normal numbers there would
        # import torch._dynamo, which takes as long as torch itself.
        if isinstance(module, nn.Conv2d) and not module.weight.is_meta:
            nn.init.kaiming_normal_(module.weight, mode=mode, nonlinearity="relu")
