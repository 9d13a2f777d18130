"""The debiased calibration error, against its definition in loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pbias.auditing.counts.ranks.ranking import rank
from pbias.auditing.counts.scores import debiased_error, equal_mass_totals

Array = NDArray[Any]
SEEDS = st.integers(0, 2**32 - 1)


def error(p: Array, y: Array) -> float:
    """The error of one target over everyone."""
    return float(debiased_error(totals(p, y)[0]))


def totals(p: Array, y: Array, folds: Array | None = None, num_folds: int = 1) -> Array:
    """Those of rows with a known label."""
    known = y >= 0
    order, run = rank(p[known])
    fold = None if folds is None else folds[known][order]
    return equal_mass_totals((p - y)[known][order], run, fold, num_folds)


def by_definition(p: Array, y: Array) -> float:
    """Bins by place in the order of p, small ones merged, term by term."""
    p, y = p[y >= 0], y[y >= 0]
    place = np.searchsorted(np.sort(p), p)
    bins: list[Array] = []
    left = np.array([], int)
    for b in range(10):
        left = np.concatenate([left, np.flatnonzero(10 * place // len(p) == b)])
        if len(left) >= 2:
            bins, left = [*bins, left], np.array([], int)
    if not bins:
        return np.nan
    bins[-1] = np.concatenate([bins[-1], left])
    gaps = [(p - y)[rows] for rows in bins]
    return float(sum(len(g) / len(p) * (g.mean() ** 2 - g.var(ddof=1) / len(g)) for g in gaps))


@given(SEEDS, st.integers(1, 150), st.sampled_from([1, 2, 12]))
def test_error_is_its_definition(seed: int, num: int, digits: int) -> None:
    rng = np.random.default_rng(seed)
    p, y = np.round(rng.random(num), digits), rng.integers(-1, 2, num).astype(np.int8)
    np.testing.assert_allclose(error(p, y), by_definition(p, y), atol=1e-12)


def test_order_of_rows_changes_nothing_even_with_ties() -> None:
    rng = np.random.default_rng(0)
    p, y = np.round(rng.random(500), 1), rng.integers(0, 2, 500).astype(np.int8)
    shuffled = rng.permutation(500)
    np.testing.assert_allclose(error(p, y), error(p[shuffled], y[shuffled]), rtol=1e-12)


@pytest.mark.parametrize("num", [30, 100, 1000])
def test_a_calibrated_model_has_no_error_on_average_at_any_size(num: int) -> None:
    rng = np.random.default_rng(num)
    p = rng.beta(0.7, 1.5, (3000, num))
    y = (rng.random(p.shape) < p).astype(np.int8)
    found = np.array([error(*row) for row in zip(p, y, strict=True)])
    assert abs(found.mean()) < 3.5 * found.std() / np.sqrt(3000)
    assert (found < 0).any()


def test_a_constant_offset_is_its_square() -> None:
    rng = np.random.default_rng(2)
    q = rng.uniform(0.1, 0.6, 400_000)
    y = (rng.random(len(q)) < q).astype(np.int8)
    assert error(q + 0.2, y) == pytest.approx(0.04, abs=0.001)


def test_totals_of_folds_add_up() -> None:
    rng = np.random.default_rng(3)
    p, y, folds = rng.random(300), rng.integers(-1, 2, 300).astype(np.int8), rng.integers(0, 5, 300)
    found = totals(p, y, folds, 5)
    np.testing.assert_allclose(found.sum(axis=0), totals(p, y)[0])
    np.testing.assert_array_equal(found[..., 0].sum(axis=1), np.bincount(folds[y >= 0]))


def test_error_of_fewer_than_two_rows_is_undefined() -> None:
    assert np.isnan(error(np.array([0.3]), np.array([1], np.int8)))
    assert np.isnan(error(np.array([0.3, 0.4]), np.array([1, -1], np.int8)))
