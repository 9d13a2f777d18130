"""Predictions that the dense model is unsure of: exactly those, ranked, with their groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pbias.audit.flags import flag_counts, flag_uncertain
from pbias.files.logits import Logits

MakeLogits = Callable[..., Logits]


@pytest.fixture(scope="module")
def dense(make_logits: MakeLogits) -> Logits:
    return make_logits(num=200)


def probabilities(logits: Logits) -> np.ndarray:
    return 1 / (1 + np.exp(-logits.logits.astype(float)))


@pytest.mark.parametrize("margin", [0.0, 0.1, 0.4, 0.5])
def test_flagged_are_all_within_the_margin_and_no_others(dense: Logits, margin: float) -> None:
    table = flag_uncertain(dense, margin)
    near = np.abs(probabilities(dense) - 0.5) < margin
    assert dense.ids is not None
    expected = {
        (dense.ids[row], dense.targets[target])
        for row, target in zip(*np.nonzero(near), strict=True)
    }
    found = list(zip(table.columns["id"], table.columns["attribute"], strict=True))
    assert len(found) == len(expected) == near.sum() and set(found) == expected


def test_the_paper_s_margin_is_the_default(dense: Logits) -> None:
    assert len(flag_uncertain(dense)) == (np.abs(probabilities(dense) - 0.5) < 0.4).sum()


def test_the_most_uncertain_come_first(dense: Logits) -> None:
    margins = flag_uncertain(dense).columns["margin"]
    assert list(margins) == sorted(margins) and margins[0] < 0.01


def test_equally_uncertain_ones_are_in_the_order_of_the_file() -> None:
    z = np.array([[1, -1], [-1, 0.5], [1, 1]], np.float32)
    table = flag_uncertain(Logits(z, np.zeros((3, 2), np.int8), ("a", "b")))
    found = list(zip(table.columns["attribute"], table.columns["id"], strict=True))
    assert found == [("b", "1"), ("a", "0"), ("a", "1"), ("a", "2"), ("b", "0"), ("b", "2")]


def test_every_row_says_what_is_predicted_and_for_whom(dense: Logits) -> None:
    p, names = probabilities(dense), [*zip(*dense.group_values, strict=False)]
    assert names[0] == ("0", "I") and dense.ids is not None
    for record in flag_uncertain(dense).records():
        row = dense.ids.tolist().index(record["id"])
        target = dense.targets.index(record["attribute"])
        assert record["probability"] == pytest.approx(p[row, target], abs=1e-15)
        assert record["margin"] == abs(record["probability"] - 0.5)
        assert record["prediction"] == int(dense.logits[row, target] > 0)
        for group, (code, values) in enumerate(
            zip(dense.groups[row], dense.group_values, strict=True)
        ):
            assert record[dense.group_names[group]] == ("" if code < 0 else values[code])


def test_thresholds_move_predictions_and_not_uncertainty(dense: Logits) -> None:
    moved = replace(dense, thresholds=np.array([np.inf, -np.inf, 0.0]))
    table, plain = flag_uncertain(moved), flag_uncertain(dense)
    assert table.columns["margin"] == plain.columns["margin"]
    predicted = {r["attribute"]: r["prediction"] for r in table.records()}
    assert (predicted["Smiling"], predicted["Wearing_Hat"]) == (0, 1)


def test_labels_are_never_read(dense: Logits) -> None:
    unlabelled = replace(dense, labels=np.full_like(dense.labels, -1))
    assert flag_uncertain(unlabelled).columns == flag_uncertain(dense).columns


def test_counts_by_attribute_name_all_of_them_most_first(dense: Logits) -> None:
    sure = replace(dense, logits=dense.logits * np.array([1, 50, 0.1], np.float32))
    counts = flag_counts(flag_uncertain(sure), sure)
    near = (np.abs(probabilities(sure) - 0.5) < 0.4).sum(axis=0)
    assert [name for name, _ in counts] == ["Young", "Smiling", "Wearing_Hat"]
    assert dict(counts) == dict(zip(sure.targets, near.tolist(), strict=True))


def test_the_classes_of_a_softmax_are_flagged_by_their_probability() -> None:
    z = np.array([[2.0, 1.5, -3.0], [9.0, 0.0, 0.0]], np.float32)
    table = flag_uncertain(
        Logits(z, np.zeros((2, 3), np.int8), ("a", "b", "c"), activation="softmax")
    )
    assert sorted(table.columns["attribute"]) == ["a", "b"]
    assert {r["attribute"]: r["prediction"] for r in table.records()} == {"a": 1, "b": 0}


def test_a_margin_is_not_within_itself() -> None:
    logits = Logits(np.zeros((1, 1), np.float32), np.zeros((1, 1), np.int8), ("a",))
    assert len(flag_uncertain(logits, 0.0)) == 0 and len(flag_uncertain(logits, 1e-9)) == 1
