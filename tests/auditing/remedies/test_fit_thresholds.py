"""Fitted thresholds against their definitions, by trying every possible cut."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pbias.auditing.engine import Options, audit
from pbias.auditing.remedies.threshold_fitting import (
    BALANCED_ACCURACY,
    F1,
    POSITIVE_RATE,
    calibrate,
    check_split,
    fit_thresholds,
)
from pbias.errors import UserError
from pbias.files.logits import Logits

Array = NDArray[Any]
SEEDS = st.integers(0, 2**32 - 1)


def scores(z: Array, y: Array, cut: float) -> dict[str, float]:
    """Return each objective at a cut, from its definition."""
    s, known = z > cut, y >= 0
    tp, fp = np.sum(s & (y == 1)), np.sum(s & (y == 0))
    positive, negative = np.sum(y == 1), np.sum(y == 0)
    with np.errstate(invalid="ignore"):
        return {
            POSITIVE_RATE: -abs(np.sum(s & known) - positive),
            F1: tp / (tp + (fp + positive - tp) / 2),
            BALANCED_ACCURACY: (tp / positive + (negative - fp) / negative) / 2,
        }


@pytest.mark.parametrize("objective", [POSITIVE_RATE, F1, BALANCED_ACCURACY])
@given(seed=SEEDS, num=st.integers(1, 60), digits=st.sampled_from([0, 1, 8]))
def test_no_other_cut_is_better(objective: str, seed: int, num: int, digits: int) -> None:
    rng = np.random.default_rng(seed)
    z = np.round(2 * rng.normal(size=num), digits).astype(np.float32)
    y = rng.integers(-1, 2, num).astype(np.int8)
    (value,), (note,) = fit_thresholds(z[None], y[None], objective)
    if note.endswith("0 kept"):
        assert value == 0
        return
    cuts = [-np.inf, *np.unique(z[y >= 0]).tolist()]
    best = max(scores(z, y, cut)[objective] for cut in cuts)
    assert scores(z, y, value)[objective] == pytest.approx(best, abs=1e-12)
    equal = [c for c in cuts if scores(z, y, c)[objective] > best - 1e-12]
    known = z[y >= 0]
    assert np.sum(known > value) == min(np.sum(known > c) for c in equal)


TIES, NEVER, ALWAYS = "equal logits: not exactly as many", "never predicted", "always predicted"


@pytest.mark.parametrize(
    ("z", "y", "value", "note"),
    [
        ([3, 1, 2, 0], [1, 1, 0, 0], 1.5, ""),  # between the second and the third
        ([3, 1, 2, 0], [0, 0, 0, 0], np.inf, NEVER),
        ([3, 1, 2, 0], [1, 1, 1, 1], -np.inf, ALWAYS),
        ([3, 1, 2, 0], [1, 1, -1, -1], -np.inf, ALWAYS),
        ([3, 2, 2, 2, 0], [1, 1, 0, 0, 0], 2.5, TIES),  # 1 is nearer to 2 than 4
        ([3, 2, 2, 2, 0], [1, 1, 1, 0, 0], 1.0, TIES),  # 4 is nearer to 3 than 1
        ([3, 2, 2, 0], [1, 1, 0, 0], 2.5, TIES),  # 1 and 3 are equally near: take the fewer
        ([2, 2, 2], [1, 0, 0], np.inf, f"{TIES}; {NEVER}"),
        ([2, 2, 2], [1, 1, 0], -np.inf, f"{TIES}; {ALWAYS}"),
        ([1, 2], [-1, -1], 0.0, "no known labels: 0 kept"),
    ],
)
def test_positive_rate_by_hand(z: list[float], y: list[int], value: float, note: str) -> None:
    fitted = fit_thresholds(np.array([z], np.float32), np.array([y], np.int8))
    assert (fitted.values.tolist(), fitted.notes) == ([value], [note])


@pytest.mark.parametrize(
    ("objective", "z", "y", "value", "note"),
    [
        (F1, [3, 2, 1, 0], [1, 0, 1, 0], 0.5, ""),  # 4/5 there, 2/3 above the first alone
        (F1, [3, 2, 1, 0], [0, 0, 0, 0], 0.0, "no positive labels: 0 kept"),
        (F1, [3, 2], [1, 1], -np.inf, ALWAYS),
        (F1, [3, 3, 3, 0], [1, 0, 1, 0], 1.5, ""),  # equal logits go together
        (BALANCED_ACCURACY, [3, 2, 1, 0], [1, 0, 0, 1], 2.5, ""),  # 3/4
        (BALANCED_ACCURACY, [3, 2, 1, 0], [0, 0, 1, 1], np.inf, NEVER),  # 1/2, as predicting all
        (BALANCED_ACCURACY, [3, 2], [1, 1], 0.0, "no negative labels: 0 kept"),
        (BALANCED_ACCURACY, [3, 2], [0, -1], 0.0, "no positive labels: 0 kept"),
        (BALANCED_ACCURACY, [3, 2], [-1, -1], 0.0, "no known labels: 0 kept"),
    ],
)
def test_scores_by_hand(
    objective: str, z: list[float], y: list[int], value: float, note: str
) -> None:
    fitted = fit_thresholds(np.array([z], np.float32), np.array([y], np.int8), objective)
    assert (fitted.values.tolist(), fitted.notes) == ([value], [note])


def test_neighbouring_floats_are_told_apart() -> None:
    high = np.float32(5.0)
    low = np.nextafter(high, np.float32(0))
    z, y = np.array([[low, high]]), np.array([[0, 1]], np.int8)
    for objective in (POSITIVE_RATE, F1, BALANCED_ACCURACY):
        assert float(low) < fit_thresholds(z, y, objective).values[0] < float(high)


def test_thresholds_reach_the_prevalence_of_real_labels(vectors: Path) -> None:
    arrays = np.load(vectors / "paper_metrics.npz")
    z, y = arrays["valid_logits"].T, arrays["valid_labels"].T.astype(np.int8)
    values, notes = fit_thresholds(z, y)
    assert not any(notes)
    np.testing.assert_array_equal((z > values[:, None]).sum(axis=1), y.sum(axis=1))
    papers = json.loads((vectors / "paper_metrics.json").read_text())["adjusted"]["thresholds"]
    # The paper uses the k-th logit itself, and `>` then loses that sample.
    lost = np.sum((z > values[:, None]) & ~(z > np.array(papers)[:, None] + 1e-7), axis=1)
    np.testing.assert_array_equal(lost, 1)


@pytest.fixture
def valid(make_logits: Callable[..., Logits]) -> Logits:
    return make_logits(noise=1.0, split="valid")


def test_the_table_counts_what_an_audit_with_the_thresholds_counts(valid: Logits) -> None:
    table = calibrate(valid)
    fitted = replace(valid, thresholds=np.array(table.columns["threshold"]))
    options = Options(groups=[], metrics=["underprediction"], num_folds=1)
    for record in table.records():
        (row,) = audit([fitted], (), options).where(attribute=record["attribute"])
        predicted = round(row["value"] * row["n_positive"])
        assert record["n_positive"] == row["n_positive"] == predicted
        assert record["n_predicted_positive"] == predicted and record["n"] == row["n"]


def test_thresholds_in_the_file_are_what_was_before(valid: Logits) -> None:
    never = replace(valid, thresholds=np.full(3, np.inf))
    assert set(calibrate(never).columns["n_predicted_before"]) == {0}
    assert calibrate(never).columns["threshold"] == calibrate(valid).columns["threshold"]


def test_a_softmax_is_refused(valid: Logits) -> None:
    with pytest.raises(UserError, match="is from a softmax"):
        calibrate(replace(valid, activation="softmax"))


def test_a_file_without_labels_is_refused(valid: Logits) -> None:
    with pytest.raises(UserError, match="has no labels to fit thresholds to"):
        calibrate(replace(valid, labels=np.full_like(valid.labels, -1)))


@pytest.mark.parametrize(("split", "what"), [("test", "the test split"), ("all", "all splits")])
def test_the_test_split_is_refused_unless_allowed(valid: Logits, split: str, what: str) -> None:
    file = replace(valid, split=split)
    with pytest.raises(UserError, match=f"holds {what}"):
        check_split(file, allow_test=False)
    check_split(file, allow_test=True)


@pytest.mark.parametrize(("split", "warnings"), [("train", 1), ("valid", 0), ("", 0), ("x", 0)])
def test_the_training_split_is_warned_of(
    valid: Logits, caplog: pytest.LogCaptureFixture, split: str, warnings: int
) -> None:
    check_split(replace(valid, split=split), allow_test=False)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * warnings
