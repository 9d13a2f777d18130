"""Logits files: valid files of any framework are read, others are refused in one line."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbias.errors import UserError
from pbias.files.logits import Logits, as_logits, read_logits, select_rows, write_logits

MakeLogits = Callable[..., Logits]
Z = np.array([[1.5, -2.0], [0.0, 3.25], [-0.5, 0.25]], np.float32)
Y = np.array([[1, 0], [-1, 1], [0, 0]], np.int8)
NEWEST = '{"schema": 1}'


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "s95.npz")


@pytest.fixture
def refusal(file: str) -> Callable[..., str]:
    """Return the error for a file with these arrays changed (or left out: None)."""

    def refuse(**changes: Any) -> str:
        arrays = {"logits": Z, "labels": Y, **changes}
        np.savez(file, **{name: array for name, array in arrays.items() if array is not None})
        with pytest.raises(UserError) as caught:
            read_logits(file)
        message = str(caught.value)
        assert file in message and "\n" not in message
        return message

    return refuse


def saved(file: str, **arrays: Any) -> Logits:
    np.savez(file, **{"logits": Z, "labels": Y, **arrays})
    return read_logits(file)


def assert_equal(a: Logits, b: Logits) -> None:
    for field in fields(Logits):
        if field.name not in ("path", "meta"):
            ours, theirs = getattr(a, field.name), getattr(b, field.name)
            if isinstance(ours, np.ndarray):
                np.testing.assert_array_equal(ours, theirs, err_msg=field.name)
            else:
                assert ours == theirs, field.name


def test_two_arrays_are_enough(file: str) -> None:
    found = saved(file)
    np.testing.assert_array_equal(found.logits, Z)
    np.testing.assert_array_equal(found.labels, Y)
    assert found.targets == ("output_0", "output_1")
    assert found.groups.shape == (3, 0) and found.group_names == ()
    assert found.ids is found.clusters is found.train_counts is found.thresholds is None
    assert (found.activation, found.split, found.meta) == ("sigmoid", "", {})


def test_everything_that_is_written_is_read(file: str, make_logits: MakeLogits) -> None:
    clusters, thresholds = np.array(["a", "b"] * 30), np.array([0.5, np.inf, -np.inf])
    whole = make_logits(clusters=clusters, thresholds=thresholds, split="test", meta={"seed": 3})
    write_logits(whole, file)
    again = read_logits(file)
    assert_equal(again, whole)
    assert again.meta == {"schema": 1, "seed": 3} and again.path == file


NAMES = st.lists(st.text("aB_é名 ,\"'", min_size=1, max_size=6), unique=True, max_size=3)
ON_DISK = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])


@ON_DISK
@given(seed=st.integers(0, 2**32), num=st.integers(1, 5), targets=NAMES.filter(len), groups=NAMES)
def test_round_trip(file: str, seed: int, num: int, targets: list[str], groups: list[str]) -> None:
    rng = np.random.default_rng(seed)
    whole = Logits(
        logits=rng.normal(0, 50, (num, len(targets))).astype(np.float32),
        labels=rng.integers(-1, 2, (num, len(targets))).astype(np.int8),
        targets=tuple(targets),
        ids=np.array([f"é/{row}" for row in range(num)]),
        groups=rng.integers(-1, 2, (num, len(groups))).astype(np.int16),
        group_names=tuple(groups),
        group_values=tuple(("I", "II", "III")[: 2 + i] for i in range(len(groups))),
        activation=str(rng.choice(["sigmoid", "softmax"])),
        meta={"sha256": {}},  # as written by predict, whose files may contain only -1 and 1
    )
    write_logits(whole, file)
    assert_equal(read_logits(file), whole)


def test_the_same_content_gives_the_same_bytes(tmp_path: Path, make_logits: MakeLogits) -> None:
    paths = [tmp_path / "a.npz", tmp_path / "other name.npz"]
    for path in paths:
        write_logits(make_logits(), str(path))
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_numpy_reads_what_is_written_without_pickle(file: str, make_logits: MakeLogits) -> None:
    whole = make_logits()
    write_logits(whole, file)
    with np.load(file, allow_pickle=False) as arrays:
        assert set(arrays) >= {"logits", "labels", "ids", "targets", "groups", "train_counts"}
        np.testing.assert_array_equal(arrays["logits"], whole.logits)
        assert arrays["group_values"].tolist() == [["0", "1", ""], ["I", "II", "III"]]


@pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f8"])
def test_logits_are_float32_unless_they_were_wider(file: str, dtype: str) -> None:
    found = saved(file, logits=Z.astype(dtype)).logits
    assert found.dtype == (np.float64 if np.dtype(dtype).itemsize > 4 else np.float32)
    np.testing.assert_array_equal(found, Z)


@pytest.mark.parametrize("dtype", ["<i8", ">i2", "int8", "bool"])
def test_labels_of_any_integer_become_int8(file: str, dtype: str) -> None:
    labels = np.maximum(Y, 0)
    found = saved(file, labels=labels.astype(dtype)).labels
    assert found.dtype == np.int8
    np.testing.assert_array_equal(found, labels)


def test_ids_and_clusters_may_be_numbers(file: str) -> None:
    found = saved(file, ids=np.array([7, 30, 8]), clusters=np.array([1, 1, 2], np.uint8))
    assert found.ids is not None and found.ids.tolist() == ["7", "30", "8"]
    assert found.clusters is not None and found.clusters.tolist() == ["1", "1", "2"]


def test_logits_are_missed_by_name(refusal: Callable[..., str]) -> None:
    message = refusal(logits=None)
    assert "holds no array 'logits' (only: " in message and "np.savez" in message


def test_labels_that_are_absent_are_unknown(file: str) -> None:
    np.savez(file, logits=Z)
    np.testing.assert_array_equal(read_logits(file).labels, np.full(Y.shape, -1))


@pytest.mark.parametrize(
    "logits",
    [
        Z[0],
        Z[None],
        Z[:0],
        Z[:, :0],
        Z.astype(int),
        Z.astype(complex),
        Z.astype("U"),
        np.array(1.0),
    ],
    ids=["1-d", "3-d", "no rows", "no targets", "integers", "complex", "text", "0-d"],
)
def test_logits_of_another_kind(refusal: Callable[..., str], logits: Any) -> None:
    message = refusal(logits=logits)
    assert "'logits' is" in message and str(list(logits.shape)) in message


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_no_numbers_are_counted_and_found(
    refusal: Callable[..., str], value: float
) -> None:
    logits = Z.copy()
    logits[1:, 1] = value
    message = refusal(logits=logits)
    assert f"{value} (row 1, target 1; 2 in 3 rows)" in message


def test_infinite_logits_are_refused_with_their_place(refusal: Callable[..., str]) -> None:
    infinite = Z.astype(np.float64)
    infinite[0, 0] = np.inf
    assert "row 0, target 0; 1 in 3 rows" in refusal(logits=infinite)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (Y.T.copy(), "'labels' is [2, 3] but 'logits' is [3, 2]"),
        (Y[:2], "'labels' is [2, 2] but"),
        (Y[:, 0], "'labels' is [3] but"),
        (Y + 0.5, "'labels' holds 1.5; use 0, 1, and -1 unknown"),
        (Y.astype(str), "use integers: 0, 1, and -1 unknown"),
        (Y + 1, "runs from 0 to 2; use 0, 1, and -1 unknown"),
        (Y * 2, "runs from -2 to 2"),
        (np.full((3, 2), 255, np.uint8), "runs from 255 to 255"),
        (np.full((3, 2), 2**63, np.uint64), "runs from 9223372036854775808"),
    ],
)
def test_labels_that_do_not_fit(refusal: Callable[..., str], labels: Any, said: str) -> None:
    assert said in refusal(labels=labels)


@pytest.mark.parametrize(
    ("name", "array", "said"),
    [
        ("targets", np.array(["a"]), "'targets' is text [1]; it must be text [2]"),
        ("targets", np.array(["a", "a"]), "'targets' holds 'a' twice"),
        ("targets", np.array(["a", ""]), "'targets' holds an empty name; give each a name"),
        ("targets", np.array([1, 2]), "'targets' is int64 [2]; it must be text [2]"),
        ("targets", np.array([b"a", b"b"]), "'targets' is bytes [2]; it must be text [2]"),
        ("ids", np.array(["a", "b"]), "'ids' is text [2]; it must be text or integers [3]"),
        ("ids", np.array([["a"], ["b"], ["c"]]), "'ids' is text [3, 1]; it must be"),
        ("ids", np.array(["x", "y", "x"]), "1 ids occur more than once (first: x)"),
        ("clusters", np.array(["a"]), "'clusters' is text [1]"),
        ("groups", np.zeros((3, 1), int), "'groups' has 1 columns but 'group_names' names 0"),
        ("group_names", np.array(["Male"]), "'group_names' without 'groups'"),
        ("train_counts", np.zeros((2, 1, 1, 3), int), "must be integers [2, 1, 1, 2]"),
        ("train_counts", np.full((2, 1, 1, 2), -1), "'train_counts' holds counts below 0"),
        ("train_counts", np.ones((2, 1, 1, 2)), "must be integers"),
        ("thresholds", np.zeros(3), "'thresholds' is float64 [3]; it must be numbers [2]"),
        ("thresholds", np.array([0, np.nan]), "'thresholds' holds NaN"),
        ("activation", np.array("tanh"), "'activation' is 'tanh'; use sigmoid or softmax"),
        ("activation", np.array(["sigmoid"]), "'activation' is text [1]; it must be text []"),
        ("split", np.array(1), "'split' is int64 []; it must be text []"),
        ("meta", np.array("{"), "'meta' is not JSON"),
        ("meta", np.array("[1]"), "'meta' is not a JSON object"),
        ("meta", np.array('{"schema": 2}'), "has schema 2, newer than 1; update pbias"),
        ("meta", np.array('{"schema": "x"}'), "'meta' has schema \"x\""),
        ("meta", np.array('{"schema": null}'), "'meta' has schema null"),
        ("meta", np.array("[" * 100_000), "'meta' is not JSON"),
    ],
)
def test_an_optional_array_that_does_not_fit(
    refusal: Callable[..., str], name: str, array: Any, said: str
) -> None:
    assert said in refusal(**{name: array})


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ([[0], [2], [1]], "'groups' of Male runs from 0 to 2 but has 2 values"),
        ([[0], [-2], [1]], "runs from -2 to 1"),
        ([[0, 1]] * 3, "'groups' has 2 columns but 'group_names' names 1"),
        ([[0.5], [1.0], [0.0]], "'groups' holds 0.5; use codes from 0, and -1 unknown"),
        ([[0], [1]], "'groups' is int64 [2, 1]; it must be integers [3, 1]"),
    ],
)
def test_groups_that_do_not_fit(refusal: Callable[..., str], groups: Any, said: str) -> None:
    assert said in refusal(groups=np.array(groups), group_names=np.array(["Male"]))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([["I", "I"]], "'group_values' of Male holds 'I' twice"),
        ([["", "II"]], "'group_values' of Male holds an empty value before 'II'"),
        ([["I"], ["II"]], "'group_values' is text [2, 1]; it must be text [1, any]"),
        ([[0, 1]], "it must be text [1, any]"),
        ([[f"v{i}" for i in range(101)]], "group 'Male' has 101 values; a group has 1 to 100"),
    ],
)
def test_group_values_that_do_not_fit(refusal: Callable[..., str], values: Any, said: str) -> None:
    groups, names = np.array([[0], [1], [0]]), np.array(["Male"])
    assert said in refusal(groups=groups, group_names=names, group_values=np.array(values))


def test_an_empty_list_of_groups_has_no_kind(file: str) -> None:
    found = saved(file, groups=np.array([[], [], []]), group_names=np.array([]))
    assert found.groups.shape == (3, 0) and found.group_names == ()


def test_standard_input(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved(file)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path(file).read_bytes())))
    found = read_logits("-")
    assert_equal(found, before)
    assert found.path == "standard input"


def test_select_rows_takes_all_arrays_along(make_logits: MakeLogits) -> None:
    whole = make_logits(clusters=np.arange(60).astype(str))
    rows = np.array([5, 0, 7])
    part = select_rows(whole, rows)
    for name in ("logits", "labels", "ids", "groups", "clusters"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[rows])
    assert part.train_counts is whole.train_counts


def probabilities(values: Any, **changes: Any) -> Logits:
    array = np.array(values, np.float32)
    return Logits(array, np.zeros(array.shape, np.int8), ("a", "b"), path="p.npz", **changes)


def test_probabilities_given_as_logits_are_refused() -> None:
    with pytest.raises(UserError, match=r"p\.npz: all values lie in \[0, 1\] \(0\.1 to 1\)"):
        as_logits(probabilities([[0.1, 1.0], [0.5, 0.2]]))


@pytest.mark.parametrize("said", [{"sha256": {}}, {}])
def test_values_in_0_to_1_are_logits_where_that_is_said(said: dict[str, Any]) -> None:
    given = probabilities([[0.1, 0.9]], meta=said)
    assert as_logits(given, probabilities=None if said else False) is given


def test_probabilities_keep_their_own_digits_and_are_clipped() -> None:
    p = np.array([[0.1, 0.9], [1 - 1e-12, 1 + 1e-7]])
    given = Logits(p, np.zeros((2, 2), np.int8), ("a", "b"))
    found = as_logits(given, probabilities=True).probabilities
    assert found is not None and found.tolist() == [[0.1, 0.9], [1 - 1e-12, 1.0]]


def test_logits_given_as_probabilities_are_refused() -> None:
    with pytest.raises(UserError, match=r"run from -0\.5 to 1, so they are not probabilities"):
        as_logits(probabilities([[-0.5, 1.0]]), probabilities=True)


def test_constant_logits_may_be_a_pruned_model() -> None:
    whole = probabilities([[0.0, 0.0], [0.0, 0.0]])
    assert as_logits(whole, probabilities=False) is whole


def test_probabilities_come_back_from_their_logits() -> None:
    p = np.array([[0.0, 1.0], [0.5, 0.25], [1e-6, 0.999]], np.float32)
    z = as_logits(probabilities(p), probabilities=True).logits
    with np.errstate(over="ignore"):
        back = 1 / (1 + np.exp(-z.astype(float)))
    np.testing.assert_allclose(back, p, rtol=1e-6, atol=1e-15)
    assert z[1, 0] == 0


def test_probabilities_of_classes_come_back_from_their_logits() -> None:
    p = np.array([[0.0, 1.0], [0.5, 0.5], [0.9, 0.1]], np.float32)
    z = as_logits(probabilities(p, activation="softmax"), probabilities=True).logits.astype(float)
    np.testing.assert_allclose(np.exp(z) / np.exp(z).sum(1, keepdims=True), p, atol=1e-7)


@pytest.mark.parametrize("threshold", [-np.inf, -0.1, 0.0, 0.25, 0.5, 1.0, 1.1, np.inf])
def test_thresholds_on_probabilities_predict_the_same(threshold: float) -> None:
    p = np.array([[0.0, 0.2], [0.5, 0.25], [0.75, 1.0]], np.float32)
    given = probabilities(p, thresholds=np.array([threshold, threshold]))
    found = as_logits(given, probabilities=True)
    assert found.thresholds is not None
    np.testing.assert_array_equal(found.logits > found.thresholds, p > threshold)


def test_writing_needs_no_optional_array(file: str) -> None:
    write_logits(Logits(Z, Y, ("a", "b")), file)
    assert_equal(read_logits(file), Logits(Z, Y, ("a", "b"), groups=np.empty((3, 0), np.int16)))
    assert read_logits(file).meta == {"schema": 1}


def test_writing_does_not_change_the_logits(file: str, make_logits: MakeLogits) -> None:
    whole = make_logits()
    columns = replace(whole, logits=np.asfortranarray(whole.logits))
    write_logits(columns, file)
    np.testing.assert_array_equal(read_logits(file).logits, whole.logits)


def test_a_group_without_a_name_is_refused(refusal: Callable[..., str]) -> None:
    """In tables, an empty name means everyone."""
    unnamed = {"groups": np.array([[0], [1], [0]]), "group_names": np.array([""])}
    assert "'group_names' holds an empty name" in refusal(**unnamed)
