"""Intervals of numbers chosen for being large: their level, their coverage, and which ones hold."""

from __future__ import annotations

import math

import numpy as np

from pbias.auditing.findings.selection import Ends, Widened, holding, most_first, selection_level
from pbias.auditing.inference.distributions import critical
from pbias.auditing.inference.small_counts import benjamini_hochberg

RECORD = {
    "metric": "tpr", "attribute": "a", "group": "", "contrast": "", "runs": "1:1", "value": 0.5,
    "low": 0.4, "high": 0.6, "reference": 0.7, "change": -0.2, "change_low": -0.3,
    "change_high": -0.1,
}  # fmt: skip


def test_the_level_is_that_of_benjamini_and_yekutieli() -> None:
    assert selection_level(0.95, 3, 60) == 1 - 0.05 * 3 / 60
    assert selection_level(0.95, 60, 60) == 0.95
    assert selection_level(0.95, 5, 3) == 0.95


def test_of_the_chosen_intervals_5_percent_miss() -> None:
    """200 numbers, 20 of them not 0, are observed with error 1; those that hold are reported.

    Unadjusted intervals of the same numbers miss several times as often.
    """
    rng = np.random.default_rng(0)
    truth = np.zeros(200)
    truth[:20] = np.linspace(2, 4, 20)
    shares: dict[str, list[float]] = {"adjusted": [], "plain": []}
    for _ in range(1000):
        seen = truth + rng.normal(size=200)
        p = np.array([math.erfc(abs(z) / math.sqrt(2)) for z in seen])
        held = holding(p, benjamini_hochberg(p), 0.05)
        level = selection_level(0.95, int(held.sum()), 200)
        for name, reach in (("adjusted", critical(level)), ("plain", critical(0.95))):
            missed = np.abs(seen - truth)[held] > reach
            shares[name].append(float(missed.mean()) if held.any() else 0.0)
    assert 0.01 < np.mean(shares["adjusted"]) <= 0.052 < np.mean(shares["plain"])


def test_what_holds_has_an_interval_without_0() -> None:
    p = np.array([0.001, 0.02, 0.04, np.nan, 0.5])
    adjusted = np.array([0.01, 0.03, 0.04, np.nan, 0.9])
    held = holding(p, adjusted, 0.05)  # three: .04 > 3 of 4 x .05; two: .02 <= 2 of 4 x .05
    assert held.tolist() == [True, True, False, False, False]
    assert not holding(np.array([0.04, np.nan]), np.array([0.06, np.nan]), 0.05).any()


def test_intervals_are_widened_by_the_normal_law_where_nothing_better_is_known() -> None:
    """They extend 2.2414 standard errors to either side at 97.5 %, and 1.9600 at 95 %."""
    low, high = Widened(0.95).ends(RECORD, 0.975)
    np.testing.assert_allclose([low, high], [-0.2 - 0.11436, -0.2 + 0.11436], atol=1e-5)
    assert Widened(0.95).ends(RECORD, 0.95) == (-0.3, -0.1)


def test_lists_go_by_the_nearer_end_and_leave_nothing_out() -> None:
    rows = [
        ("holds 0", Ends(-0.9, 0.1)),
        ("small but sure", Ends(0.1, 0.2)),
        ("none", Ends(math.nan, math.nan)),
        ("surest", Ends(-0.4, -0.3)),
    ]
    values = {"holds 0": -0.5, "small but sure": 0.15, "none": 0.9, "surest": -0.35}
    ranked = most_first(rows, lambda name: values[name])
    assert [name for name, _ in ranked] == ["surest", "small but sure", "none", "holds 0"]
