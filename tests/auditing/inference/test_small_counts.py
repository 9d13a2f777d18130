"""The adjustment of p-values over targets, against scipy."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pbias.auditing.inference.small_counts import benjamini_hochberg


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_adjusted_p_values_are_those_of_scipy(p: list[float]) -> None:
    np.testing.assert_allclose(benjamini_hochberg(p), stats.false_discovery_control(p), rtol=1e-12)


def test_adjustment_leaves_undefined_p_values_out() -> None:
    p = np.array([[0.01, np.nan, 0.04], [np.nan, np.nan, np.nan]])
    expected = [[0.02, np.nan, 0.04], [np.nan, np.nan, np.nan]]
    np.testing.assert_array_equal(benjamini_hochberg(p), expected)
    np.testing.assert_array_equal(benjamini_hochberg(p.T, axis=0), np.transpose(expected))
