"""Distributions against scipy, far into the tails."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from pbias.auditing.inference import distributions as ours
from pbias.auditing.inference.distributions import range_ppf

DF = np.array([0.5, 1.0, 1.3, 2.0, 2.718, 5.0, 19.0, 199.0, 3999.9, 4001.0, 1e6, np.inf])
T = np.array([1e-3, 0.2, 1.0, 1.7, 1.8, 3.0, 8.0, 12.0, 20.0])


def close(actual: object, expected: object, relative: float = 1e-10) -> None:
    np.testing.assert_allclose(actual, expected, rtol=relative, atol=0)


def test_normal_tails_keep_their_digits() -> None:
    x = np.linspace(-37, 8, 91)
    close(ours.normal_cdf(x), stats.norm.cdf(x))


def test_normal_quantiles() -> None:
    q = np.array([1e-300, 1e-20, 0.025, 0.5, 0.8, 1 - 1e-12])
    close(ours.normal_ppf(q), stats.norm.ppf(q))
    np.testing.assert_array_equal(
        ours.normal_ppf([0, 1, 2, np.nan]), [-np.inf, np.inf, *[np.nan] * 2]
    )


def test_t_tails_keep_their_digits() -> None:
    close(ours.t_sf(T[:, None], DF), stats.t.sf(T[:, None], DF))


def test_t_of_one_and_two_degrees_of_freedom_has_a_closed_form() -> None:
    t = np.array([1e-9, 0.3, 1.0, 1e4, 1e100])
    close(ours.t_sf(t, 1), np.arctan2(1.0, t) / np.pi)
    close(ours.t_sf(t[:4], 2), 1 / (2 + t[:4] ** 2 + t[:4] * np.sqrt(2 + t[:4] ** 2)))


def test_t_has_two_equal_tails_and_their_sum() -> None:
    np.testing.assert_array_equal(ours.t_two_sided(-T, 7.5), 2 * ours.t_sf(T, 7.5))
    close(ours.t_sf(-T, 7.5) + ours.t_sf(T, 7.5), np.ones(len(T)))


def test_t_at_its_limits() -> None:
    inf, nan = np.inf, np.nan
    t, df = [0, inf, -inf, nan, 1, 1, 1], [3, 3, 3, 3, nan, 0, -2]
    np.testing.assert_array_equal(ours.t_sf(t, df), [0.5, 0, 1, nan, nan, nan, nan])
    q, df = [0, 0.5, 1, nan, 0.3, 0.3], [3, 3, 3, 3, nan, 0]
    np.testing.assert_array_equal(ours.t_ppf(q, df), [-inf, 0, inf, nan, nan, nan])


def test_t_quantiles_are_those_of_scipy() -> None:
    q = np.array([1e-20, 1e-8, 0.0005, 0.025, 0.2, 0.24, 0.26, 0.45, 0.8, 0.975])
    close(ours.t_ppf(q[:, None], DF), stats.t.ppf(q[:, None], DF))


def test_critical_values_are_in_every_textbook() -> None:
    np.testing.assert_allclose(ours.critical(0.95, [np.inf, 10]), [1.959964, 2.228139], atol=1e-6)


@given(st.floats(1e-140, 0.499), st.floats(1, 1e7))
def test_t_quantiles_invert_the_tail(tail: float, df: float) -> None:
    close(ours.t_sf(-ours.t_ppf(tail, df), df), tail)


@given(st.floats(0.05, 5e3), st.floats(0.05, 5e3), st.floats(1e-6, 1 - 1e-6))
def test_beta_distribution(a: float, b: float, x: float) -> None:
    arrays = [np.array([v]) for v in (a, b, x, 1.0 - x)]
    expected = special.betainc(a, b, x)
    if expected > 1e-280:
        close(ours.beta_cdf(*arrays), expected)


def test_binomial_probabilities_of_millions() -> None:
    n, p = np.array([1e6, 1e6, 40.0, 1.0]), np.array([0.3, 1e-4, 0.5, 0.25])
    k = np.array([300_400.0, 70.0, 0.0, 1.0])
    # here scipy's own logpmf is off by 1e-10; its pmf also uses Loader's method
    close(np.exp(ours.log_binomial(k, n, p, 1 - p)), stats.binom.pmf(k, n, p), 1e-11)


@pytest.mark.parametrize("df", [1.0, 2.0, 5.0, 19.0, 199.0, np.inf])
@pytest.mark.parametrize("num_groups", [2, 3, 7])
def test_studentised_range(num_groups: int, df: float) -> None:
    q = range_ppf(0.95, num_groups, df)
    close(stats.studentized_range.cdf(q, num_groups, df), 0.95, 5e-7)


def test_range_of_two_means_is_a_t_test() -> None:
    close(range_ppf(0.99, 2, 12.5), np.sqrt(2) * stats.t.ppf(0.995, 12.5), 1e-8)
