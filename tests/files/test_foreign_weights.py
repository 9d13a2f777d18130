"""State dicts from other programs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm

from pbias.errors import UserError
from pbias.files.checkpoint import load_network_file
from pbias.files.checkpoint.foreign import fit_names, fold_parametrizations


class Masked(nn.Module):
    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("anything", mask)

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.anything


def saved(content: object, path: Path) -> dict[str, Tensor]:
    torch.save(content, path)
    found = load_network_file(str(path))
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("prefix", ["module._orig_mod.", "_orig_mod.module.module.", ""])
def test_prefixes_of_wrappers_are_taken_off_in_any_nesting(tmp_path: Path, prefix: str) -> None:
    weights = {f"{prefix}fc.weight": torch.ones(2, 3), "n_averaged": torch.tensor(4)}
    found = saved({"epoch": 1, "model": {"state_dict": weights}}, tmp_path / "x.pt")
    assert list(found) == ["fc.weight"]


def test_another_prefix_is_taken_off_where_the_network_is_known() -> None:
    given = {"model.fc.weight": torch.ones(1), "loss.pos_weight": torch.ones(2)}
    assert list(fit_names(given, ["fc.weight"], "x.pt")) == ["fc.weight"]
    own = {"model.fc.weight": torch.ones(1)}
    assert fit_names(own, ["model.fc.weight"], "x.pt") == own
    assert fit_names(own, ["head.weight"], "x.pt") == own


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2])
def test_types_that_numpy_lacks_are_read_as_float32(tmp_path: Path, dtype: torch.dtype) -> None:
    weight = torch.tensor([[0.0, 1.5], [-2.0, 0.0]])
    found = saved({"fc.weight": weight.to(dtype)}, tmp_path / "x.pt")["fc.weight"]
    assert found.dtype == torch.float32 and torch.equal(found, weight)


def test_which_of_several_sets_of_weights_is_read_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plain, average = {"fc.weight": torch.ones(2, 3)}, {"fc.weight": torch.zeros(2, 3)}
    with caplog.at_level(logging.INFO, "pbias"):
        found = saved({"ema": average, "state_dict": plain, "epoch": 3}, tmp_path / "x.pt")
    assert torch.equal(found["fc.weight"], plain["fc.weight"])
    assert "the weights of 'state_dict' are read, not those of 'ema'" in caplog.text


@pytest.mark.parametrize("shape", [(6, 4), (6, 1)])
def test_masks_behind_parametrizations_are_zeros(shape: tuple[int, int]) -> None:
    layer = nn.Linear(4, 6)
    mask = (torch.arange(shape[0] * shape[1]).reshape(shape) % 3 == 0).float()
    parametrize.register_parametrization(layer, "weight", Masked(mask))
    found = fold_parametrizations(layer.state_dict(), "x.pt")
    assert set(found) == {"weight", "bias"} and torch.equal(found["weight"], layer.weight)


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("norm", [weight_norm, nn.utils.weight_norm])
@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_weight_normalization_is_folded(norm: object, dim: int) -> None:
    layer = norm(nn.Conv2d(3, 5, 2), dim=dim)  # type: ignore[operator]
    with torch.no_grad():
        next(iter(layer.parameters())).mul_(3)
    layer(torch.zeros(1, 3, 4, 4))
    found = fold_parametrizations(layer.state_dict(), "x.pt")
    torch.testing.assert_close(found["weight"], layer.weight)


def test_other_parametrizations_are_refused() -> None:
    layer = nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3))
    with pytest.raises(UserError, match="remove_parametrizations"):
        fold_parametrizations(layer.state_dict(), "x.pt")


def test_safetensors_are_read_and_damaged_ones_refused(safetensors: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    safetensors.save_file({"module.fc.weight": torch.ones(2, 3)}, path)
    found = load_network_file(str(path))
    assert isinstance(found, dict) and torch.equal(found["fc.weight"], torch.ones(2, 3))
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(UserError, match="is damaged"):
        load_network_file(str(path))
