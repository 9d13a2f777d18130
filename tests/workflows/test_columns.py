"""Arrays and data frames as columns in the order of samples."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pbias.errors import UserError
from pbias.workflows.inputs.columns import (
    Samples,
    aligned,
    columns,
    named_columns,
)


def test_an_index_is_matched_in_any_order_and_rows_beyond_are_ignored() -> None:
    given = columns(pd.Series([3, 1, 2], index=["c", "a", "b"]), "labels")
    assert aligned(given, Samples("logits", 2, np.array(["a", "b"])))[:, 0].tolist() == [1, 2]


def test_a_numbering_of_rows_is_no_index() -> None:
    given = columns(pd.Series([3, 1]), "labels")
    assert aligned(given, Samples("logits", 2, np.array(["b", "a"])))[:, 0].tolist() == [3, 1]


def test_an_index_must_be_unique() -> None:
    given = columns(pd.Series([3, 1], index=["a", "a"]), "labels")
    with pytest.raises(UserError, match="the index of `labels` has duplicates"):
        aligned(given, Samples("logits", 1, np.array(["a"])))


def test_groups_are_a_dict_a_frame_or_a_named_series() -> None:
    frame = pd.DataFrame({"sex": ["f", "m"], "age": [1, 2]})
    for given in (frame, dict(frame), {"sex": ["f", "m"], "age": np.array([1, 2])}):
        found = named_columns(given, "groups")
        assert [(n, c.cells[:, 0].tolist()) for n, c in found.items()] == [
            ("sex", ["f", "m"]), ("age", [1, 2]),
        ]  # fmt: skip
    assert list(named_columns(frame["sex"], "groups")) == ["sex"]
