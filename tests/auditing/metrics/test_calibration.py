"""The debiased calibration error, against its definition in loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pbias.auditing.counts.ranks.equal_mass import debiased_error, equal_mass_totals
from pbias.auditing.counts.ranks.ranking import InOrder, rank

Array = NDArray[Any]
SEEDS = st.integers(0, 2**32 - 1)


def error(p: Array, y: Array) -> float:
    """The error of one target over everyone."""
    return float(debiased_error(totals(p, y))[0])


def totals(p: Array, y: Array, folds: Array | None = None, num_folds: int = 1) -> Array:
    """Those of rows with a known label, [3, 10, 1+J]."""
    known = y >= 0
    order, run = rank(p[known])
    fold = None if folds is None else folds[known][order]
    ascending = InOrder(y[known][order], run, np.array([0, len(order)]))
    return equal_mass_totals((p - y)[known][order], ascending, fold, num_folds)[..., 0]


def by_definition(p: Array, y: Array) -> float:
    """Compute it term by term: bins by position in the order of p, small ones merged."""
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


def test_a_fold_is_left_out_of_bins_that_are_kept_among_few() -> None:
    rng = np.random.default_rng(3)
    p, y, folds = rng.random(90), rng.integers(-1, 2, 90).astype(np.int8), rng.integers(0, 5, 90)
    found = totals(p, y, folds, 5)
    whole, of_folds = found[..., :1], found[..., :1] - found[..., 1:]
    np.testing.assert_allclose(whole, totals(p, y))
    np.testing.assert_allclose(of_folds.sum(axis=2, keepdims=True), whole)
    np.testing.assert_array_equal(of_folds[0].sum(axis=0), np.bincount(folds[y >= 0]))


def test_without_a_fold_bins_hold_equal_shares_of_what_is_left() -> None:
    """Fold 0 holds most of the lower half: without it the middle is higher."""
    rng = np.random.default_rng(4)
    p, y = np.sort(rng.random(4000)), np.zeros(4000, np.int8)
    folds = np.where((np.arange(4000) < 2000) & (rng.random(4000) < 0.1), 0, 1)
    folds[folds == 1] = rng.integers(1, 40, (folds == 1).sum())
    found = totals(p, y, folds, 40)
    num_left = (folds != 0).sum()
    np.testing.assert_allclose(found[0, :, 1], num_left / 10, atol=0.5)
    alone = totals(p[folds != 0], y[folds != 0])[..., 0]
    np.testing.assert_allclose(found[1, :, 1], alone[1], rtol=0.01)


def test_edges_of_bins_stay_within_a_run_of_equal_probabilities() -> None:
    rng = np.random.default_rng(5)
    p, y = np.repeat([0.1, 0.9], 500), rng.integers(0, 2, 1000).astype(np.int8)
    folds = rng.integers(0, 20, 1000)
    found = totals(p, y, folds, 20)
    np.testing.assert_array_equal(found[0, 0, 1:], [(folds[:500] != j).sum() for j in range(20)])


def test_the_error_where_classes_part_at_an_edge_is_seen() -> None:
    """20 % positive, almost all certain: as the edge moves, uncertain rows are in one bin or two.

    Folds that kept the bins of the whole showed only half of the error.
    """
    rng = np.random.default_rng(6)
    values, errors = [], []
    for _ in range(200):
        y = (rng.random(5000) < 0.2).astype(np.int8)
        p = 1 / (1 + np.exp(-2 * (3.1 * (2 * y - 1) + rng.standard_normal(5000))))
        each = debiased_error(totals(p, y, rng.integers(0, 50, 5000), 50))
        values.append(each[0])
        errors.append(49 / 50 * ((each[1:] - each[1:].mean()) ** 2).sum())
    assert 0.9 < np.sqrt(np.mean(errors)) / np.std(values) < 2


def test_error_of_fewer_than_two_rows_is_undefined() -> None:
    assert np.isnan(error(np.array([0.3]), np.array([1], np.int8)))
    assert np.isnan(error(np.array([0.3, 0.4]), np.array([1, -1], np.int8)))
