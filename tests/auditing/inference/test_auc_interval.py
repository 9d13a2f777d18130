"""The interval of an AUC: its equation, its edges, and its coverage for few samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from pbias.auditing.engine import Options, audit
from pbias.auditing.inference.auc_interval import auc_interval, auc_score, hanley_mcneil_variance
from pbias.auditing.inference.jackknife import estimate
from pbias.files.logits import Logits

Array = NDArray[Any]


def test_variance_by_hand() -> None:
    """Follow Hanley and McNeil (1982), with fewer positives than negatives."""
    a, m, n = 0.9, 20, 50
    two_of_positives, two_of_negatives = a / (2 - a), 2 * a**2 / (1 + a)
    top = a * (1 - a) + (m - 1) * (two_of_positives - a**2) + (n - 1) * (two_of_negatives - a**2)
    np.testing.assert_allclose(hanley_mcneil_variance(*np.array([a, m, n])), top / (m * n))


def test_variance_is_the_same_of_the_opposite_and_of_swapped_classes() -> None:
    a, m, n = np.array([0.8, 0.2, 0.8]), np.array([20.0, 20, 50]), np.array([50.0, 50, 20])
    found = hanley_mcneil_variance(a, m, n)
    np.testing.assert_allclose(found, found[0])


def test_ends_are_within_reach_of_their_own_error() -> None:
    a, m, n = np.array([0.55, 0.9, 0.98]), np.array([8.0, 12, 40]), np.array([90.0, 30, 40])
    for end in auc_score(a, m, n, 1.96):
        error = np.sqrt(hanley_mcneil_variance(end, m, n))
        np.testing.assert_allclose(np.abs(a - end), 1.96 * error, rtol=1e-6)


def test_a_perfect_auc_is_not_certain() -> None:
    low, high = auc_score([1.0, 0.0], 5, 100, 1.96)
    assert low[0] < 0.8 and high[0] == 1.0
    np.testing.assert_allclose([low[1], high[1]], [1 - high[0], 1 - low[0]])


def test_with_fewer_than_2_of_a_class_there_is_none() -> None:
    assert np.isnan(auc_score(0.5, [0, 3, 1], [3, 0, 99], 1.96)).all()
    assert not np.isnan(auc_score(0.5, 2, 2, 1.96)).any()


def left_out(x: Array, y: Array) -> Array:
    """Return the AUC [1, 1+N, 1, draws] of all samples and without each; x, y [draws, samples]."""
    wins = (x[:, :, None] > y[:, None]).mean((1, 2))
    without = [
        (np.delete(x, i, 1)[:, :, None] > y[:, None]).mean((1, 2)) for i in range(x.shape[1])
    ]
    without += [
        (x[:, :, None] > np.delete(y, i, 1)[:, None]).mean((1, 2)) for i in range(y.shape[1])
    ]
    return np.stack([wins, *without])[None, :, None]


def test_many_samples_make_it_the_plain_one() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(1, 1, (1, 150)), rng.normal(0, 1, (1, 150))
    values = left_out(x, y)
    low, high = auc_interval(estimate(values), np.array([[150.0]]), np.array([[150.0]]), 0.95)
    se = np.sqrt(299 / 300 * ((values[0, 1:] - values[0, 1:].mean(axis=0)) ** 2).sum())
    np.testing.assert_allclose(high - low, 2 * stats.t.ppf(0.975, 299) * se, rtol=0.04)


@pytest.mark.slow
@pytest.mark.parametrize(("shift", "sd"), [(3.0, 1.0), (2.0, 0.6), (1.0, 1.0), (0.3, 1.0)])
@pytest.mark.parametrize(("m", "n"), [(5, 60), (12, 60), (60, 12)])
def test_few_samples_of_a_class_are_covered(shift: float, sd: float, m: int, n: int) -> None:
    rng = np.random.default_rng(m)
    x, y = shift + sd * rng.normal(size=(600, m)), rng.normal(size=(600, n))
    low, high = auc_interval(estimate(left_out(x, y)), np.array([[m]]), np.array([[n]]), 0.95)
    truth = stats.norm.cdf(shift / np.hypot(1, sd))
    assert np.mean((low <= truth) & (truth <= high)) >= 0.935 - 0.02


@pytest.mark.parametrize("seed", range(4))
def test_the_p_of_a_difference_agrees_with_its_interval(
    make_logits: Callable[..., Logits], seed: int
) -> None:
    options = Options(("Male", "Skin"), None, ["auc"])
    rows = audit([make_logits(seed, num=80)], options=options).records()
    found = [r for r in rows if r["contrast"] == "1-0" and r["p"] == r["p"]]
    assert found
    for row in found:
        assert (row["p"] < 0.05) == (not row["low"] <= 0 <= row["high"])


@pytest.mark.parametrize("clustered", [False, True], ids=["rows", "clusters"])
def test_one_sample_that_falls_from_a_perfect_order_is_no_finding(*, clustered: bool) -> None:
    """The interval of an AUC ends at 1: around the reference's AUC, every fall was beyond chance.

    This happened at any level, with p just below 1 - level.
    """
    rng = np.random.default_rng(0)
    y = (np.arange(400) % 4 == 0).astype(np.int8)
    before = np.where(y == 1, 5.0, -5.0) + rng.normal(size=400)
    after = before.copy()
    after[0] = -4.0  # a positive among the negatives

    def file(z: Array) -> Logits:
        clusters = (np.arange(400) // 4).astype(str) if clustered else None
        ids = np.arange(400).astype(str)
        return Logits(z[:, None].astype("f4"), y[:, None], ("t",), ids=ids, clusters=clusters)

    table = audit([file(after)], [file(before)], Options(metrics=["auc"]))
    row = table.records()[-1]
    assert row["reference"] == 1 > row["value"]
    assert row["change_low"] < row["change"] < 0 < row["change_high"]
    assert 0.3 < row["p"] < 0.5
