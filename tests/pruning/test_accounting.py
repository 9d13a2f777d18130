"""Counts of a network by hand, and multiply-accumulates against published values."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pbias.models import build
from pbias.pruning.accounting import account, num_uses
from pbias.pruning.layers import prunable
from pbias.pruning.selection import prune


def _model() -> nn.Module:
    """Make a 1x1 convolution with one empty filter of three; the classifier has an empty row."""
    model = nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3, 4))
    model[0].weight.data = torch.tensor([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])[:, :, None, None]
    model[3].weight.data = torch.tensor([[1.0, 1, 1], [1, 0, 0], [0, 0, 0], [0, -0.0, 1]])
    return model


def test_counts_by_hand() -> None:
    counts = account(_model(), "3.weight")
    conv, classifier = counts.layers
    assert (conv.num_weights, conv.num_zeros) == (6, 3)
    assert (conv.num_filters, conv.num_empty_filters) == (3, 1)
    assert (classifier.num_weights, classifier.num_zeros) == (12, 7)
    assert (counts.num_weights, counts.num_zeros) == (18, 10)
    assert counts.num_parameters == 6 + 3 + 3 + 3 + 12 + 4
    assert counts.sparsity == 10 / 18
    assert counts.per_layer() == {"0.weight": 0.5, "3.weight": 7 / 12}


def test_labels_of_constant_output_are_named_by_row() -> None:
    assert account(_model(), "3.weight").empty_outputs == [2]


def test_size_as_bitmask_and_values_by_hand() -> None:
    counts = account(_model(), "3.weight")
    # 33 float32 parameters, running mean and variance of 3, and a step counter in int64.
    assert counts.dense_bytes == 4 * (31 + 6) + 8
    assert counts.packed_bytes == counts.dense_bytes - 4 * 18 + 4 * 8 + 1 + 2


def test_resnet50_at_95_percent_takes_8_mib_packed() -> None:
    model = build("resnet50", 1000)
    weights = prunable(model)
    prune(weights, round(0.95 * sum(w.numel() for w in weights.values())))
    mib = account(model, "fc.weight").packed_bytes / 2**20
    assert mib == pytest.approx(8.4, abs=0.15)


def test_uses_of_weights_by_hand() -> None:
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
        # torchvision's 17.56 minus the products without a weight: 12 layers, 197^2 scores, 2 x 768.
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
