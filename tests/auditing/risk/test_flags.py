"""The list of flags: its predictions, their order, and their columns."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pbias.auditing.risk.flagging import Budget, flag_counts, flag_samples
from pbias.auditing.risk.prediction_risk import flag_risk
from pbias.files.logits import Logits, select_rows
from pbias.files.table import Table

MakeLogits = Callable[..., Logits]


@pytest.fixture(scope="module")
def dense(make_logits: MakeLogits) -> Logits:
    return make_logits(num=200)


def chosen(table: Table) -> list[tuple[str, str]]:
    return list(zip(table.columns["id"], table.columns["attribute"], strict=True))


@pytest.mark.parametrize("margin", [0.0, 0.1, 0.4, 0.5])
def test_flagged_are_the_uncertain_and_those_that_training_speaks_against(
    dense: Logits, margin: float
) -> None:
    p = 1 / (1 + np.exp(-dense.logits.astype(float)))
    risk = flag_risk(dense)
    wanted = (np.abs(p - 0.5) < margin) | (risk.value.T > 0.5) | (margin == 0.5)
    assert dense.ids is not None
    expected = {(dense.ids[n], dense.targets[a]) for n, a in zip(*np.nonzero(wanted), strict=True)}
    found = chosen(flag_samples(dense, margin))
    assert set(found) == expected and len(found) == len(expected)


def test_some_are_listed_for_either_reason_alone(dense: Logits) -> None:
    reasons = flag_samples(dense, 0.1).columns["reasons"]
    assert {"uncertain"} < set(reasons)
    assert any(text.startswith("rare (") for text in reasons)
    assert any(text.startswith("uncertain; rare (") for text in reasons)


def test_the_paper_s_margin_is_the_default(dense: Logits) -> None:
    assert chosen(flag_samples(dense)) == chosen(flag_samples(dense, 0.4))


def test_the_riskiest_come_first(dense: Logits) -> None:
    risk = flag_samples(dense).columns["risk"]
    assert list(risk) == sorted(risk, reverse=True) and risk[0] > 0.5


def test_saturated_predictions_are_listed_when_all_are() -> None:
    z = np.array([[90.0], [-90.0], [0.0]], np.float32)
    logits = Logits(z, np.zeros((3, 1), np.int8), ("a",))
    assert len(flag_samples(logits, 0.5)) == 3 and len(flag_samples(logits, 0.49)) == 1


@pytest.mark.parametrize(
    ("budget", "count"),
    [
        (Budget(0), 0),
        (Budget(7), 7),
        (Budget(0, percent=True), 0),
        (Budget(5, percent=True), 30),
        (Budget(0.5, percent=True), 3),
    ],
)
def test_a_budget_takes_the_first_of_the_list(dense: Logits, budget: Budget, count: int) -> None:
    listed = chosen(flag_samples(dense))
    assert chosen(flag_samples(dense, budget=budget)) == listed[:count]


def test_a_budget_does_not_lengthen_the_list(dense: Logits) -> None:
    everything = [Budget(10**9), Budget(100, percent=True)]
    lists = [chosen(flag_samples(dense, 0.2, budget)) for budget in (None, *everything)]
    assert lists[0] == lists[1] == lists[2] and len(lists[0]) < dense.logits.size


def test_ties_go_by_margin_then_id_then_attribute() -> None:
    z = np.array([[1, -1], [-1, 0.5], [1, 1]], np.float32)
    logits = Logits(z, np.zeros((3, 2), np.int8), ("a", "b"), ids=np.array(["z", "y", "x"]))
    assert chosen(flag_samples(logits)) == [
        ("y", "b"), ("x", "a"), ("x", "b"), ("y", "a"), ("z", "a"), ("z", "b")
    ]  # fmt: skip


def test_the_order_of_the_rows_does_not_matter(dense: Logits) -> None:
    rounded = replace(dense, logits=dense.logits.round().astype(np.float32))  # many ties
    order = np.random.default_rng(3).permutation(len(dense))
    shuffled = flag_samples(select_rows(rounded, order), budget=Budget(50))
    assert shuffled.columns == flag_samples(rounded, budget=Budget(50)).columns


def test_every_row_says_what_is_predicted_and_for_whom(dense: Logits) -> None:
    p, risk = 1 / (1 + np.exp(-dense.logits.astype(float))), flag_risk(dense)
    assert dense.ids is not None
    for record in flag_samples(dense).records():
        row = dense.ids.tolist().index(record["id"])
        target = dense.targets.index(record["attribute"])
        assert record["probability"] == pytest.approx(p[row, target], abs=1e-15)
        assert record["margin"] == abs(record["probability"] - 0.5)
        assert record["prediction"] == int(dense.logits[row, target] > 0)
        assert record["risk"] == risk.value[target, row]
        groups = zip(dense.group_names, dense.groups[row], dense.group_values, strict=True)
        for name, code, values in groups:
            assert record[name] == ("" if code < 0 else values[code])


@pytest.fixture
def hats() -> Logits:
    """Hats in training: 3 in 100 women, 60 in 100 men, 63 in 200 of everyone (31.5 %)."""
    counts = np.array([[[[97, 3], [40, 60], [0, 0]], [[0, 0], [0, 0], [137, 63]]]], np.int64)
    return Logits(
        np.array([[1.0], [1.0], [3.0], [-3.0], [1.0]], np.float32),
        np.zeros((5, 1), np.int8),
        ("Hat",),
        groups=np.array([[0], [1], [0], [1], [-1]], np.int16),
        group_names=("Sex",),
        group_values=(("f", "m"),),
        train_counts=counts,
    )


def reasons_of(table: Table) -> dict[str, str]:
    return dict(zip(table.columns["id"], table.columns["reasons"], strict=True))


def test_reasons_say_how_rare_the_prediction_is_in_training(hats: Logits) -> None:
    rare = "rare (31.5 % in training)"
    expected = {str(row): f"uncertain; {rare}" for row in (0, 1, 4)}
    assert reasons_of(flag_samples(hats)) == expected
    assert reasons_of(flag_samples(hats, 0.0)) == {}  # z of 1 outweighs odds of 137.5 / 63.5
    assert reasons_of(flag_samples(hats, 0.5))["2"] == f"uncertain; {rare}"


def test_by_group_reasons_name_the_group_and_how_rare_it_is_there(hats: Logits) -> None:
    everyone = "uncertain; rare (31.5 % in training)"
    reasons = reasons_of(flag_samples(hats, 0.5, by_group=True))
    assert reasons["0"] == "uncertain; rare for Sex=f (3 % in training)"
    assert reasons["4"] == everyone
    assert reasons_of(flag_samples(hats, by_group=True)) == {
        "0": "uncertain; rare for Sex=f (3 % in training)",
        "1": "uncertain",
        "2": "rare for Sex=f (3 % in training)",
        "4": everyone,
    }


def test_labels_are_never_read(dense: Logits) -> None:
    expected = flag_samples(dense).columns
    permuted = np.random.default_rng(1).permutation(dense.labels)
    for labels in (permuted, np.full_like(permuted, -1)):
        assert flag_samples(replace(dense, labels=labels)).columns == expected


def test_a_group_called_like_a_column_does_not_replace_it(dense: Logits) -> None:
    table = flag_samples(replace(dense, group_names=("risk", "id")))
    assert list(table.columns)[-4:] == ["group risk", "group id", "risk", "reasons"]
    assert table.columns["id"] == flag_samples(replace(dense, group_names=("a", "b"))).columns["id"]


def test_missing_training_counts_are_said(dense: Logits, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        table = flag_samples(replace(dense, train_counts=None))
    assert "no training counts" in caplog.text
    assert set(table.columns["reasons"]) == {"uncertain"} and max(table.columns["risk"]) <= 0.5


def test_counts_by_attribute_name_all_of_them_most_first(dense: Logits) -> None:
    bare = replace(dense, train_counts=None)
    sure = replace(bare, logits=bare.logits * np.array([1, 50, 0.1], np.float32))
    counts = flag_counts(flag_samples(sure), sure.targets)
    p = 1 / (1 + np.exp(-sure.logits.astype(float)))
    near = (np.abs(p - 0.5) < 0.4).sum(axis=0)
    assert [name for name, _ in counts] == ["Young", "Smiling", "Wearing_Hat"]
    assert dict(counts) == dict(zip(sure.targets, near.tolist(), strict=True))
