"""Two or three runs that differ much: the samples' part is certain, the runs' part is not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import integrate, stats

from pbias.auditing.inference.behrens_fisher import equivalent_df, reach
from pbias.auditing.inference.jackknife import estimate, interval

DRAWS = 4000


@pytest.mark.parametrize(("share", "df"), [(0.02, 1.0), (0.3, 2.0), (0.7, 1.5)])
def test_reach_is_the_quantile_of_the_sum(share: float, df: float) -> None:
    def beyond(z: float, at: float) -> float:
        left = (at - np.sqrt(1 - share) * z) / np.sqrt(share)
        return float(stats.norm.pdf(z) * stats.t.sf(left, df))

    found = float(reach(np.array([share]), df)[0])
    tail, _ = integrate.quad(beyond, -12, 12, args=(found,), limit=200)
    assert tail == pytest.approx(0.025, rel=1e-4)
    assert stats.t.ppf(0.975, equivalent_df(np.array(share), np.array(df))) == pytest.approx(
        found, rel=0.02
    )


def test_a_normal_and_a_pure_t_keep_their_degrees_of_freedom() -> None:
    found = equivalent_df(np.array([0.0, 1.0, 1.0]), np.array([1.0, 1.0, 2.5]))
    assert found[0] > 1e6
    np.testing.assert_allclose(found[1:], [1.0, 2.5], rtol=1e-6)


def coverage(runs_of_sides: Sequence[int], spread: float) -> float:
    """Simulate means over shared samples, which err with sd 1, of runs that differ."""
    rng, num_folds = np.random.default_rng(0), 100
    shared = np.sqrt(num_folds / 2) * rng.standard_normal((num_folds, DRAWS))
    sides = []
    for num_runs in runs_of_sides:
        own = np.sqrt(num_folds / 4) * rng.standard_normal((num_runs, num_folds, DRAWS))
        runs = spread * rng.standard_normal((num_runs, 1, DRAWS))
        folds = own + runs + (shared if not sides else 0.0)
        whole = folds.mean(axis=1, keepdims=True)
        sides.append(np.concatenate([whole, whole + (whole - folds) / (num_folds - 1)], axis=1))
    low, high = interval(estimate(*sides))
    return float(np.mean((low <= 0) & (high >= 0)))


@pytest.mark.parametrize("spread", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("runs", [(2,), (3,), (2, 2), (2, 5), (3, 3)])
def test_few_runs_are_covered(runs: Sequence[int], spread: float) -> None:
    """One t distribution for both parts, after Satterthwaite; before, 87-89 % for two such runs."""
    assert 0.93 <= coverage(runs, spread) <= 0.985
