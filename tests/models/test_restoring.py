"""Networks whose layers share a weight, which is loaded, counted and pruned once."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pbias.errors import UserError
from pbias.models import restore, shared_names
from pbias.models.network_files import Named, network, read_network
from pbias.models.user_factory import use_factory
from pbias.pruning.accounting import account, account_bare, facts
from pbias.pruning.layers import prunable

OWN = "tied_net:Tied"
# Two convolutions share one weight of 3 x 3 x 3 x 3; the classifier has 2 x 3.
NUM_WEIGHTS = 81 + 6


class Tied(nn.Module):
    """A network of two layers that share their weight, and a classifier."""

    def __init__(self, num_outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.second = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.second.weight = self.first.weight
        self.fc = nn.Linear(3, num_outputs)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.second(self.first(images).relu()).mean((2, 3)))
        return logits


@pytest.fixture(autouse=True)
def tied_net(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("tied_net")
    module.Tied = Tied
    monkeypatch.setitem(sys.modules, "tied_net", module)
    use_factory(OWN)


def named(targets: list[str] | None = None) -> Named:
    look = {"crop": 8, "size": 8, "mean": [0.5] * 3, "std": [0.5] * 3}
    return Named(OWN, {}, targets, [], look, [])


def test_a_shared_weight_stays_one_weight(tmp_path: Path) -> None:
    model, path = Tied(2), tmp_path / "tied.pt"
    torch.save(model.state_dict(), path)
    found = network(read_network(str(path), named()))
    assert shared_names(found) == [["first.weight", "second.weight"]]
    assert list(prunable(found)) == ["first.weight", "fc.weight"]
    counts = account(found, "fc.weight")
    assert (counts.num_weights, counts.num_parameters) == (NUM_WEIGHTS, NUM_WEIGHTS + 2)
    assert counts.dense_bytes == 4 * (NUM_WEIGHTS + 2)


def test_without_its_network_a_shared_weight_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "tied.pt"
    torch.save(Tied(2).state_dict(), path)
    said = facts(account_bare(torch.load(path)))
    assert (said["parameters"], said["prunable"]) == (NUM_WEIGHTS + 2, NUM_WEIGHTS)
    assert said["bytes_dense"] == 4 * (NUM_WEIGHTS + 2)


def test_files_that_hold_one_of_its_names_load(tmp_path: Path, safetensors: Any) -> None:
    model, path = Tied(2).eval(), tmp_path / "tied.safetensors"
    safetensors.save_model(model, str(path))  # drops the second name
    images = torch.randn(2, 3, 8, 8)
    found = network(read_network(str(path), named())).eval()
    assert torch.equal(found(images), model(images))
    prefixed = {f"net.{n}": t for n, t in model.state_dict().items() if n != "second.weight"}
    torch.save(prefixed, tmp_path / "prefixed.pt")
    again = network(read_network(str(tmp_path / "prefixed.pt"), named())).eval()
    assert torch.equal(again(images), model(images))


def test_weights_that_should_be_one_but_differ_are_refused() -> None:
    state_dict = {name: tensor.clone() for name, tensor in Tied(2).state_dict().items()}
    state_dict["second.weight"] += 1
    with pytest.raises(UserError, match=r"first\.weight and second\.weight are one weight of"):
        restore(OWN, 2, {}, state_dict)


def test_the_number_of_outputs_is_read_wherever_the_classifier_stands(tmp_path: Path) -> None:
    class Early(Tied):
        def __init__(self, num_outputs: int) -> None:
            super().__init__(num_outputs)
            self.later = nn.Linear(4, 5)

    module: Any = sys.modules["tied_net"]
    module.Early = Early
    use_factory("tied_net:Early")
    path = tmp_path / "early.pt"
    torch.save(Early(3).state_dict(), path)
    said = Named("tied_net:Early", {}, None, [], named().preprocess, [])
    assert read_network(str(path), said).targets == ["output_0", "output_1", "output_2"]
