"""AUC, in all and without each fold, against scikit-learn and against all pairs counted by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from pbias.auditing.counts import scores
from pbias.auditing.counts.ranks.ranking import auc_left_out, rank
from pbias.auditing.counts.strata import build_strata
from pbias.auditing.counts.totals import predictions
from pbias.files.logits import Logits

Array = NDArray[Any]
SEEDS = st.integers(0, 2**32 - 1)


def sample(seed: int, num: int = 60) -> tuple[Array, Array]:
    """Draw logits with many ties, and labels."""
    rng = np.random.default_rng(seed)
    logits = np.round(rng.normal(size=num), 1).astype(np.float32)
    return logits, (rng.random(num) < 0.3).astype(np.int8)


def by_pairs(z: Array, y: Array) -> float:
    """Compute the AUC by its definition: wins over all pairs."""
    differences = z[y == 1][:, None] - z[y == 0].astype(np.float64)
    return float(np.mean((np.sign(differences) + 1) / 2)) if differences.size else np.nan


def auc(z: Array, y: Array) -> float:
    order, run = rank(z)
    return float(auc_left_out(y[order], run, None, 1).item())


@given(SEEDS, st.integers(0, 60))
def test_auc_counts_pairs_and_ties_half(seed: int, num: int) -> None:
    z, y = sample(seed, num)
    np.testing.assert_allclose(auc(z, y), by_pairs(z, y), rtol=1e-13)


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9, 0.99])
def test_auc_agrees_with_scikit_learn(rate: float) -> None:
    rng = np.random.default_rng(1)
    y = (rng.random(3000) < rate).astype(np.int8)
    z = (rng.normal(size=3000) + y).astype(np.float32)
    assert auc(z, y) == pytest.approx(roc_auc_score(y, z), rel=1e-13)


def test_auc_is_that_of_the_paper(vectors: Path) -> None:
    arrays = np.load(vectors / "paper_metrics.npz")
    expected = json.loads((vectors / "paper_metrics.json").read_text())["plain"]["auc"]
    columns = zip(arrays["test_logits"].T, arrays["test_labels"].T.astype(np.int8), strict=True)
    np.testing.assert_allclose([auc(z, y) for z, y in columns], expected, atol=1e-9)


def test_large_logits_keep_their_order_and_zeros_tie() -> None:
    assert auc(np.array([40.0, 41.0], np.float32), np.array([0, 1], np.int8)) == 1.0
    assert auc(np.array([0.0, -0.0], np.float32), np.array([0, 1], np.int8)) == 0.5


@pytest.mark.parametrize("label", [0, 1])
def test_auc_without_one_of_the_classes_is_undefined(label: int) -> None:
    order, run = rank(sample(2)[0])
    labels = np.full(60, label, np.int8)
    assert np.isnan(auc_left_out(labels, run, order % 4, 4)).all()


@given(SEEDS, st.integers(1, 9))
def test_each_fold_left_out_is_the_auc_of_the_others(seed: int, num_folds: int) -> None:
    z, y = sample(seed)
    folds = np.random.default_rng(seed).integers(0, num_folds, 60)
    order, run = rank(z)
    actual = auc_left_out(y[order], run, folds[order], num_folds)
    kept = [np.ones(60, bool), *(folds != j for j in range(num_folds))]
    expected = [auc(z[k], y[k]) for k in kept]
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("rows_together", [1, 1 << 20])
def test_each_stratum_is_scored_as_if_it_were_alone(
    make_logits: Callable[..., Logits], monkeypatch: pytest.MonkeyPatch, rows_together: int
) -> None:
    monkeypatch.setattr(scores, "_ROWS_TOGETHER", rows_together)
    logits = make_logits(num=300)
    z, labels = np.round(logits.logits, 1), logits.labels.T.copy()
    labels[2] = -1
    strata, folds = build_strata(logits), np.arange(300) % 7
    found = scores.score_rows(predictions(replace(logits, logits=z)), labels, strata, folds, 7)
    for s, row in enumerate(strata.rows):
        for a, y in enumerate(labels):
            for j in range(8):
                of = strata.mask(row) & (y >= 0) & (folds != j - 1)
                np.testing.assert_allclose(found.auc[j, s, a], by_pairs(z[of, a], y[of]))
    assert len(strata.rows) == 9 and np.isnan(found.calibration[..., 2]).all()


@given(hnp.arrays(np.float32, st.integers(0, 50), elements=st.floats(width=32, allow_nan=False)))
def test_rank_sorts_and_numbers_runs(values: Array) -> None:
    order, run = rank(values)
    ascending = np.sort(values)
    np.testing.assert_array_equal(values[order], ascending)
    np.testing.assert_array_equal(np.diff(run), ascending[1:] > ascending[:-1])
    np.testing.assert_array_equal(rank(values.astype(np.float64)).order_n, order)
