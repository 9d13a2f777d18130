"""Arrays and data frames as columns in the order of samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pbias.errors import UserError
from pbias.workflows.inputs.columns import (
    Samples,
    aligned,
    as_labels,
    columns,
    group_codes,
    named_columns,
    texts,
)


@pytest.mark.parametrize(
    "cells",
    [
        [True, False, None],
        [1, 0, -1],
        [1.0, 0.0, np.nan],
        ["1", "0", ""],
        [np.int64(1), np.False_, None],
        pd.array([True, False, pd.NA], dtype="boolean"),
        pd.Categorical(["1", "0", None]),
        pd.Series([1, 0, pd.NA], dtype="Int64"),
    ],
)
def test_labels_in_any_form(cells: Any) -> None:
    given = columns(pd.Series(cells) if not isinstance(cells, list) else cells, "labels")
    assert as_labels(given.cells, "labels")[:, 0].tolist() == [1, 0, -1]


@pytest.mark.parametrize(("cell", "shown"), [(2, "2"), (0.5, "0.5"), ("yes", "yes"), (-2, "-2")])
def test_what_is_no_label_is_shown(cell: Any, shown: str) -> None:
    with pytest.raises(UserError, match=f"`labels` holds {shown}; use 0 and 1"):
        as_labels(columns([1, 0, cell], "labels").cells, "labels")


def test_whole_numbers_are_text_without_a_point() -> None:
    cells = np.array([1.0, 2.5, np.nan, None, True, "x", pd.NaT], object)
    assert texts(cells) == ["1", "2.5", "", "", "1", "x", ""]


@pytest.mark.parametrize(
    ("cells", "more", "codes", "values"),
    [
        (["1", "1", ""], (), [1, 1, -1], ("0", "1")),
        (["10", "9"], ["100"], [1, 0], ("9", "10", "100")),
        (["m", "f"], (), [1, 0], ("f", "m")),
        (["", ""], (), [-1, -1], ("0", "1")),
    ],
)
def test_values_of_a_group_are_sorted(
    cells: list[str], more: Any, codes: list[int], values: tuple[str, ...]
) -> None:
    found, names = group_codes("sex", cells, more)
    assert (found.tolist(), names) == (codes, values)


def test_too_many_values_may_be_clusters() -> None:
    with pytest.raises(UserError, match=r"101 different values.*meant for `clusters`"):
        group_codes("person", [f"p{i}" for i in range(101)])


def test_an_index_is_matched_in_any_order_and_rows_beyond_are_ignored() -> None:
    given = columns(pd.Series([3, 1, 2], index=["c", "a", "b"]), "labels")
    assert aligned(given, Samples("logits", 2, np.array(["a", "b"])))[:, 0].tolist() == [1, 2]


def test_a_numbering_of_rows_is_no_index() -> None:
    given = columns(pd.Series([3, 1]), "labels")
    assert aligned(given, Samples("logits", 2, np.array(["b", "a"])))[:, 0].tolist() == [3, 1]


def test_an_index_must_be_unique() -> None:
    given = columns(pd.Series([3, 1], index=["a", "a"]), "labels")
    with pytest.raises(UserError, match="the index of `labels` is not unique"):
        aligned(given, Samples("logits", 1, np.array(["a"])))


def test_groups_are_a_dict_a_frame_or_a_named_series() -> None:
    frame = pd.DataFrame({"sex": ["f", "m"], "age": [1, 2]})
    for given in (frame, dict(frame), {"sex": ["f", "m"], "age": np.array([1, 2])}):
        found = named_columns(given, "groups")
        assert [(n, c.cells[:, 0].tolist()) for n, c in found.items()] == [
            ("sex", ["f", "m"]), ("age", [1, 2]),
        ]  # fmt: skip
    assert list(named_columns(frame["sex"], "groups")) == ["sex"]
