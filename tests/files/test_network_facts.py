"""Facts about networks in logits files: from this version, from 0.1, from others."""

from __future__ import annotations

from typing import Any

import pytest

from pbias.files.logits.network_facts import architecture_of, seed_of, strategy_of

GRADUAL: dict[str, Any] = {"method": "gradual", "score": "magnitude", "scope": "global"}


@pytest.mark.parametrize(
    ("meta", "strategy"),
    [
        ({"model": "resnet18", "pruning": {}, "parents": []}, "dense"),
        ({"pruning": {**GRADUAL, "start": "random"}, "parents": ["teacher"]}, "from-scratch"),
        ({"pruning": {**GRADUAL, "start": "trained"}, "parents": []}, "from-dense"),
        # Version 0.1 did not record the starting point of training.
        ({"pruning": GRADUAL, "parents": []}, "from-scratch"),
        ({"pruning": GRADUAL, "parents": ["abc"]}, "from-dense"),
        ({"pruning": GRADUAL, "parents": ["abc"], "runtime": {}}, "gradual"),
        ({"pruning": {"method": "one-shot", "score": "random"}}, "one-shot random"),
        ({"pruning": {"method": "one-shot", "pattern": "2:4"}}, "one-shot 2:4"),
        ({"model": "a", "pruning": {}, "quantization": {"method": "static"}}, "int8"),
        ({"pruning": {**GRADUAL, "start": "trained"}, "quantization": {}}, "from-dense int8"),
        # An int8 graph of another program has no record of how it was quantized.
        ({"model": "onnx", "int8_share": 1.0, "sparsity": 0.01}, "int8"),
        ({"model": "onnx", "int8_share": 0.4, "sparsity": 0.0}, "dense"),
        ({"model": "onnx", "int8_share": "all"}, "dense"),
        ({"paper_run": {"strategy": "GMP-RI"}}, "GMP-RI"),
        ({"pruning": "gradual", "model": ["a"], "quantization": 8, "paper_run": 1}, ""),
        ({"pruning": {**GRADUAL, "start": "elsewhere"}}, "gradual"),
        ({}, ""),
    ],
)
def test_a_strategy_is_told_by_how_zeros_came_about(meta: dict[str, Any], strategy: str) -> None:
    assert strategy_of(meta) == strategy


@pytest.mark.parametrize("seed", [True, "1", 1.0, None, [1]])
def test_a_seed_is_a_whole_number(seed: Any) -> None:
    assert seed_of({"recipe": {"seed": 0}}) == 0
    assert seed_of({"recipe": {"seed": seed}}) is None
    assert seed_of({"recipe": seed}) is None


def test_an_architecture_is_that_of_the_model_or_of_an_imported_run() -> None:
    assert architecture_of({"model": "resnet18"}) == "resnet18"
    assert architecture_of({"paper_run": {"arch": "mobilenet"}}) == "mobilenet"
    assert architecture_of({"model": {"name": "resnet18"}}) == ""
