"""AUC, DeLong and each fold left out, against scikit-learn and all pairs counted by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from pbias.audit.auc import auc, auc_by_group, auc_left_out, delong
from pbias.audit.ranking import rank

Array = NDArray[Any]
SEEDS = st.integers(0, 2**32 - 1)
NUM_VALUES = 3


def sample(seed: int, num: int = 60, num_targets: int = 3) -> tuple[Array, Array, Array]:
    """Logits with many ties, labels and codes, some of them unknown."""
    rng = np.random.default_rng(seed)
    logits = np.round(rng.normal(size=(num_targets, num)), 1).astype(np.float32)
    labels = rng.choice([-1, 0, 1], (num_targets, num), p=[0.1, 0.6, 0.3]).astype(np.int8)
    return logits, labels, rng.integers(-1, NUM_VALUES, num).astype(np.int16)


def by_pairs(z: Array, y: Array) -> float:
    """The definition: wins over all pairs."""
    differences = z[y == 1][:, None] - z[y == 0].astype(np.float64)
    return float(np.mean((np.sign(differences) + 1) / 2)) if differences.size else np.nan


@given(SEEDS, st.integers(1, 60))
def test_auc_counts_pairs_and_ties_half(seed: int, num: int) -> None:
    logits, labels, _ = sample(seed, num)
    expected = [by_pairs(z, y) for z, y in zip(logits, labels, strict=True)]
    np.testing.assert_allclose(auc(logits, labels), expected, rtol=1e-13)


@given(SEEDS)
def test_auc_by_group_is_the_auc_of_the_group(seed: int) -> None:
    logits, labels, codes = sample(seed)
    expected = [auc(logits[:, codes == v], labels[:, codes == v]) for v in range(NUM_VALUES)]
    actual = auc_by_group(rank(logits), labels, codes, NUM_VALUES)
    np.testing.assert_allclose(actual, expected, rtol=1e-13)


def test_auc_agrees_with_scikit_learn_on_transposed_views() -> None:
    rng = np.random.default_rng(1)
    labels = (rng.random((3000, 5)) < [0.01, 0.1, 0.5, 0.9, 0.99]).astype(np.int8)
    logits = (rng.normal(size=labels.shape) + labels).astype(np.float32)
    expected = [roc_auc_score(labels[:, a], logits[:, a]) for a in range(5)]
    np.testing.assert_allclose(auc(logits.T, labels.T), expected, rtol=1e-13)
    np.testing.assert_allclose(
        auc_by_group(rank(logits.T), labels.T, np.zeros(3000, np.int16), 1)[0], expected, rtol=1e-13
    )


def test_auc_is_that_of_the_paper(vectors: Path) -> None:
    arrays = np.load(vectors / "paper_metrics.npz")
    expected = json.loads((vectors / "paper_metrics.json").read_text())["plain"]["auc"]
    actual = auc(arrays["test_logits"].T, arrays["test_labels"].T.astype(np.int8))
    np.testing.assert_allclose(actual, expected, atol=1e-9)


def test_large_logits_keep_their_order_and_zeros_tie() -> None:
    logits = np.array([[40.0, 41.0, 0.0, -0.0]], np.float32)
    assert auc(logits, np.array([[0, 1, -1, -1]], np.int8)) == 1.0
    assert auc(logits, np.array([[-1, -1, 0, 1]], np.int8)) == 0.5
    ranking, everyone = rank(logits), np.zeros(4, np.int16)
    assert auc_by_group(ranking, np.array([[-1, -1, 0, 1]], np.int8), everyone, 1) == 0.5


@pytest.mark.parametrize("label", [-1, 0, 1])
def test_auc_without_one_of_the_classes_is_undefined(label: int) -> None:
    logits, _, codes = sample(2)
    labels = np.full(logits.shape, label, np.int8)
    assert np.isnan(auc(logits, labels)).all()
    assert np.isnan(auc_by_group(rank(logits), labels, codes, NUM_VALUES)).all()
    left_out = auc_left_out(rank(logits), labels, codes, NUM_VALUES, np.arange(60) % 4, 4)
    assert np.isnan(left_out).all()
    found = delong([rank(logits)], labels, codes, NUM_VALUES)
    assert np.isnan(found.auc).all() and np.isnan(found.covariance).all()


@given(SEEDS, st.integers(1, 9))
def test_each_fold_left_out_is_the_auc_of_the_others(seed: int, num_folds: int) -> None:
    logits, labels, codes = sample(seed)
    folds = np.random.default_rng(seed).integers(0, num_folds, 60)
    actual = auc_left_out(rank(logits), labels, codes, NUM_VALUES, folds, num_folds)
    kept = [np.ones(60, bool), *(folds != j for j in range(num_folds))]
    expected = [auc_by_group(rank(logits[:, k]), labels[:, k], codes[k], NUM_VALUES) for k in kept]
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-15)


def delong_by_pairs(models: list[Array], y: Array) -> Array:
    """DeLong's covariance from the matrix of all pairs."""
    wins = [(np.sign(z[y == 1][:, None] - z[y == 0].astype(float)) + 1) / 2 for z in models]
    by_positive = np.cov([w.mean(axis=1) for w in wins]) / np.count_nonzero(y == 1)
    return np.asarray(by_positive + np.cov([w.mean(axis=0) for w in wins]) / np.sum(y == 0))


@given(SEEDS)
def test_delong_covariance_is_that_of_all_pairs(seed: int) -> None:
    first, labels, codes = sample(seed, 200)
    second = np.round(first + sample(seed + 1, 200)[0], 1).astype(np.float32)
    found = delong([rank(first), rank(second)], labels, codes, NUM_VALUES)
    for a, value in np.ndindex(3, NUM_VALUES):
        member = codes == value
        expected = delong_by_pairs([first[a, member], second[a, member]], labels[a, member])
        np.testing.assert_allclose(
            found.covariance[:, :, value, a], expected, rtol=1e-9, atol=1e-15
        )


def test_delong_needs_two_of_each_class() -> None:
    logits = np.array([[1, 2, 3, 4]], np.float32)
    found = delong([rank(logits)], np.array([[1, 0, 0, 0]], np.int8), np.zeros(4, np.int16), 1)
    assert found.auc == 0.0
    assert np.isnan(found.covariance)


@pytest.mark.slow
def test_delong_difference_covers() -> None:
    """Two correlated models, the second weaker: 95 % intervals hold the true difference."""
    rng = np.random.default_rng(3)
    num, draws = 1000, 2000
    labels = (rng.random((draws, num)) < 0.2).astype(np.int8)
    signal = labels * 1.2 + rng.normal(size=labels.shape)
    noisy = signal + rng.normal(size=labels.shape)
    found = delong([rank(signal), rank(noisy)], labels, np.zeros(num, np.int16), 1)
    difference = (found.auc[1] - found.auc[0])[0]
    c = found.covariance[:, :, 0]
    error = np.sqrt(c[0, 0] + c[1, 1] - 2 * c[0, 1])
    truth = difference.mean()  # of 2,000 draws: its own error is 45 times smaller than `error`
    coverage = np.mean(np.abs(difference - truth) < 1.96 * error)
    assert 0.935 <= coverage <= 0.965, coverage
