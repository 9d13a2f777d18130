"""How weights start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from torch import Tensor, nn


def initialize_he(model: nn.Module, mode: Literal["fan_in", "fan_out"]) -> None:
    """He initialisation (He et al., ICCV 2015) of every convolution of a network."""
    for weight in _convolutions(model):
        nn.init.kaiming_normal_(weight, mode=mode, nonlinearity="relu")


def _convolutions(model: nn.Module) -> Iterator[Tensor]:
    for module in model.modules():
        # A network on the meta device gets its weights later; drawing normal numbers there would
        # import torch._dynamo, which takes as long as torch itself.
        if isinstance(module, nn.Conv2d) and not module.weight.is_meta:
            yield module.weight
