"""Exact tests against scipy and against sums over all tables in whole numbers."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pbias.auditing.inference.small_counts import benjamini_hochberg, fisher_exact, mcnemar_exact

COUNT = st.integers(0, 40)


def fisher_by_fractions(a: int, b: int, c: int, d: int) -> float:
    """All tables with these margins, in whole numbers: no rounding, no tolerance."""
    rows, yes, total = a + b, a + c, a + b + c + d
    weight = [comb(rows, x) * comb(total - rows, yes - x) for x in range(yes + 1)]
    return sum(w for w in weight if w <= weight[a]) / comb(total, yes)


@given(COUNT, COUNT, COUNT, COUNT)
def test_fisher_is_the_sum_over_tables_no_more_probable(a: int, b: int, c: int, d: int) -> None:
    np.testing.assert_allclose(fisher_exact(a, b, c, d), fisher_by_fractions(a, b, c, d), 1e-11)


@given(st.integers(0, 9), st.integers(0, 30_000), st.integers(0, 9), st.integers(0, 300_000))
def test_fisher_of_rare_flips_in_large_groups(a: int, b: int, c: int, d: int) -> None:
    expected = stats.fisher_exact([[a, b], [c, d]]).pvalue if a + c and b + d else 1.0
    np.testing.assert_allclose(fisher_exact(a, b, c, d), expected, rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize(
    "table",
    [
        (500_000, 500_000, 499_000, 501_000),
        (12_000, 988_000, 11_500, 988_500),
        (3, 5_000_000, 60, 5_000_000),
        (200, 100, 9_000, 90_000),
        (10, 9_000_000, 700_000, 3_000_000),
    ],
)
def test_fisher_of_large_tables(table: tuple[int, int, int, int]) -> None:
    a, b, c, d = table
    expected = stats.fisher_exact([[a, b], [c, d]]).pvalue
    np.testing.assert_allclose(fisher_exact(a, b, c, d), expected, rtol=1e-8, atol=1e-300)


def test_fisher_cannot_tell_tables_with_an_empty_margin() -> None:
    p = fisher_exact([0, 5, 0, 7, 0], [0, 5, 9, 0, 0], [3, 0, 0, 4, 0], [4, 0, 9, 0, 0])
    np.testing.assert_array_equal(p, 1.0)


def test_fisher_keeps_far_tails_and_shapes() -> None:
    a = np.array([[900], [950]])
    p = fisher_exact(a, 1000 - a, np.array([100, 50, 20]), 1000 - np.array([100, 50, 20]))
    assert p.shape == (2, 3)
    np.testing.assert_allclose(
        p[0, 0], 2 * stats.hypergeom.sf(899, 2000, 1000, 1000), rtol=1e-9, atol=1e-300
    )
    assert fisher_exact(1, 2, 3, 4).shape == ()


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_mcnemar_is_the_exact_binomial_test(gained: int, lost: int) -> None:
    total = gained + lost
    expected = stats.binomtest(gained, total).pvalue if total else 1.0
    # Near 1e-300 scipy gives 0.
    np.testing.assert_allclose(mcnemar_exact(gained, lost), expected, rtol=1e-10, atol=1e-290)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_adjusted_p_values_are_those_of_scipy(p: list[float]) -> None:
    np.testing.assert_allclose(benjamini_hochberg(p), stats.false_discovery_control(p), rtol=1e-12)


def test_adjustment_leaves_undefined_p_values_out() -> None:
    p = np.array([[0.01, np.nan, 0.04], [np.nan, np.nan, np.nan]])
    expected = [[0.02, np.nan, 0.04], [np.nan, np.nan, np.nan]]
    np.testing.assert_array_equal(benjamini_hochberg(p), expected)
    np.testing.assert_array_equal(benjamini_hochberg(p.T, axis=0), np.transpose(expected))
