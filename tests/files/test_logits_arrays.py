"""Logits from arrays: checked on creation, and converted from common types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pbias.auditing.engine import Options, audit
from pbias.errors import UserError
from pbias.files.logits import Logits, read_logits, select_rows

Z = np.array([[1.5, -2.0], [0.0, 3.25], [-0.5, 0.25]])
Y = np.array([[1, 0], [-1, 1], [0, 0]])
AB = ("a", "b")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": [[1, 0], [2, 1], [0, 0]]}, "'labels' runs from 0 to 2; use 0, 1, and -1"),
        ({"labels": [[1, 0], [0.5, 1], [0, 0]]}, "'labels' holds 0.5; use 0, 1, and -1 unknown"),
        ({"labels": Y[:2]}, "'labels' is [2, 2] but 'logits' is [3, 2]"),
        ({"labels": Y.astype(str)}, "use integers: 0, 1, and -1 unknown"),
        ({"logits": Z * np.nan}, "'logits' holds nan (row 0, target 0; 6 in 3 rows)"),
        ({"logits": Z[:, 0]}, "'logits' is float64 [3]; it must be floating point"),
        ({"targets": ("a",)}, "'targets' is text [1]; it must be text [2]"),
        ({"targets": ("a", "a")}, "'targets' holds 'a' twice"),
        ({"groups": [[0], [0], [1]], "group_names": ("",)}, "'group_names' holds an empty name"),
        ({"ids": np.array(["x", "y", "x"])}, "1 ids occur more than once (first: x)"),
        ({"ids": np.array(["x", "y"])}, "'ids' is text [2]; it must be text or integers [3]"),
        ({"group_names": ("Male",)}, "'groups' has 0 columns but 'group_names' names 1"),
        ({"group_values": (("0", "1"),)}, "the values of 1 groups but 'group_names' names 0"),
        (
            {"groups": [[0], [2], [1]], "group_names": ("Male",)},
            "'groups' of Male runs from 0 to 2 but has 2 values",
        ),
        ({"train_counts": np.zeros((2, 1, 1, 3), int)}, "must be integers [2, 1, 1, 2]"),
        ({"thresholds": np.array([0, np.nan])}, "'thresholds' holds NaN"),
        ({"activation": "tanh"}, "'activation' is 'tanh'; use sigmoid or softmax"),
    ],
)
def test_what_does_not_fit_is_refused_where_logits_are_made(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError) as caught:
        Logits(**{"logits": Z, "labels": Y, "targets": AB, **changes})
    assert said in str(caught.value)
    with pytest.raises(UserError) as caught:
        replace(Logits(Z, Y, AB), path="s95", **changes)  # type: ignore[arg-type]
    assert str(caught.value).startswith("s95: ") and said in str(caught.value)


def test_a_label_of_2_gives_no_number() -> None:
    labels = np.array([[1], [2], [0]])
    with pytest.raises(UserError, match="'labels' runs from 0 to 2"):
        audit([Logits(Z[:, :1], labels, ("a",))], (), Options(metrics=["brier"]))


def test_arrays_get_their_types() -> None:
    made = Logits(
        Z, Y.astype(float), ["a", "b"],  # type: ignore[arg-type]
        ids=np.array([3, 1, 2]), groups=np.array([[1], [0], [-1]]), group_names=["Male"],  # type: ignore[arg-type]
        thresholds=np.array([0, 1]),
    )  # fmt: skip
    assert (made.logits.dtype, made.labels.dtype, made.groups.dtype) == (Z.dtype, "i1", "i2")
    assert made.targets == AB and made.group_values == (("0", "1"),)
    assert made.ids is not None and made.ids.tolist() == ["3", "1", "2"]
    assert made.thresholds is not None and made.thresholds.dtype == np.float64
    np.testing.assert_array_equal(made.labels, Y)


def test_an_array_that_was_changed_is_checked_again() -> None:
    labels = np.array(Y, np.int8)
    made = Logits(Z, labels, AB)
    labels[0, 0] = 2
    with pytest.raises(UserError, match="runs from -1 to 2"):
        Logits(Z, labels, AB)
    with pytest.raises(UserError, match="runs from -1 to 2"):
        replace(made, labels=labels)


def test_what_is_made_of_checked_logits_holds_the_same_arrays() -> None:
    made = Logits(Z, Y, AB, ids=np.array(["x", "y", "z"]))
    again = replace(made, thresholds=np.zeros(2))
    for name in ("logits", "labels", "ids"):
        assert np.shares_memory(getattr(again, name), getattr(made, name))
    assert select_rows(made, np.array([2, 0])).labels.tolist() == [[0, 0], [1, 0]]


def test_groups_are_coded_from_their_values() -> None:
    made = Logits.from_arrays(
        Z,
        Y,
        groups={
            "age": [30.0, np.nan, 4],
            "sex": np.array(["m", "", "f"]),
            "hat": [True, False, None],
            "tone": pd.Categorical(["II", None, "I"]),
            "seen": [1, 1, 1],
        },
        path="mine",
    )
    assert made.group_names == ("age", "sex", "hat", "tone", "seen")
    assert made.group_values == (("4", "30"), ("f", "m"), ("0", "1"), ("I", "II"), ("0", "1"))
    assert made.groups.T.tolist() == [[1, -1, 0], [1, -1, 0], [1, 0, -1], [1, -1, 0], [1, 1, 1]]
    assert made.targets == ("output_0", "output_1")


@pytest.mark.parametrize(
    "labels",
    [
        [[1, 0], [None, 1], [0, 0]],
        [[1, 0], [np.nan, 1], [0, 0]],
        pd.DataFrame({"a": pd.array([1, None, 0], "Int64"), "b": [0, 1, 0]}),
    ],
)
def test_unknown_labels_may_be_missing(labels: Any) -> None:
    np.testing.assert_array_equal(Logits.from_arrays(Z, labels).labels, Y)


def test_one_target_may_be_a_column() -> None:
    made = Logits.from_arrays(Z[:, 0], [True, False, True], targets=["Smiling"], ids=[4, 5, 6])
    assert made.logits.shape == made.labels.shape == (3, 1)
    assert made.ids is not None and made.ids.tolist() == ["4", "5", "6"]
    assert (Logits.from_arrays(Z).labels == -1).all()


def test_unknown_clusters_are_their_own() -> None:
    named = Logits.from_arrays(Z, clusters=["p", None, "p"], ids=["x", "y", "z"])
    assert named.clusters is not None and named.clusters.tolist() == ["p", "y", "p"]
    rows = Logits.from_arrays(Z, clusters=[7.0, np.nan, 7.0]).clusters
    assert rows is not None and rows.tolist() == ["7", "row 1", "7"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"labels": [[1, -1], [1, 1], [-1, 1]]}, "'labels' holds -1 and 1 but no 0"),
        ({"labels": [["yes", 0], [1, 1], [0, 1]]}, "use integers"),
        ({"labels": np.array([["yes", 0], [1, 1], [0, 1]], object)}, "not a number (could not"),
        ({"groups": {"sex": ["m", "f"]}}, "group 'sex' is [2] but there are 3 samples"),
        ({"targets": ["a"]}, "'targets' is text [1]"),
    ],
)
def test_arrays_that_do_not_fit_are_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as caught:
        Logits.from_arrays(Z, **{"labels": Y, **given})
    assert said in str(caught.value)


def test_too_many_values_are_no_group() -> None:
    with pytest.raises(UserError, match=r"group 'who' holds 101 different values; .*clusters"):
        Logits.from_arrays(np.zeros(101), groups={"who": range(101)})  # type: ignore[dict-item]


def test_what_is_saved_is_read(tmp_path: Path, make_logits: Callable[..., Logits]) -> None:
    made, path = make_logits(), str(tmp_path / "mine.npz")
    made.save(path)
    np.testing.assert_array_equal(read_logits(path).labels, made.labels)
