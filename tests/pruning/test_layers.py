"""Layers that may be pruned, and selectors by name, layer or regular expression."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pbias.errors import UserError
from pbias.models import build
from pbias.pruning.layers import chosen_names, prunable

NAMES = ["conv1.weight", "layer1.0.conv1.weight", "layer1.1.conv1.weight", "fc.weight"]


@pytest.mark.parametrize(
    ("only", "exclude", "chosen"),
    [
        ([], [], [0, 1, 2, 3]),
        ([], ["fc"], [0, 1, 2]),
        ([], ["conv1.weight", "fc.weight"], [1, 2]),
        (["re:^layer1"], [], [1, 2]),
        (["re:conv1"], ["conv1"], [1, 2]),
        (["fc", "conv1"], [], [0, 3]),
        ([], [r"re:layer1\.[1-9]"], [0, 1, 3]),
    ],
)
def test_what_is_chosen(only: list[str], exclude: list[str], chosen: list[int]) -> None:
    assert chosen_names(NAMES, only, exclude) == [NAMES[index] for index in chosen]


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("layer1.0.conv", "called 'layer1.0.conv'; did you mean layer1.0.conv1, .*?"),
        ("re:head", "called 're:head'; there are conv1.weight, .*fc.weight"),
        ("re:(", r"re:\( is not a regular expression"),
        ("", "called ''; there are conv1.weight"),
    ],
)
def test_a_selector_that_matches_nothing_names_what_there_is(selector: str, message: str) -> None:
    for only, exclude in (([selector], []), ([], [selector])):
        with pytest.raises(UserError, match=message):
            chosen_names(NAMES, only, exclude)


def test_something_must_be_left() -> None:
    with pytest.raises(
        UserError, match="none of the 4 layers is left to prune; exclude fewer layers"
    ):
        chosen_names(NAMES, ["fc"], ["re:."])


def test_convolutions_and_linear_layers_but_no_biases_or_norms() -> None:
    names = list(prunable(build("resnet_small", 3)))
    assert names[:2] == ["conv1.weight", "layer1.0.conv1.weight"]
    assert names[-1] == "fc.weight"
    assert not any("bn" in name or "bias" in name or "downsample.1" in name for name in names)


def test_names_are_in_state_dict_order() -> None:
    model = build("resnet50", 3)
    names = prunable(model)
    assert list(names) == [name for name in model.state_dict() if name in names]


def test_attention_projections_are_a_quarter_of_a_transformer() -> None:
    with torch.device("meta"):
        model = build("vit_b_16", 40)
    weights = prunable(model)
    projections = sum(w.numel() for name, w in weights.items() if name.endswith("in_proj_weight"))
    total = sum(p.numel() for p in model.parameters())
    assert projections == 12 * 3 * 768 * 768
    assert 0.24 < projections / total < 0.26
    assert not {"class_token", "encoder.pos_embedding"} & set(weights)


def test_separate_projections_of_attention_count_too() -> None:
    names = prunable(nn.MultiheadAttention(8, 2, kdim=4, vdim=6))
    assert list(names) == ["q_proj_weight", "k_proj_weight", "v_proj_weight", "out_proj.weight"]


def test_a_shared_weight_counts_once() -> None:
    first = nn.Linear(4, 4)
    second = nn.Linear(4, 4)
    second.weight = first.weight
    assert list(prunable(nn.Sequential(first, second))) == ["0.weight"]


def test_one_and_three_dimensional_and_transposed_convolutions() -> None:
    model = nn.Sequential(nn.Conv1d(1, 1, 3), nn.Conv3d(1, 1, 3), nn.ConvTranspose2d(1, 1, 3))
    assert list(prunable(model)) == ["0.weight", "1.weight", "2.weight"]
