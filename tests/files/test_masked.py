"""Networks pruned by torch.nn.utils.prune: their files load like those of plain networks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from pbias.errors import UserError
from pbias.files.checkpoint import parse_state_dict
from pbias.models import build
from pbias.models.network_files import Named, network, read_network
from pbias.models.preprocess import Preprocess


def _pruned() -> nn.Module:
    """Return a network with 80 % of its weights masked, including attention layers and biases."""
    torch.manual_seed(0)
    model = build("resnet_small", 3, width=16)
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    prune.global_unstructured(
        [(layer, "weight") for layer in layers], pruning_method=prune.L1Unstructured, amount=0.8
    )
    return model


@pytest.mark.parametrize("prefix", ["", "module."])
def test_masks_are_folded_as_torch_would_remove_them(prefix: str, tmp_path: Path) -> None:
    model, path = _pruned(), str(tmp_path / "masked.pt")
    torch.save({prefix + name: value for name, value in model.state_dict().items()}, path)
    folded = parse_state_dict(Path(path).read_bytes(), path)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            prune.remove(layer, "weight")
    assert folded.keys() == model.state_dict().keys()
    for name, value in model.state_dict().items():
        assert torch.equal(folded[name], value)
        assert name.startswith("bn") or not torch.signbit(folded[name][value == 0]).any()


def test_they_become_checkpoints(tmp_path: Path) -> None:
    model, path = _pruned(), str(tmp_path / "masked.pt")
    torch.save(model.state_dict(), path)
    images = torch.randn(2, 3, 16, 16)
    preprocess = Preprocess.for_crop(16).as_dict()
    named = Named("resnet_small", {}, None, [], preprocess, [])
    logits = network(read_network(path, named)).eval()(images)
    torch.testing.assert_close(logits, model.eval()(images))


def test_a_mask_of_another_shape_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "masked.pt")
    torch.save({"fc.weight_orig": torch.ones(3, 2), "fc.weight_mask": torch.ones(2)}, path)
    with pytest.raises(UserError, match=r"fc\.weight_mask has shape \[2\] .*prune\.remove and"):
        parse_state_dict(Path(path).read_bytes(), path)


def test_names_that_only_look_like_masks_stay(tmp_path: Path) -> None:
    path, names = str(tmp_path / "other.pt"), ["a_orig", "b_mask"]
    torch.save({name: torch.ones(1) for name in names}, path)
    assert list(parse_state_dict(Path(path).read_bytes(), path)) == names
