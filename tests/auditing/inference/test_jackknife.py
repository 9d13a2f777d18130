"""Jackknife standard errors against closed forms, and their coverage by simulation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from pbias.auditing.inference.jackknife import detectable, estimate, interval, p_value

Array = NDArray[Any]
SEEDS = st.integers(0, 2**32 - 1)


def ratios(numerator: Array, denominator: Array) -> Array:
    """Return the ratio of sums, in all and without each fold, [..., J, D] to [..., 1+J, D]."""
    axis = -2
    top, bottom = (x.sum(axis, keepdims=True) for x in (numerator, denominator))
    return np.concatenate([top / bottom, (top - numerator) / (bottom - denominator)], axis=axis)


def coverage(truth: float, found: Any) -> float:
    low, high = interval(found)
    return float(np.mean((low <= truth) & (truth <= high)))


@given(SEEDS, st.integers(2, 40))
def test_of_a_mean_it_is_the_textbook_standard_error(seed: int, num: int) -> None:
    x = np.random.default_rng(seed).normal(size=(num, 3))
    found = estimate(ratios(x, np.ones_like(x))[None])
    np.testing.assert_allclose(found.value, x.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(found.se, x.std(axis=0, ddof=1) / np.sqrt(num), rtol=1e-9)
    assert (found.df < num - 1 + 1e-9).all()


def test_evenly_contributing_folds_give_j_less_one_degrees_of_freedom() -> None:
    left_out = np.tile([-1.0, 1.0], 10)
    found = estimate(np.concatenate([[0.0], left_out])[None, :, None])
    assert found.df == 19
    # by hand: sqrt(19/20 * 20)
    np.testing.assert_allclose(found.se, np.sqrt(19))


def test_few_contributing_folds_give_few_degrees_of_freedom() -> None:
    signs = np.zeros(200)
    signs[:10] = np.tile([-1.0, 1.0], 5)
    found = estimate(np.concatenate([[0.0], signs])[None, :, None])
    assert found.df == 30  # 3 * 10^2 / 10


def test_two_sides_share_their_samples() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = (ratios(rng.random((1, 30, 2)), np.ones((1, 30, 2))) for _ in range(2))
    paired, alone = estimate(ours, theirs), estimate(ours - theirs)
    for actual, expected in zip(paired, alone, strict=True):
        np.testing.assert_allclose(actual, expected)


def test_variance_over_runs_by_hand() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3, 12, 1)) + 5 * rng.normal(size=(3, 1, 1))
    found = estimate(ratios(x, np.ones_like(x)))
    runs, mean = x.mean(axis=1)[:, 0], x.mean(axis=0)[:, 0]
    samples = mean.var(ddof=1) / 12
    both = sum((x[r, :, 0] - mean).var(ddof=1) / 12 for r in range(3)) / (3 * 2)
    excess = runs.var(ddof=1) / 3 - both
    np.testing.assert_allclose(found.se**2, samples + excess)
    assert 1.9 < found.df < 4


def test_runs_that_differ_no_more_than_their_samples_add_nothing() -> None:
    x = np.random.default_rng(2).normal(size=(3, 12, 1))
    x -= x.mean(axis=1, keepdims=True)
    values = ratios(x, np.ones_like(x))
    np.testing.assert_allclose(estimate(values).se, estimate(values.mean(0, keepdims=True)).se)


def test_undefined_anywhere_is_undefined() -> None:
    values = np.random.default_rng(3).normal(size=(2, 11, 4))
    values[0, 5, 1] = np.nan  # without one fold
    values[1, 0, 2] = np.nan  # one run
    found = estimate(values)
    np.testing.assert_array_equal(np.isnan(found.value), [False, False, True, False])
    for part in (found.se, found.df, *interval(found), p_value(found), detectable(found)):
        np.testing.assert_array_equal(np.isnan(part), [False, True, True, False])


@pytest.mark.parametrize("num_folds", [0, 1])
def test_without_folds_there_is_no_error(num_folds: int) -> None:
    found = estimate(np.ones((1, 1 + num_folds, 2)))
    assert (found.value == 1).all()
    assert np.isnan(found.se).all() and np.isnan(found.df).all()


def test_interval_p_and_detectable_agree() -> None:
    found = estimate(np.random.default_rng(4).normal(size=(1, 21, 5)))
    low, _ = interval(found, 0.9)
    np.testing.assert_allclose(p_value(found, null=low), 0.1)
    t = stats.t.ppf(0.975, found.df) + stats.t.ppf(0.8, found.df)
    np.testing.assert_allclose(detectable(found), t * found.se)


def test_p_where_nothing_varies() -> None:
    constant = np.array([0.0, 0.25]) + np.zeros((1, 201, 2))
    found = estimate(constant + 1e-17 * np.arange(201)[None, :, None])  # rounding is not variation
    np.testing.assert_array_equal(p_value(found), [1.0, np.nan])
    np.testing.assert_allclose(interval(found), [[0, 0.25], [0, 0.25]], atol=1e-13)


def clusters(rng: np.random.Generator, num_clusters: int, draws: int) -> tuple[Array, Array]:
    """Draw successes and sizes of clusters with different rates, mean 0.3; [clusters, draws]."""
    sizes = rng.poisson(20, (num_clusters, draws)) + 1
    return rng.binomial(sizes, rng.beta(1.2, 2.8, sizes.shape)), sizes


@pytest.mark.slow
def test_ratio_of_clustered_samples_covers() -> None:
    successes, sizes = clusters(np.random.default_rng(5), 1000, 3000)
    by_fold = (x.reshape(200, 5, -1).sum(axis=1) for x in (successes, sizes))
    assert 0.935 <= coverage(0.3, estimate(ratios(*by_fold)[None])) <= 0.965


@pytest.mark.slow
def test_a_group_of_few_people_covers() -> None:
    """There are twenty clusters, each in its own fold; the other 180 folds lack the group."""
    successes, sizes = (
        np.concatenate([x, np.zeros((180, x.shape[1]))])
        for x in clusters(np.random.default_rng(6), 20, 4000)
    )
    found = estimate(ratios(successes, sizes)[None])
    assert coverage(0.3, found) >= 0.935
    assert coverage(0.3, found._replace(df=np.full(4000, 199.0))) < 0.935  # why df is estimated


def side(rng: np.random.Generator, difficulty: Array, group: Array, runs: Array) -> Array:
    """Return the gap in TPR between groups for each run, on all folds and without each."""
    values = []
    for run_by_group in runs:
        noise = 0.3 * rng.standard_normal(difficulty.shape, dtype=np.float32)
        hit = difficulty + noise + np.where(group, run_by_group[1], run_by_group[0]) > -0.8
        gap = [ratios((hit & g).sum(1), g.sum(1)) for g in (group, ~group)]
        values.append(gap[0] - gap[1])
    return np.stack(values)


def runs_coverage(num_runs: int, run_sd: float) -> float:
    """Simulate runs that differ as a whole (by group) and by sample; the true difference is 0."""
    rng = np.random.default_rng(num_runs)
    draws, found = 250, []
    for _ in range(10):
        difficulty = rng.standard_normal((100, 15, draws), dtype=np.float32)
        group = rng.random(difficulty.shape, dtype=np.float32) < 0.25
        runs = run_sd * rng.standard_normal((2, num_runs, 2, draws), dtype=np.float32)
        found.append(estimate(*(side(rng, difficulty, group, r) for r in runs)))
    return float(np.mean([coverage(0.0, one) for one in found]))


@pytest.mark.slow
@pytest.mark.parametrize("num_runs", [3, 5])
@pytest.mark.parametrize("run_sd", [0.05, 0.1, 0.2])
def test_difference_of_several_runs_a_side_covers(num_runs: int, run_sd: float) -> None:
    assert 0.935 <= runs_coverage(num_runs, run_sd) <= (0.965 if num_runs > 3 else 0.975)


@pytest.mark.slow
@pytest.mark.parametrize("num_runs", [3, 5])
def test_runs_that_differ_on_single_samples_alone_are_not_counted_twice(num_runs: int) -> None:
    assert 0.935 <= runs_coverage(num_runs, 0.0) <= 0.98  # 0.994 if counted twice
