"""Intervals on the scale of a metric, by hand and at the ends of the scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pbias.auditing.inference.intervals import scaled_interval
from pbias.auditing.inference.jackknife import Estimate, interval
from pbias.auditing.metrics.entry import Scale

T = stats.t.ppf(0.975, 40)


def found(value: Any, se: Any) -> Estimate:
    value = np.atleast_1d(np.asarray(value, float))
    return Estimate(value, np.full_like(value, se), np.full_like(value, 40.0))


def test_within_0_and_1_by_hand() -> None:
    low, high = scaled_interval(Scale.LOGIT, found(0.9, 0.03), 0.95)
    reach = T * 0.03 / (0.9 * 0.1)
    odds = np.array([9 * np.exp(-reach), 9 * np.exp(reach)])
    np.testing.assert_allclose([low[0], high[0]], odds / (1 + odds))


def test_ratio_by_hand() -> None:
    low, high = scaled_interval(Scale.LOG, found(0.5, 0.1), 0.95)
    np.testing.assert_allclose([low[0], high[0]], 0.5 * np.exp([-T * 0.2, T * 0.2]))


def test_squared_errors_by_hand() -> None:
    """Both ends are as far from the value as their own variances require."""
    value, se = 0.02, 0.008
    slope = 0.5 * se**2 / value
    for end in np.ravel(scaled_interval(Scale.SQUARES, found(value, se), 0.95)):
        np.testing.assert_allclose((value - end) ** 2, T**2 * (se**2 + slope * (end - value)))


def test_others_are_plain() -> None:
    one = found([-0.1, 0.3], 0.2)
    np.testing.assert_allclose(scaled_interval(Scale.IDENTITY, one, 0.9), interval(one, 0.9))


@pytest.mark.parametrize(
    ("scale", "value"), [(Scale.LOGIT, 0.0), (Scale.LOGIT, 1.0), (Scale.LOG, 0.0)]
)
def test_at_the_end_of_a_scale_there_is_none(scale: Scale, value: float) -> None:
    assert np.isnan(scaled_interval(scale, found(value, 0.0), 0.95)).all()


@given(st.floats(0.001, 0.999), st.floats(0, 0.5), st.sampled_from([0.8, 0.95, 0.99]))
def test_stays_within_0_and_1_around_the_value(value: float, se: float, level: float) -> None:
    low, high = scaled_interval(Scale.LOGIT, found(value, se), level)
    assert 0 <= low <= value * (1 + 1e-9) and value * (1 - 1e-9) <= high <= 1


def test_narrow_intervals_are_the_plain_ones() -> None:
    for scale in (Scale.LOGIT, Scale.LOG, Scale.SQUARES):
        one = found(0.6, 1e-5)
        np.testing.assert_allclose(scaled_interval(scale, one, 0.95), interval(one), rtol=1e-8)


def test_no_error_is_an_interval_of_the_value_alone() -> None:
    for scale in Scale:
        np.testing.assert_allclose(scaled_interval(scale, found(0.3, 0.0), 0.95), 0.3)
