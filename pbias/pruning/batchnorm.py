"""Statistics of batch normalisation, estimated anew: those of a pruned network are of another."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def has_statistics(model: nn.Module) -> bool:
    """Whether there is anything to estimate."""
    return any(_layers(model))


@torch.no_grad()
def reestimate(model: nn.Module, batches: Iterable[Tensor]) -> None:
    """Set means and variances to their averages over batches of pictures; nothing is trained.

    Each batch counts the same. Everything but batch normalisation works as it does in prediction.
    Source: Li et al., EagleEye, ECCV 2020 (adaptive batch normalisation).
    """
    layers = _layers(model)
    momenta = [layer.momentum for layer in layers]
    model.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # torch's word for a cumulative average
        layer.train()
    for batch in batches:
        model(batch)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    model.eval()


def _layers(model: nn.Module) -> list[_BatchNorm]:
    return [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
