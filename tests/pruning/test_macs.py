"""Uses of weights, by hand and against published counts."""

from __future__ import annotations

import pytest
from torch import nn

from pbias.models import build
from pbias.pruning.macs import num_uses
from pbias.pruning.prunable import prunable


def test_by_hand() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.Flatten(), nn.Linear(4 * 7 * 7, 2))
    assert num_uses(model, 16) == {"0.weight": 49, "2.weight": 1}


def test_a_layer_that_is_called_twice_counts_twice() -> None:
    layer = nn.Conv2d(3, 3, 1)
    assert num_uses(nn.Sequential(layer, layer), 4) == {"0.weight": 32}


@pytest.mark.parametrize(
    ("name", "gmacs"),
    [
        ("resnet18", 1.81),  # torchvision's GFLOPS of the pretrained weights
        ("resnet50", 4.09),
        ("mobilenet_v1", 0.569),  # Howard et al., table 8
        # torchvision's 17.56 less the products without a weight: 12 layers, 197^2 scores, 2 x 768.
        ("vit_b_16", 17.56 - 12 * 197**2 * 2 * 768 / 1e9),
    ],
)
def test_published_counts(name: str, gmacs: float) -> None:
    model = build(name, 1000)
    uses = num_uses(model, 224)
    weights = prunable(model)
    assert set(weights) <= set(uses)
    total = sum(weight.numel() * uses[key] for key, weight in weights.items())
    assert total / 1e9 == pytest.approx(gmacs, rel=0.01)


def test_hooks_are_taken_off_again() -> None:
    model = build("resnet_small", 2)
    first = num_uses(model, 32)
    assert num_uses(model, 32) == first
    assert not any(module._forward_hooks for module in model.modules())
