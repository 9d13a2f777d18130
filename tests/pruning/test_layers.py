"""Layers by name: exact names, layers, regular expressions, and what matches nothing."""

from __future__ import annotations

import pytest

from pbias.errors import UserError
from pbias.pruning.layers import chosen_names

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
        ("re:(", r"re:\( is no regular expression"),
        ("", "called ''; there are conv1.weight"),
    ],
)
def test_a_selector_that_matches_nothing_names_what_there_is(selector: str, message: str) -> None:
    for only, exclude in (([selector], []), ([], [selector])):
        with pytest.raises(UserError, match=message):
            chosen_names(NAMES, only, exclude)


def test_something_must_be_left() -> None:
    with pytest.raises(UserError, match="none of the 4 layers is left to prune; exclude fewer"):
        chosen_names(NAMES, ["fc"], ["re:."])
