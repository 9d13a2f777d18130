"""Accounting: counts by hand on a small network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pbias.models import build
from pbias.pruning.accounting import account
from pbias.pruning.prunable import prunable
from pbias.pruning.selection import prune


def _model() -> nn.Module:
    """A 1x1 convolution with one empty filter of three, and a classifier with one empty row."""
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
