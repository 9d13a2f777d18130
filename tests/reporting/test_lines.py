"""Lines of a plot: ways of pruning are separate, int8 is separate, dense is on all of them."""

from __future__ import annotations

from typing import Any

from pbias.workflows.reports.lines import line_names


def meta(start: str = "", model: str = "small", **more: Any) -> dict[str, Any]:
    pruning = {"method": "gradual", "start": start} if start else {}
    return {"model": model, "pruning": pruning, **more}


def test_a_dense_network_is_on_the_line_of_every_way_to_prune_it() -> None:
    metas = [meta(), meta("random"), meta("trained")]
    assert line_names(metas, [0.0, 0.9, 0.9]) == [
        ["from-scratch", "from-dense"], ["from-scratch"], ["from-dense"],
    ]  # fmt: skip


def test_int8_begins_at_the_dense_network_in_int8() -> None:
    int8 = {"quantization": {"method": "static"}}
    metas = [meta(), meta(**int8), meta("trained"), meta("trained", **int8)]
    assert line_names(metas, [0.0, 0.0, 0.9, 0.9]) == [
        ["from-dense"], ["from-dense int8"], ["from-dense"], ["from-dense int8"],
    ]  # fmt: skip


def test_int8_of_the_dense_network_alone_is_a_place_of_its_own() -> None:
    metas = [meta(), meta(quantization={}), meta("trained")]
    assert line_names(metas, [0.0, 0.0, 0.9]) == [["from-dense"], ["int8"], ["from-dense"]]


def test_int8_and_floating_point_without_pruning_are_two_lines() -> None:
    """They were one line, whose only point was the mean of both."""
    metas = [meta(), meta(), meta(quantization={}), {"model": "small", "int8_share": 1.0}]
    assert line_names(metas, [0.0] * 4) == [["dense"], ["dense"], ["int8"], ["int8"]]
    pruned = meta("trained", quantization={})
    assert line_names([meta(), pruned], [0.0, 0.9]) == [["dense"], ["from-dense int8"]]


def test_networks_are_told_apart_only_where_they_differ() -> None:
    metas = [meta("random", "a"), meta("random", "b")]
    assert line_names(metas, [0.9, 0.9]) == [["a"], ["b"]]
