"""The debiased calibration error and fitted thresholds, against their definitions in loops."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pbias.audit.calibration import debiased_error, equal_mass_totals, fit_thresholds
from pbias.audit.ranking import rank

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


@given(SEEDS, st.integers(1, 60), st.sampled_from([0, 1, 8]))
def test_threshold_predicts_the_nearest_reachable_count(seed: int, num: int, digits: int) -> None:
    rng = np.random.default_rng(seed)
    z = np.round(2 * rng.normal(size=(1, num)), digits).astype(np.float32)
    y = rng.integers(-1, 2, (1, num)).astype(np.int8)
    threshold, tied = fit_thresholds(z, y)
    known, wanted = z[y >= 0], np.sum(y == 1)
    if len(known) == 0:
        assert np.isnan(threshold)
        return
    cuts = [-np.inf, *np.unique(known)]
    reachable = np.array([np.sum(known > cut) for cut in cuts])
    best = min(np.abs(reachable - wanted))
    assert abs(np.sum(known > threshold) - wanted) == best
    assert tied == (best > 0)


def fit(z: list[float], y: list[int]) -> tuple[float, bool]:
    values, tied = fit_thresholds(np.array([z], np.float32), np.array([y], np.int8))
    return float(values[0]), bool(tied[0])


@pytest.mark.parametrize(
    ("z", "y", "expected"),
    [
        ([3, 1, 2, 0], [1, 1, 0, 0], (1.5, False)),  # between the second and the third
        ([3, 1, 2, 0], [0, 0, 0, 0], (np.inf, False)),
        ([3, 1, 2, 0], [1, 1, 1, 1], (-np.inf, False)),
        ([3, 1, 2, 0], [1, 1, -1, -1], (-np.inf, False)),
        ([3, 2, 2, 2, 0], [1, 1, 0, 0, 0], (2.5, True)),  # 1 is nearer to 2 than 4
        ([3, 2, 2, 2, 0], [1, 1, 1, 0, 0], (1.0, True)),  # 4 is nearer to 3 than 1
        ([3, 2, 2, 0], [1, 1, 0, 0], (2.5, True)),  # 1 and 3 are equally near: the fewer
        ([2, 2, 2], [1, 0, 0], (np.inf, True)),
        ([2, 2, 2], [1, 1, 0], (-np.inf, True)),
        ([1, 2], [-1, -1], (np.nan, False)),
    ],
)
def test_threshold_by_hand(z: list[float], y: list[int], expected: tuple[float, bool]) -> None:
    np.testing.assert_equal(fit(z, y), expected)


def test_neighbouring_floats_are_told_apart() -> None:
    high = np.float32(5.0)
    low = np.nextafter(high, np.float32(0))
    threshold, _ = fit([float(low), float(high)], [0, 1])
    assert float(low) < threshold < float(high)


def test_thresholds_reach_the_prevalence_of_real_labels(vectors: Path) -> None:
    arrays = np.load(vectors / "paper_metrics.npz")
    z, y = arrays["valid_logits"].T, arrays["valid_labels"].T.astype(np.int8)
    values, tied = fit_thresholds(z, y)
    assert not tied.any()
    np.testing.assert_array_equal((z > values[:, None]).sum(axis=1), y.sum(axis=1))
    papers = json.loads((vectors / "paper_metrics.json").read_text())["adjusted"]["thresholds"]
    # The paper takes the k-th logit itself, and `>` then loses that sample.
    lost = np.sum((z > values[:, None]) & ~(z > np.array(papers)[:, None] + 1e-7), axis=1)
    np.testing.assert_array_equal(lost, 1)
