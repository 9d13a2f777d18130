"""What gates can decide: the simulated models and the numbers, against textbook formulas."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pbias.auditing.gates.grammar import parse_gate
from pbias.auditing.gates.hypothetical import draw_compressed
from pbias.files.logits import Logits
from pbias.workflows.gates.power import PowerOptions, PowerResult, power_runs

MakeLogits = Callable[..., Logits]
Z_LEVEL, Z_POWER = 1.959964, 0.841621


def faces(num: int, accuracy: float = 0.9, seed: int = 0, targets: int = 1) -> Logits:
    """Draw labels by coin flips, a group of 30 %, and a model that is right in a share of each."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (num, targets))
    right = rng.random((num, targets)) < accuracy
    size = rng.exponential(2.0, (num, targets)) + 0.01
    return Logits(
        logits=(np.where(right, 1, -1) * (2 * labels - 1) * size).astype(np.float32),
        labels=labels.astype(np.int8),
        targets=tuple("abc"[:targets]),
        groups=(rng.random(num) < 0.3).astype(np.int16)[:, None],
        group_names=("sex",),
        group_values=(("0", "1"),),
    )


def powered(dense: Logits, *gates: str, draws: int = 10, discordance: float = 0.05) -> PowerResult:
    options = PowerOptions(draws=draws, discordance=discordance)
    return power_runs([parse_gate(text) for text in gates], [dense], options)


@pytest.mark.parametrize("cut", [None, 0.7])
def test_flips_balance_in_every_group_and_label(cut: float | None) -> None:
    dense = faces(40_000, targets=2)
    dense = replace(dense, thresholds=None if cut is None else np.array([cut, -cut]))
    drawn = draw_compressed(dense, ["sex"], 0.06, np.random.default_rng(0))
    cuts = np.zeros(2) if dense.thresholds is None else dense.thresholds
    d, s = dense.logits > cuts, drawn.logits > cuts
    for a in range(2):
        for sex in (0, 1):
            for label in (0, 1):
                mine = (dense.groups[:, 0] == sex) & (dense.labels[:, a] == label)
                gained = (s & ~d)[mine, a].mean()
                lost = (d & ~s)[mine, a].mean()
                error = 4 * math.sqrt(0.03 / mine.sum())
                assert abs(gained - 0.03) < error and abs(lost - 0.03) < error


def test_the_unsure_flip_more_often_and_stay_as_unsure() -> None:
    dense = faces(20_000)
    drawn = draw_compressed(dense, [], 0.1, np.random.default_rng(0))
    flipped = (dense.logits > 0) != (drawn.logits > 0)
    away = np.abs(dense.logits)
    assert away[flipped].mean() < 0.6 * away.mean()
    assert np.allclose(np.abs(drawn.logits), away, rtol=1e-5)


def test_what_cannot_balance_does_not_flip() -> None:
    """Everything is right: none could be gained among positives, and none lost among negatives."""
    dense = faces(1000, accuracy=1.0)
    drawn = draw_compressed(dense, ["sex"], 0.2, np.random.default_rng(0))
    assert ((dense.logits > 0) == (drawn.logits > 0)).all()
    assert (dense.logits != drawn.logits).all()  # it is not a copy


def test_a_logit_at_its_threshold_can_flip() -> None:
    z = np.array([[0.0], [0.0], [1.0], [1.0]], np.float32)
    dense = Logits(z, np.ones((4, 1), np.int8), ("a",))
    drawn = draw_compressed(dense, [], 1.0, np.random.default_rng(0))
    assert (drawn.logits[:, 0] > 0).tolist() == [True, True, False, False]


def test_classes_lose_and_gain_their_own_alike() -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 30_000)
    z = rng.normal(size=(30_000, 3)) + 2 * np.eye(3)[label]
    dense = Logits(
        z.astype(np.float32), np.eye(3, dtype=np.int8)[label], ("a", "b", "c"), activation="softmax"
    )
    drawn = draw_compressed(dense, [], 0.1, rng)
    before, after = dense.logits.argmax(axis=1) == label, drawn.logits.argmax(axis=1) == label
    for one in range(3):
        mine = label == one
        assert (after & ~before)[mine].mean() == pytest.approx(0.05, abs=0.01)
        assert (before & ~after)[mine].mean() == pytest.approx(0.05, abs=0.01)


