"""The setup of training: devices, seeds, weights from elsewhere."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from pbias.errors import UserError
from pbias.training.recipe import Recipe
from pbias.training.setup import (
    choose_device,
    epoch_generator,
    make_optimizer,
    new_network,
    read_weights,
    start_from,
)


def test_a_device_is_announced_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert choose_device("cpu").type == "cpu"
    assert "device cpu (asked for)" in caplog.text
    choose_device("auto")
    assert "the first of cuda, mps and cpu that is there" in caplog.text


@pytest.mark.parametrize("name", ["cuda:99", "gpu", "xpu"])
def test_a_device_that_is_not_there_is_an_error(name: str) -> None:
    with pytest.raises(
        UserError, match=f"device '{name}' is not available here; use --device auto or cpu"
    ):
        choose_device(name)


def test_a_seed_fixes_the_random_weights() -> None:
    first, again, other = (new_network("resnet_small", 3, seed).fc.weight for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_the_largest_seed_draws_numbers() -> None:
    epoch_generator(Recipe(seed=2**63 - 1), 3)


def test_every_epoch_and_seed_draws_its_own_numbers() -> None:
    draws = {
        torch.rand(1, generator=epoch_generator(Recipe(seed=seed), epoch)).item()
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(draws) == 9


def test_frozen_parameters_are_not_trained() -> None:
    model = new_network("resnet_small", 3, 0)
    model.conv1.weight.requires_grad_(False)
    trained = make_optimizer(Recipe(), model).param_groups[0]["params"]
    assert len(trained) == len(list(model.parameters())) - 1


def test_weights_of_the_same_network_are_taken_over(tmp_path: Path) -> None:
    path, old, new = str(tmp_path / "x.pt"), *(new_network("resnet_small", 3, s) for s in (1, 2))
    torch.save(old.state_dict(), path)
    start_from(new, "resnet_small", read_weights(path))
    assert all(
        torch.equal(new.state_dict()[name], value) for name, value in old.state_dict().items()
    )


def test_a_classifier_of_another_size_starts_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = str(tmp_path / "x.pt")
    old, new = new_network("resnet_small", 1000, 1), new_network("resnet_small", 3, 2)
    torch.save(old.state_dict(), path)
    start_from(new, "resnet_small", read_weights(path))
    assert torch.equal(new.conv1.weight, old.conv1.weight) and new.fc.weight.shape[0] == 3
    assert "the classifier has 1000 outputs, not 3; it starts from random weights" in caplog.text


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "x.pt")
    torch.save(new_network("resnet18", 3, 0).state_dict(), path)
    with pytest.raises(UserError, match=r"does not fit resnet_small: \d+ tensors .* --arch"):
        start_from(new_network("resnet_small", 3, 0), "resnet_small", read_weights(path))
