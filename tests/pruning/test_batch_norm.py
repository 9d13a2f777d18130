"""Re-estimated batch-norm statistics, compared with means and variances over all images."""

from __future__ import annotations

import torch
from torch import nn

from pbias.models import build
from pbias.pruning.batch_norm import has_statistics, reestimate


def test_statistics_of_the_first_layer_are_those_of_the_pictures() -> None:
    layer = nn.BatchNorm2d(3, momentum=0.3)
    images = torch.randn(6, 3, 5, 5) * 4 + 2
    reestimate(layer, [images])
    torch.testing.assert_close(layer.running_mean, images.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(layer.running_var, images.var(dim=(0, 2, 3)))
    assert layer.momentum == 0.3 and not layer.training


def test_every_batch_counts_the_same() -> None:
    layer = nn.BatchNorm1d(1)
    batches = [torch.tensor([[-1.0], [1.0]]) + 10 * number for number in range(4)]
    reestimate(layer, batches)
    assert float(layer.running_mean) == 15
    assert float(layer.running_var) == 2


def test_weights_stay_and_dropout_drops_nothing() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.BatchNorm1d(4)).train()
    batch = torch.randn(32, 4)
    before = {name: value.clone() for name, value in model.named_parameters()}
    reestimate(model, [batch])
    assert all(torch.equal(value, before[name]) for name, value in model.named_parameters())
    torch.testing.assert_close(model[2].running_mean, model[0](batch).mean(dim=0).detach())
    assert not any(module.training for module in model.modules())


def test_what_has_statistics() -> None:
    assert has_statistics(build("resnet_small", 2))
    assert not has_statistics(nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)))
    assert not has_statistics(nn.BatchNorm2d(2, track_running_stats=False))
