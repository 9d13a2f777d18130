"""Differences of two networks other than pruning."""

from __future__ import annotations

from typing import Any

import pytest

from pbias.files.logits.comparability import differences

DENSE: dict[str, Any] = {
    "model": "resnet_small",
    "model_arguments": {},
    "recipe": {"name": "small", "lr": 0.003, "epochs": 12, "seed": 0},
    "preprocess": {"size": 64, "crop": 64},
    "data": {"sha256": "ab" * 32, "where": []},
    "parents": [],
    "pruning": {},
}
LATER = {"parents": ["cd" * 32], "pruning": {"method": "gradual"}}


def changed(part: str, **values: Any) -> dict[str, Any]:
    return {**DENSE, part: {**DENSE[part], **values}}


def test_pruned_networks_of_the_same_recipe_are_alike() -> None:
    for pruning in ({"pruning": {"method": "one-shot"}, "parents": ["cd" * 32]}, LATER):
        assert differences(DENSE | pruning, DENSE) == []


def test_names_and_seeds_make_no_difference() -> None:
    assert differences(changed("recipe", name="other", seed=3), DENSE) == []


def test_pruning_later_may_take_other_epochs_but_learning_while_pruned_may_not() -> None:
    shorter = changed("recipe", epochs=6)
    assert differences(shorter | LATER, DENSE) == []
    pruned = {"pruning": {"method": "gradual"}}
    assert differences(shorter | pruned, DENSE) == ["epochs 6, reference 12"]


@pytest.mark.parametrize(
    ("part", "values", "said"),
    [
        ("recipe", {"lr": 0.1}, "lr 0.1, reference 0.003"),
        ("preprocess", {"crop": 48}, "crop 48, reference 64"),
        ("data", {"sha256": "ef" * 32}, "training data efefefef, reference abababab"),
        ("data", {"where": ["Male=1"]}, "where Male=1, reference (none)"),
        ("model_arguments", {"width": 4}, "model_arguments {'width': 4}, reference {}"),
    ],
)
def test_what_differs_is_named_with_both_values(
    part: str, values: dict[str, Any], said: str
) -> None:
    assert differences(changed(part, **values), DENSE) == [said]


def test_files_of_other_programs_say_nothing() -> None:
    other = {"recipe": "ours", "pruning": 3, "data": None}
    for meta in ({}, other):
        assert differences(meta, DENSE) == differences(DENSE, meta) == []
