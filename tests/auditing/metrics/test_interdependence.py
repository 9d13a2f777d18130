"""Interdependence against a regression for each target."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pbias.auditing.counts.fits import r_squared

Array = NDArray[Any]
SEEDS = st.integers(0, 2**32 - 1)


def gram(s_na: Array) -> Array:
    design = np.column_stack([np.ones(len(s_na), np.int64), s_na.astype(np.int64)])
    return design.T @ design


def by_regression(s_na: Array) -> Array:
    """Fit least squares for each target that varies, by singular values."""
    fits = np.full(s_na.shape[1], np.nan)
    for a, y in enumerate(s_na.T.astype(float)):
        if y.std() > 0:
            others = np.column_stack([np.ones(len(y)), np.delete(s_na, a, axis=1)])
            residual = y - others @ np.linalg.lstsq(others, y, rcond=1e-10)[0]
            fits[a] = 1 - residual @ residual / np.sum((y - y.mean()) ** 2)
    return fits


def predictions(seed: int, num: int = 200, num_targets: int = 8) -> Array:
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(num, 1))
    cut = rng.uniform(0, 2, num_targets)
    return (0.7 * common + rng.normal(size=(num, num_targets)) > cut).astype(np.int64)


def degenerate(seed: int) -> Array:
    """Make copies, complements, sums, differences and constants among ordinary predictions."""
    rng = np.random.default_rng(seed)
    s = predictions(seed, num=int(rng.integers(20, 300)))
    either = np.minimum(s[:, 0] + s[:, 1], 1)
    made = [s[:, 2], 1 - s[:, 3], either, either - s[:, 1], s[:, 0] * s[:, 1], 0 * either, s[:, 4]]
    chosen = [column for column in made if rng.random() < 0.5]
    return np.column_stack([s, *chosen])[:, rng.permutation(8 + len(chosen))]


@given(SEEDS)
def test_ordinary_predictions(seed: int) -> None:
    s = predictions(seed)
    np.testing.assert_allclose(r_squared(gram(s)), by_regression(s), atol=1e-9)


@given(SEEDS)
def test_degenerate_predictions(seed: int) -> None:
    s = degenerate(seed)
    np.testing.assert_allclose(r_squared(gram(s)), by_regression(s), atol=1e-8)


@given(SEEDS, st.integers(1, 12))
def test_fewer_rows_than_targets(seed: int, num: int) -> None:
    s = np.random.default_rng(seed).integers(0, 2, (num, 8))
    np.testing.assert_allclose(r_squared(gram(s)), by_regression(s), atol=1e-8)


def test_dependent_columns_have_1_and_leave_the_others_alone() -> None:
    s = predictions(0)
    alone = r_squared(gram(s))
    # A copy of the last target adds no information about the other seven.
    found = r_squared(gram(np.column_stack([s, s[:, 7]])))
    np.testing.assert_allclose(found[:7], alone[:7], atol=1e-12)
    np.testing.assert_array_equal(found[7:], 1.0)


def test_constant_predictions_are_undefined_and_left_out() -> None:
    s = predictions(1)
    found = r_squared(gram(np.column_stack([0 * s[:, 0], s, 0 * s[:, 0] + 1])))
    np.testing.assert_array_equal(np.isnan(found), [True, *[False] * 8, True])
    np.testing.assert_allclose(found[1:-1], r_squared(gram(s)), atol=1e-12)


def test_nothing_to_regress_on_explains_nothing() -> None:
    np.testing.assert_allclose(r_squared(gram(np.array([[0], [1], [1]]))), 0.0, atol=1e-15)
    assert np.isnan(r_squared(np.zeros((4, 4), np.int64))).all()


def test_one_row_in_ten_million_makes_a_difference() -> None:
    """Two predictions that disagree once are not dependent; the unexplained part has six digits."""
    n, k = 10_000_000, 3_000_000
    both = np.array([[n, k, k - 1], [k, k, k - 1], [k - 1, k - 1, k - 1]])
    top, variances = n * (k - 1) - k * (k - 1), (k * (n - k)) * ((k - 1) * (n - k + 1))
    expected = 1 - float(top**2) / float(variances)
    np.testing.assert_allclose(1 - r_squared(both), expected, rtol=1e-6)
    assert (r_squared(both) < 1).all()


def test_leading_axes_are_free() -> None:
    grams = np.stack([[gram(predictions(3 * i + j)) for j in range(3)] for i in range(2)])
    found = r_squared(grams)
    assert found.shape == (2, 3, 8)
    np.testing.assert_allclose(found[1, 2], r_squared(grams[1, 2]))


@pytest.mark.parametrize("name", ["plain", "adjusted"])
def test_interdependence_is_that_of_the_paper(vectors: Path, name: str) -> None:
    arrays = np.load(vectors / "paper_metrics.npz")
    expected = json.loads((vectors / "paper_metrics.json").read_text())[name]
    s = arrays["test_logits"] > np.array(expected["thresholds"])
    assert (s.any(axis=0) & ~s.all(axis=0)).all()
    np.testing.assert_allclose(r_squared(gram(s)), expected["interdependence"], atol=1e-9)
