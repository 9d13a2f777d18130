"""Distributions with given moments: maximum entropy for few states, a Gaussian copula for many.

Shape suffixes: c condition (a combination of earlier draws), s state, f feature, a attribute, k
order of a series.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Keeps parameters bounded for targets that no distribution reaches (a rate of exactly 0).
RIDGE = 1e-6
MAX_STEPS = 60
SERIES_ORDER = 24
LARGEST_CORRELATION = 0.98


def state_probabilities(features_csf: Floats, theta_f: Floats) -> Floats:
    """Return P(state given condition) [C, S] of the exponential family with these features."""
    scores_cs = features_csf @ theta_f
    scores_cs -= scores_cs.max(axis=1, keepdims=True)
    weights_cs = np.exp(scores_cs)
    p_cs: Floats = weights_cs / weights_cs.sum(axis=1, keepdims=True)
    return p_cs


def fit_moments(features_csf: Floats, weights_c: Floats, target_f: Floats) -> Floats:
    """Fit parameters [F] of the conditional maximum-entropy distribution to E[features] = target.

    Uses Newton's method with step halving on the convex dual, which has a small quadratic penalty.
    """
    theta_f = np.zeros(len(target_f))
    value = _dual(features_csf, weights_c, target_f, theta_f)
    for _ in range(MAX_STEPS):
        p_cs = state_probabilities(features_csf, theta_f)
        mean_cf = np.einsum("cs,csf->cf", p_cs, features_csf)
        gradient_f = weights_c @ mean_cf - target_f + RIDGE * theta_f
        if np.abs(gradient_f).max() < 1e-7:
            break
        flat_sf = features_csf.reshape(-1, len(target_f))
        second_ff = (flat_sf * (weights_c[:, None] * p_cs).reshape(-1, 1)).T @ flat_sf
        second_ff -= (mean_cf * weights_c[:, None]).T @ mean_cf
        step_f = np.linalg.solve(second_ff + RIDGE * np.eye(len(target_f)), gradient_f)
        scale = 1.0
        while scale > 1e-6:
            candidate_f = theta_f - scale * step_f
            candidate_value = _dual(features_csf, weights_c, target_f, candidate_f)
            if candidate_value <= value:
                break
            scale /= 2
        theta_f, value = candidate_f, candidate_value
    return theta_f


def _dual(features_csf: Floats, weights_c: Floats, target_f: Floats, theta_f: Floats) -> float:
    scores_cs = features_csf @ theta_f
    top_c = scores_cs.max(axis=1)
    log_sum_c = top_c + np.log(np.exp(scores_cs - top_c[:, None]).sum(axis=1))
    penalty = RIDGE / 2 * float(theta_f @ theta_f)
    return float(weights_c @ log_sum_c - theta_f @ target_f) + penalty


def logistic(z: Floats) -> Floats:
    """Return probabilities from log odds."""
    return np.asarray(1 / (1 + np.exp(-z)), dtype=np.float64)


def normal_cdf(z: Floats) -> Floats:
    """Return the standard normal distribution function, element by element."""
    erfc = np.frompyfunc(math.erfc, 1, 1)
    return np.asarray(0.5 * erfc(-z / math.sqrt(2)), dtype=np.float64)


def normal_quantile(p: Floats) -> Floats:
    """Return the inverse of `normal_cdf`; p is kept within 1e-9 of 0 and 1."""
    inverse = np.frompyfunc(NormalDist().inv_cdf, 1, 1)
    return np.asarray(inverse(np.clip(p, 1e-9, 1 - 1e-9)), dtype=np.float64)


def latent_correlations(
    p_ca: Floats, weights_c: Floats, covariance_aa: Floats
) -> NDArray[np.float64]:
    """Return correlations [A, A] of normal variables that, cut to rates p, have `covariance_aa`.

    The covariance is the mean within conditions. It is a power series in the correlation, with the
    tetrachoric functions as coefficients (Pearson 1900); bisection solves it pair by pair. Values
    out of reach end at +-0.98, and the result is moved to the nearest valid correlation matrix.
    """
    series_kaa = _tetrachoric_series(p_ca, weights_c)
    low_aa = np.full_like(covariance_aa, -LARGEST_CORRELATION)
    high_aa = -low_aa
    for _ in range(40):
        middle_aa = (low_aa + high_aa) / 2
        reached_aa = np.zeros_like(middle_aa)
        for coefficient_aa in series_kaa[::-1]:
            reached_aa = (reached_aa + coefficient_aa) * middle_aa
        too_low = reached_aa < covariance_aa
        low_aa = np.where(too_low, middle_aa, low_aa)
        high_aa = np.where(too_low, high_aa, middle_aa)
    latent_aa = (low_aa + high_aa) / 2
    np.fill_diagonal(latent_aa, 1.0)
    return nearest_correlation(latent_aa)


def _tetrachoric_series(p_ca: Floats, weights_c: Floats) -> Floats:
    """Return the power series [K, A, A] of the covariance in the latent correlation."""
    threshold_ca = normal_quantile(1 - p_ca)
    density_ca = np.exp(-(threshold_ca**2) / 2) / math.sqrt(2 * math.pi)
    before_ca, now_ca = np.zeros_like(density_ca), density_ca
    series = []
    for order in range(1, SERIES_ORDER + 1):
        series.append((now_ca * weights_c[:, None]).T @ now_ca)
        following_ca = threshold_ca * now_ca / math.sqrt(order + 1)
        following_ca -= before_ca * (order - 1) / math.sqrt(order * (order + 1))
        before_ca, now_ca = now_ca, following_ca
    return np.stack(series)


def nearest_correlation(matrix_aa: Floats, floor: float = 1e-4) -> Floats:
    """Return the nearest correlation matrix (Frobenius norm) with eigenvalues above about `floor`.

    Uses alternating projections with Dykstra's correction (Higham 2002, IMA J. Numer. Anal. 22).
    """
    nearest_aa, correction_aa = matrix_aa.copy(), np.zeros_like(matrix_aa)
    for _ in range(100):
        shifted_aa = nearest_aa - correction_aa
        values, vectors = np.linalg.eigh(shifted_aa)
        valid_aa = (vectors * np.maximum(values, floor)) @ vectors.T
        correction_aa = valid_aa - shifted_aa
        nearest_aa = valid_aa.copy()
        np.fill_diagonal(nearest_aa, 1.0)
        if np.abs(nearest_aa - valid_aa).max() < 1e-7:
            break
    return nearest_aa
