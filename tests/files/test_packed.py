"""Packed files: exact, small, and read like others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from torch import Tensor

from pbias.errors import UserError
from pbias.files.checkpoint import (
    Checkpoint,
    load_checkpoint,
    packed,
    parse_state_dict,
    save_checkpoint,
    serialize,
)
from pbias.files.checkpoint.packed import pack, unpack_all
from pbias.models import build
from pbias.pruning.layers import prunable
from pbias.pruning.selection import num_zeros, prune

VALUES = st.sampled_from([0.0, 0.0, 0.0, -0.0, 1.5, -2.0, 1e-45, np.inf])


def _checkpoint(state_dict: dict[str, Tensor]) -> Checkpoint:
    return Checkpoint(
        {"name": "resnet50", "args": {}}, state_dict, ["Smiling"], [], [], {}, {}, None,
        {"epochs": 3}, {"asked": 0.95}, ["ab"], {"torch": "2"},
    )  # fmt: skip


def _resnet50(sparsity: float) -> dict[str, Tensor]:
    torch.manual_seed(0)
    model = build("resnet50", 1)
    weights = prunable(model)
    prune(weights, num_zeros(sparsity, sum(w.numel() for w in weights.values())))
    return model.state_dict()


@given(arrays(np.float32, array_shapes(max_dims=4, max_side=6), elements=VALUES))
def test_unpacking_gives_the_same_bits(values: np.ndarray) -> None:
    tensor = torch.from_numpy(values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed, "MIN_WEIGHTS", 0)
        again = unpack_all({"w": pack(tensor)}, "x.pt")
    assert isinstance(again, dict)
    assert again["w"].shape == tensor.shape
    assert again["w"].numpy().tobytes() == values.tobytes()


def test_a_packed_file_has_the_dense_ones_content_to_the_byte(tmp_path: Path) -> None:
    checkpoint = _checkpoint(_resnet50(0.9))
    save_checkpoint(checkpoint, str(tmp_path / "packed.pt"), packed=True)
    assert serialize(load_checkpoint(str(tmp_path / "packed.pt"))) == serialize(checkpoint)


def test_resnet50_at_95_percent_takes_a_tenth() -> None:
    checkpoint = _checkpoint(_resnet50(0.95))
    assert len(serialize(checkpoint, packed=True)) < len(serialize(checkpoint)) / 10


def test_dense_tensors_counters_and_small_ones_stay_as_they_are() -> None:
    tensors = [torch.randn(2000), torch.zeros(2000, dtype=torch.int64), torch.zeros(10)]
    assert all(pack(tensor) is tensor for tensor in tensors)


def test_packed_weights_are_a_state_dict_too(tmp_path: Path) -> None:
    weights = {"fc.weight": torch.zeros(50, 50)}
    save_checkpoint(_checkpoint(weights), str(tmp_path / "packed.pt"), packed=True)
    again = parse_state_dict((tmp_path / "packed.pt").read_bytes(), "packed.pt")
    assert torch.equal(again["fc.weight"], weights["fc.weight"])


def test_channels_last_weights_are_packed_in_c_order() -> None:
    tensor = torch.randn(8, 16, 3, 3).relu().contiguous(memory_format=torch.channels_last)
    again = unpack_all({"w": pack(tensor)}, "x.pt")
    assert isinstance(again, dict)
    assert torch.equal(again["w"], tensor)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": [50, 51]}, "the parts of packed w do not fit"),
        ({"shape": [-50, -50]}, "the parts of packed w do not fit"),
        ({"shape": [10**9, 10**9]}, "the parts of packed w do not fit"),
        ({"shape": "ab"}, "the parts of packed w do not fit"),
        ({"mask": torch.zeros(313)}, "the parts of packed w do not fit"),
        ({"mask": 3}, "the parts of packed w do not fit"),
        ({"values": torch.zeros(3)}, "packed w has 3 values for 1 places"),
        ({"values": torch.zeros(1, 1)}, "the parts of packed w do not fit"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes: dict[str, object], message: str) -> None:
    tensor = torch.zeros(50, 50)
    tensor[3, 4] = 1.0
    form = pack(tensor)
    assert isinstance(form, dict)
    with pytest.raises(UserError, match=message):
        unpack_all({"w": form | changes}, "x.pt")
