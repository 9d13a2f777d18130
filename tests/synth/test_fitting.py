"""Distributions with given moments."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from pbias.synth.labels.fitting import (
    fit_moments,
    latent_correlations,
    nearest_correlation,
    normal_cdf,
    normal_quantile,
    state_probabilities,
)

seeds = st.integers(0, 2**32 - 1)


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_reachable_moments_are_reached(seed: int) -> None:
    rng = np.random.default_rng(seed)
    features_csf = rng.integers(0, 2, (5, 8, 4)).astype(float)
    weights_c = rng.dirichlet(np.ones(5))
    truth_cs = rng.dirichlet(np.ones(8), size=5)
    target_f = np.einsum("c,cs,csf->f", weights_c, truth_cs, features_csf)
    p_cs = state_probabilities(features_csf, fit_moments(features_csf, weights_c, target_f))
    reached_f = np.einsum("c,cs,csf->f", weights_c, p_cs, features_csf)
    assert np.abs(reached_f - target_f).max() < 1e-3


def test_a_rate_of_zero_is_nearly_reached() -> None:
    features_csf = np.array([[[0.0], [1.0]]])
    theta_f = fit_moments(features_csf, np.ones(1), np.zeros(1))
    assert 0 <= state_probabilities(features_csf, theta_f)[0, 1] < 1e-4


def covariance(rho: float, p: float, q: float) -> float:
    """Return the covariance of two correlated normal variables cut to rates p and q."""
    both = multivariate_normal([0, 0], [[1, rho], [rho, 1]]).cdf(norm.ppf([p, q]))
    return float(both - p * q)


@given(st.floats(-0.9, 0.9), st.floats(0.05, 0.95), st.floats(0.05, 0.95))
@settings(max_examples=40, deadline=None)
def test_latent_correlations_give_back_the_covariance(rho: float, p: float, q: float) -> None:
    target = covariance(rho, p, q)
    latent_aa = latent_correlations(np.array([[p, q]]), np.ones(1), np.full((2, 2), target))
    assert covariance(float(latent_aa[0, 1]), p, q) == pytest.approx(target, abs=1e-3)


def test_latent_correlations_average_over_conditions() -> None:
    rates = [(0.2, 0.3), (0.7, 0.4)]
    target = 0.25 * covariance(0.4, *rates[0]) + 0.75 * covariance(0.4, *rates[1])
    weights_c = np.array([0.25, 0.75])
    latent_aa = latent_correlations(np.array(rates), weights_c, np.full((2, 2), target))
    assert latent_aa[0, 1] == pytest.approx(0.4, abs=1e-3)


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_nearest_correlation_is_a_correlation_matrix(seed: int) -> None:
    half = np.triu(np.random.default_rng(seed).uniform(-1, 1, (6, 6)), 1)
    nearest = nearest_correlation(half + half.T + np.eye(6))
    assert np.allclose(np.diag(nearest), 1)
    assert np.linalg.eigvalsh(nearest).min() > 0


def test_a_correlation_matrix_is_its_own_nearest() -> None:
    matrix = np.array([[1, 0.5, 0.2], [0.5, 1, -0.3], [0.2, -0.3, 1]])
    assert np.allclose(nearest_correlation(matrix), matrix)


@given(st.floats(1e-6, 1 - 1e-6))
def test_quantile_inverts_the_normal_distribution(p: float) -> None:
    assert normal_cdf(normal_quantile(np.array([p])))[0] == pytest.approx(p, abs=1e-9)
