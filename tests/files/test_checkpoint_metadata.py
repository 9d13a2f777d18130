"""The schema of a checkpoint's metadata: every value of a wrong type is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pbias.files.checkpoint.metadata import MAX_DEPTH, find_fault

LOOP: list[Any] = []
LOOP.append(LOOP)
DEEP: list[Any] = []
for _ in range(MAX_DEPTH + 1):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("metadata", "name", "words"),
    [
        ({"preprocess": {"crop": 0}}, "preprocess.crop", "a whole number from 1 to 2,048"),
        ({"preprocess": {"size": 8, "crop": 9}}, "preprocess", "a crop up to its size"),
        ({"preprocess": {"size": float("inf")}}, "preprocess.size", "a finite number"),
        ({"preprocess": {"std": [0.5, 0.5, 0]}}, "preprocess.std", "3 numbers above 0"),
        ({"recipe": {"epochs": True}}, "recipe.epochs", "a whole number, 1 or more"),
        ({"recipe": {"seed": 2**63}}, "recipe.seed", "a number below 2^63"),
        ({"recipe": {"lr": "0.1"}}, "recipe.lr", "a number"),
        ({"recipe": {"of others": {1, 2}}}, "recipe.of others", "text, or a list or dict of them"),
        ({"model": {"name": "resnet18"}}, "model", "a dict of a name and its arguments"),
        ({"model": {"name": "a", "args": {1: 2}}}, "model.args", "a dict with names as keys"),
        ({"data": {"where": "Male=1"}}, "data.where", "a list of text"),
        ({"sparsity": {"only": [None]}}, "sparsity.only", "a list of text"),
        (
            {"sparsity": {"per_layer": {"w": 2}}},
            "sparsity.per_layer",
            "a dict of numbers from 0 to",
        ),
        ({"environment": {"torch": 2}}, "environment", "a dict of text"),
        ({"targets": "Smiling"}, "targets", "a list of names"),
        ({"parents": torch.zeros(2)}, "parents", "text, or a list or dict of them"),
        ({"data": LOOP}, "data", "nested at most 20 deep"),
        ({"data": {"others": DEEP}}, "data.others", "nested at most 20 deep"),
    ],
)
def test_the_value_that_breaks_the_schema_is_named(
    metadata: dict[str, Any], name: str, words: str
) -> None:
    fault = find_fault(metadata)
    assert fault is not None and fault.name == name and words in fault.words
    assert len(fault.shown) <= 60


def test_unknown_keys_may_hold_any_plain_value() -> None:
    nested = {"list": [1, 2.5, "a", None, True, {"b": [[]]}]}
    assert find_fault({"recipe": {"new in 2.0": nested}, "data": {}, "sparsity": {}}) is None