def test_widths_and_samples_are_those_of_the_textbook() -> None:
    """A change of accuracy has the variance of discordant pairs: discordance / n."""
    (row,) = powered(faces(2000), "abs(change(accuracy)) <= 0.02", draws=20).rows.records()
    error = math.sqrt(0.05 / 2000)
    assert row["half_width"] == pytest.approx(Z_LEVEL * error, rel=0.06)
    assert row["detectable"] == pytest.approx(0.02 + (Z_LEVEL + Z_POWER) * error, rel=0.06)
    assert (row["n"], row["smallest_group"]) == (2000, "")
    beyond = 0.02 - row["value"]
    expected = 2000 * ((Z_LEVEL + Z_POWER) * error / beyond) ** 2
    assert row["n_needed"] == pytest.approx(expected, rel=0.12)


def test_draws_pass_as_often_as_theory_says() -> None:
    """A draw passes if its value lies within 0.015 minus the half-width: two thirds of the time."""
    result = powered(faces(2000), "abs(change(accuracy)) <= 0.015", draws=40)
    error = math.sqrt(0.05 / 2000)
    z = (0.015 - Z_LEVEL * error) / error
    wanted = math.erf(z / math.sqrt(2))
    (gate,) = result.gates
    assert gate["pass"] / 40 == pytest.approx(wanted, abs=0.22)
    assert gate["pass"] + gate["inconclusive"] + gate["fail"] == gate["draws"] == 40
    (row,) = result.rows.records()
    assert row["inside"] == gate["pass"] / 40


def test_so_many_samples_as_needed_pass_in_four_of_five_draws() -> None:
    gate = "change(accuracy) >= -0.02"
    (row,) = powered(faces(2000), gate).rows.records()
    (found,) = powered(faces(row["n_needed"]), gate, draws=40).gates
    assert found["pass"] / 40 == pytest.approx(0.8, abs=0.19)


def test_the_smaller_group_is_named_and_decides() -> None:
    dense = faces(3000)
    (row,) = powered(dense, "abs(did_tpr)@sex <= 0.05").rows.records()
    small = int((dense.groups[:, 0] == 1).sum())
    assert (row["smallest_group"], row["n"]) == ("sex=1", small)
    positives = [int(((dense.groups[:, 0] == g) & (dense.labels[:, 0] == 1)).sum()) for g in (0, 1)]
    error = math.sqrt(0.05 / positives[0] + 0.05 / positives[1])
    assert row["half_width"] == pytest.approx(Z_LEVEL * error, rel=0.1)


def test_a_bound_on_the_dense_model_itself_fails_for_sure() -> None:
    result = powered(faces(2000), "accuracy >= 0.99", "accuracy >= 0.5")
    assert [gate["fail"] for gate in result.gates] == [10, 0]
    assert result.gates[1]["pass"] == 10
    assert [r["place"] for r in result.rows.records()] == ["outside", "inside"]


def test_what_the_data_lack_is_said() -> None:
    dense = faces(300)
    nobody = np.where((dense.groups == 1) & (dense.labels == 1), -1, dense.labels)
    result = powered(replace(dense, labels=nobody.astype(np.int8)), "abs(did_tpr)@sex <= 0.05")
    (row,) = result.rows.records()
    assert row["place"] == "not_assessable" and "no positive labels" in row["reason"]
    assert row["n_needed"] is None and math.isnan(row["value"])


def test_a_seed_makes_the_same_numbers_whatever_was_drawn_before(make_logits: MakeLogits) -> None:
    dense = make_logits(num=200)
    first, again = (powered(dense, "abs(did_tpr)@Male <= 0.1", draws=3) for _ in range(2))
    assert first.rows.columns == again.rows.columns
