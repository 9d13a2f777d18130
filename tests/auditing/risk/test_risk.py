"""The risk of a prediction: the model's odds times the training odds, without reading labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbias.auditing.risk.prediction_risk import EVERYONE, NOTHING_KNOWN, flag_risk
from pbias.files.logits import Logits, select_rows

MakeLogits = Callable[..., Logits]

# [group value, or unknown][label]: hats in training, by sex and by age, and for everyone
SEX = [[90, 10], [30, 70], [0, 0]]
AGE = [[100, 0], [20, 80], [0, 0]]
ALL = [[0, 0], [0, 0], [120, 80]]


def hats(z: Sequence[float], groups: Sequence[Sequence[int]], **changes: Any) -> Logits:
    """Make one attribute, two groups, and the training counts above."""
    whole = Logits(
        logits=np.array(z, np.float32)[:, None],
        labels=np.full((len(z), 1), -1, np.int8),
        targets=("Hat",),
        groups=np.array(groups, np.int16),
        group_names=("Sex", "Old"),
        group_values=(("f", "m"), ("0", "1")),
        train_counts=np.array([[SEX, AGE, ALL]], np.int64),
    )
    return replace(whole, **changes)


def odds(other: int, own: int) -> float:
    return float(np.log((other + 0.5) / (own + 0.5)))


@pytest.mark.parametrize(
    ("z", "groups", "pull", "group", "share"),
    [
        (2.0, [0, 1], odds(90, 10), 0, 0.1),  # a hat: rarer by sex than by age
        (-2.0, [0, 1], odds(80, 20), 1, 0.2),  # no hat: rarer by age
        (2.0, [1, 0], odds(100, 0), 1, 0.0),  # none at all in training: finite
        (-2.0, [1, 0], odds(70, 30), 0, 0.3),
        (2.0, [1, 1], odds(30, 70), 0, 0.7),  # usual in both groups: the less usual
        (2.0, [0, -1], odds(90, 10), 0, 0.1),
        (2.0, [-1, 1], odds(20, 80), 1, 0.8),  # only the known group counts
        (2.0, [-1, -1], odds(120, 80), EVERYONE, 0.4),
    ],
)
def test_risk_is_the_model_s_odds_times_those_of_the_group_against_it_most(
    z: float, groups: list[int], pull: float, group: int, share: float
) -> None:
    risk = flag_risk(hats([z], [groups]), by_group=True)
    assert risk.log_odds[0, 0] == pytest.approx(-2.0 + pull, abs=1e-12)
    o = np.exp(-2.0) * np.exp(pull)
    assert risk.value[0, 0] == pytest.approx(o / (1 + o), abs=1e-12)
    assert (risk.group[0, 0], risk.share[0, 0]) == (group, pytest.approx(share))


def test_by_default_the_odds_are_those_of_everyone_whatever_the_groups() -> None:
    """In training, 80 of all 200 have a hat."""
    risk = flag_risk(hats([2.0, 2.0, 2.0, -2.0], [[0, 0], [1, 1], [-1, -1], [0, 1]]))
    expected = [-2 + odds(120, 80)] * 3 + [-2 + odds(80, 120)]
    assert risk.log_odds[0] == pytest.approx(expected, abs=1e-12)
    assert risk.value[0, 0] == pytest.approx(0.168456, abs=1e-6)  # o = e^-2 x 120.5 / 80.5
    assert risk.share[0] == pytest.approx([0.4, 0.4, 0.4, 0.6])
    assert (risk.group == EVERYONE).all()


@pytest.mark.parametrize("by_group", [False, True])
def test_without_training_counts_risk_is_the_model_s_own_doubt(by_group: bool) -> None:
    bare = hats([1.5, -0.5], [[0, 0], [1, 1]], train_counts=None)
    risk = flag_risk(bare, by_group=by_group)
    p = 1 / (1 + np.exp([-1.5, 0.5]))
    assert risk.value[0] == pytest.approx(np.minimum(p, 1 - p), abs=1e-12)
    assert (risk.group == NOTHING_KNOWN).all() and np.isnan(risk.share).all()


def test_a_group_value_that_training_lacks_says_nothing() -> None:
    counts = np.array([[SEX, [[100, 100], [0, 0], [0, 0]], ALL]], np.int64)
    risk = flag_risk(hats([2.0, 2.0], [[1, 1], [-1, 1]], train_counts=counts), by_group=True)
    assert risk.group[0].tolist() == [0, EVERYONE]
    assert risk.log_odds[0] == pytest.approx([-2 + odds(30, 70), -2 + odds(120, 80)], abs=1e-12)


def test_a_group_that_is_the_target_is_its_label_and_is_not_read() -> None:
    itself = hats([2.0, 2.0], [[0, 1], [0, -1]], group_names=("Hat", "Old"))
    risk = flag_risk(itself, by_group=True)
    assert risk.group[0].tolist() == [1, EVERYONE]
    assert risk.log_odds[0] == pytest.approx([-2 + odds(20, 80), -2 + odds(120, 80)], abs=1e-12)


def test_margin_and_risk_are_seen_from_the_threshold() -> None:
    moved = hats([2.0, 1.0], [[0, 1]] * 2, thresholds=np.array([1.5]))
    plain = hats([0.5, -0.5], [[0, 1]] * 2)
    risk, expected = flag_risk(moved), flag_risk(plain)
    assert risk.s.tolist() == [[True, False]]
    assert risk.log_odds == pytest.approx(expected.log_odds, abs=1e-12)
    assert risk.margin == pytest.approx(expected.margin, abs=1e-12)
    assert risk.p[0] == pytest.approx(1 / (1 + np.exp([-2.0, -1.0])))


@pytest.mark.parametrize(("threshold", "predicted"), [(np.inf, False), (-np.inf, True)])
def test_what_is_always_or_never_predicted_is_not_at_risk(
    threshold: float, predicted: bool
) -> None:
    risk = flag_risk(hats([0.0], [[0, 1]], thresholds=np.array([threshold])))
    assert risk.s[0, 0] == predicted
    assert (risk.value[0, 0], risk.margin[0, 0]) == (0.0, 0.5)


def test_a_class_is_as_far_from_change_as_the_best_other_one() -> None:
    z = np.array([[3.0, 1.0, 2.5], [0.0, 4.0, -1.0]], np.float32)
    softmax = Logits(z, np.full((2, 3), -1, np.int8), ("a", "b", "c"), activation="softmax")
    risk = flag_risk(softmax)
    expected = np.array([[-0.5, -2.0, -0.5], [-4.0, -4.0, -5.0]])
    assert np.allclose(risk.log_odds.T, expected)
    assert risk.s.T.tolist() == [[True, False, False], [False, True, False]]


def test_one_class_alone_is_never_in_doubt() -> None:
    alone = Logits(np.zeros((1, 1), np.float32), np.zeros((1, 1), np.int8), ("a",))
    assert flag_risk(replace(alone, activation="softmax")).value.tolist() == [[0.0]]


@given(st.floats(-30, 30, width=32), st.floats(-30, 30, width=32), st.integers(0, 1000))
def test_less_sure_is_riskier(one: float, other: float, positives: int) -> None:
    """Compare two predictions of the same value in the same group."""
    counts = np.array([[SEX, [[1000, positives], [0, 0], [0, 0]], ALL]], np.int64)
    pair = hats([abs(one), abs(other)], [[-1, 0]] * 2, train_counts=counts)
    risk = flag_risk(pair, by_group=True)
    if risk.s.all():  # log-odds of 8 cannot distinguish logits of 1e-35 and 1e-28
        apart = abs(abs(one) - abs(other)) > 1e-12
        first, second = risk.log_odds[0]
        assert first >= second if abs(one) <= abs(other) else first <= second
        assert (first != second) or not apart


@given(st.floats(-30, 30, width=32), st.integers(0, 1000), st.integers(1, 1000))
def test_rarer_is_riskier(z: float, few: int, more: int) -> None:
    def at(positives: int) -> float:
        counts = np.array([[SEX, [[1000, positives], [0, 0], [0, 0]], ALL]], np.int64)
        one = hats([z], [[-1, 0]], train_counts=counts)
        return float(flag_risk(one, by_group=True).log_odds[0, 0])

    assert at(few) > at(few + more) if z > 0 else at(few) < at(few + more)


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_no_label_is_read(make_logits: MakeLogits, activation: str) -> None:
    logits = make_logits(num=200, activation=activation)
    labels = np.random.default_rng(1).permutation(logits.labels)
    risk = flag_risk(logits, by_group=True)
    for other in (labels, np.full_like(labels, -1), 1 - np.abs(labels)):
        found = flag_risk(replace(logits, labels=other.astype(np.int8)), by_group=True)
        assert (found.log_odds == risk.log_odds).all() and (found.s == risk.s).all()


def test_every_row_is_judged_by_itself(make_logits: MakeLogits) -> None:
    logits = make_logits(num=100)
    order = np.random.default_rng(2).permutation(100)[:40]
    chosen = select_rows(logits, order)
    some, risk = (flag_risk(one, by_group=True) for one in (chosen, logits))
    assert (some.log_odds == risk.log_odds[:, order]).all()
    assert (some.margin == risk.margin[:, order]).all()
