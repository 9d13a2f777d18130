"""Intervals against published examples and scipy, at their edges, and in simulations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from pbias.auditing.inference.intervals import (
    Interval,
    effective_total,
    largest_difference,
    likelihood_interval,
    mover_difference,
    pairwise_differences,
    rare_wilson,
    ratio_of_counts,
    wilson,
)

Array = NDArray[Any]
COUNT = st.integers(0, 50)


def holds(interval: Interval, truth: float) -> Array:
    return (interval.low <= truth) & (truth <= interval.high)


@given(COUNT, COUNT)
def test_wilson_is_that_of_scipy(successes: int, failures: int) -> None:
    total = successes + failures
    found = wilson(successes, total, 0.9)
    if total == 0:
        assert np.isnan(found).all()
        return
    expected = stats.binomtest(successes, total).proportion_ci(0.9, "wilson")
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_wilson_reaches_0_and_1_exactly() -> None:
    low, high = wilson([0, 7, 0.0], [7, 7, 2.5])
    np.testing.assert_array_equal(low[[0, 2]], 0.0)
    assert high[1] == 1.0
    assert ((low <= [0, 1, 0]) & (high >= [0, 1, 0])).all()


def test_few_degrees_of_freedom_widen() -> None:
    found = np.diff(wilson(3, 40, df=[5.0, 20.0, np.inf]), axis=0)[0]
    assert (np.diff(found) < 0).all()


@pytest.mark.parametrize(("count", "expected"), [(1, 0.051293), (2, 0.355362), (3, 0.817691)])
def test_few_successes_have_the_lower_end_of_a_poisson_count(count: int, expected: float) -> None:
    """Brown, Cai and DasGupta (2001): P(X >= count) is 5 % at this expectation."""
    low, high = rare_wilson([count, 400 - count], 400)
    np.testing.assert_allclose(low[0] * 400, expected, rtol=1e-5)
    np.testing.assert_allclose((1 - high[1]) * 400, expected, rtol=1e-5)
    np.testing.assert_array_equal(rare_wilson([0, 4, 200], 400), wilson([0, 4, 200], 400))


def test_far_ends_miss_no_more_of_the_rare_than_they_say() -> None:
    """300 samples, 5 %: exact shares of counts with a 99.5 % interval above; nominal 0.25 %."""
    counts, chance = np.arange(301), stats.binom.pmf(np.arange(301), 300, 0.05)
    missed = [
        chance[interval(counts, 300, 0.995).low > 0.05].sum() for interval in (wilson, rare_wilson)
    ]
    np.testing.assert_allclose(missed, [0.00499, 0.00257], atol=1e-5)


def test_ends_of_the_likelihood_ratio_are_where_the_deviance_is() -> None:
    """7 of 20: 2 (7 ln(.35 / p) + 13 ln(.65 / (1 - p))) = 9."""
    low, high = likelihood_interval(np.array([7.0, 0.0, 20.0]), np.array(20.0), np.array(3.0))
    for end in (low[0], high[0]):
        deviance = 2 * (7 * np.log(0.35 / end) + 13 * np.log(0.65 / (1 - end)))
        assert deviance == pytest.approx(9.0)
    assert low[1] == 0.0 and high[2] == 1.0
    assert high[1] == pytest.approx(1 - np.exp(-9 / 40))  # 40 ln(1 / (1 - p)) = 9


# Newcombe (1998), Statistics in Medicine 17:873, table II, method 10.
UNPAIRED = [
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (10, 10, 0, 20, 0.6791, 1.0),
    (10, 10, 0, 10, 0.6075, 1.0),
    (0, 10, 0, 10, -0.2775, 0.2775),
]


@pytest.mark.parametrize("example", UNPAIRED)
def test_unpaired_difference_is_that_of_newcombe(example: tuple[float, ...]) -> None:
    a, m, b, n, low, high = example
    found = mover_difference(np.array(a / m), *wilson(a, m), np.array(b / n), *wilson(b, n))
    np.testing.assert_allclose(found, (low, high), atol=5e-5)


def test_normal_errors_combine_as_they_should() -> None:
    found = mover_difference(*np.array([5.0, 2.0, 8.0, 1.0, -3.0, 5.0]))
    np.testing.assert_allclose(found, (4 - 5, 4 + 5))


def test_errors_in_common_cancel_in_a_difference() -> None:
    one = np.array([5.0, 4.0, 6.5])
    np.testing.assert_allclose(mover_difference(*one, *one, 1.0), (-0.5, 0.5))
    np.testing.assert_allclose(mover_difference(*one, *one, -1.0), (-2.5, 2.5))


def test_ratio_of_counts_by_hand() -> None:
    low, high = ratio_of_counts(12, 30)
    z = stats.norm.ppf(0.975)
    (l1, u1), (l2, u2) = (
        k + z**2 / 2 + z * np.sqrt(k + z**2 / 4) * np.array([-1, 1]) for k in (12, 30)
    )
    np.testing.assert_allclose(low, 0.4 * np.exp(-np.hypot(np.log(12 / l1), np.log(u2 / 30))))
    np.testing.assert_allclose(high, 0.4 * np.exp(np.hypot(np.log(u1 / 12), np.log(30 / l2))))


def test_ratio_of_no_counts_reaches_from_0_and_to_none_is_undefined() -> None:
    low, high = ratio_of_counts([0, 5], [20, 0])
    assert low[0] == 0 and 0.15 < high[0] < 0.4
    assert np.isnan(low[1]) and np.isnan(high[1])


@pytest.mark.slow
@pytest.mark.parametrize("expected", [(1, 30), (5, 10), (8, 300), (40, 8)])
def test_ratio_of_counts_covers(expected: tuple[int, int]) -> None:
    k, n = np.random.default_rng(3).poisson(expected, (20_000, 2)).T
    covered = holds(ratio_of_counts(k, n), expected[0] / expected[1])[n > 0]
    assert np.mean(covered) >= 0.935


def test_pairwise_intervals_of_two_groups_are_those_of_agresti_and_caffo() -> None:
    low, high = pairwise_differences([7, 1], [20, 15])
    p, q = 8 / 22, 2 / 17
    margin = 1.959964 * np.sqrt(p * (1 - p) / 22 + q * (1 - q) / 17)
    np.testing.assert_allclose([low[0, 1], high[0, 1]], [p - q - margin, p - q + margin], 1e-6)
    np.testing.assert_allclose(low, -high.T)
    assert np.isnan(np.diagonal(low)).all()


def test_pairwise_intervals_use_the_studentised_range() -> None:
    k, n = np.array([5.0, 9, 12, 3]), np.array([40.0, 40, 50, 30])
    low, high = pairwise_differences(k, n, 0.9, df=25.0)
    rate = (k + 1) / (n + 2)
    error = np.sqrt(sum(rate[i] * (1 - rate[i]) / (n[i] + 2) for i in (1, 3)))
    q = stats.studentized_range.ppf(0.9, 4, 25.0)
    np.testing.assert_allclose((high - low)[1, 3] / 2, q / np.sqrt(2) * error, rtol=1e-6)


def test_groups_without_rows_count_for_nothing() -> None:
    four = pairwise_differences([5, 0, 9, 1], [40, 0, 30, 35])
    three = pairwise_differences([5, 9, 1], [40, 30, 35])
    kept = np.ix_([0, 2, 3], [0, 2, 3])
    np.testing.assert_array_equal(four.low[kept], three.low)
    np.testing.assert_array_equal(largest_difference(four), largest_difference(three))
    assert np.isnan(four.low[1]).all()


def test_range_of_fewer_than_two_groups_is_undefined() -> None:
    found = largest_difference(pairwise_differences([[0, 0, 3], [0, 0, 0]], [[0, 0, 5], [0, 0, 0]]))
    assert np.isnan(found).all()


def test_range_excludes_0_only_where_a_pair_does() -> None:
    same = largest_difference(pairwise_differences([10, 11, 9], [100, 100, 100]))
    apart = largest_difference(pairwise_differences([10, 50, 9], [100, 100, 100]))
    assert same.low == 0.0 and same.high < 0.2
    assert apart.low > 0.2 and apart.high < 0.6


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=2, max_size=6))
def test_range_interval_holds_the_observed_range(groups: list[tuple[int, int]]) -> None:
    k, n = np.array([[a, a + b] for a, b in groups]).T
    low, high = largest_difference(pairwise_differences(k, n))
    rates = k[n > 0] / n[n > 0]
    if len(rates) > 1:
        assert 0 <= low <= np.ptp(rates) and high <= 1


def test_effective_counts_reproduce_the_clustered_standard_error() -> None:
    n = effective_total(256, 0.05**2 * 256 / 0.16)
    np.testing.assert_allclose(np.sqrt(0.16 / n), 0.05)
    assert effective_total(100, 0.5) == 100


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("sizes", [(40, 40, 40), (2000, 300, 30), (500, 400, 300, 200, 100, 50)])
def test_range_of_0_is_covered(sizes: tuple[int, ...], rate: float) -> None:
    k = np.random.default_rng(1).binomial(sizes, rate, (20_000, len(sizes)))
    assert np.mean(holds(largest_difference(pairwise_differences(k, sizes)), 0.0)) >= 0.945


@pytest.mark.slow
def test_range_of_groups_that_differ_is_covered() -> None:
    rates, sizes = np.array([0.1, 0.15, 0.2, 0.3]), np.array([500, 60, 200, 100])
    k = np.random.default_rng(2).binomial(sizes, rates, (20_000, 4))
    assert np.mean(holds(largest_difference(pairwise_differences(k, sizes)), 0.2)) >= 0.945
