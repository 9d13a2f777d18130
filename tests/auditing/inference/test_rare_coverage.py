"""Intervals hold where folds show almost no error: 400 draws with a fixed seed each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from few_flips import Setting, covered
from simulation import Row, World, audits

SMALL = World(num=300, shares=(0.95, 0.05), prevalence=(0.3, 0.3))
ALIKE = World(num=1500, noise=0.003, loss=(0.0, 0.0))
SURE = World(num=1500, separation=3.1, noise=0.1, loss=(0.0, 0.0))


@pytest.mark.parametrize(
    ("world", "rows"),
    [
        (SMALL, [Row("ceag", "1"), Row("excess_ba"), Row("directional_ba", "", change=True)]),
        (ALIKE, [Row("ceag", "1"), Row("uncertainty", "1", change=True), Row("did_tpr", "1-0")]),
        (SURE, [Row("tcb", "1"), Row("directional_ba"), Row("tpr", "1")]),
    ],
    ids=["a small group", "hardly a flip", "hardly an error"],
)
def test_few_flips_and_errors_are_covered(world: World, rows: list[Row]) -> None:
    for row, one in audits(world, rows, draws=400).items():
        assert one.coverage >= 0.915, (row, one.coverage)


@pytest.mark.parametrize(
    ("setting", "widest"),
    [
        (Setting(4, 1 / 35), 0.017),  # 0.031 where all attributes were taken to flip at once
        (Setting(2, 0.5), 0.017),
        (Setting(2, 1.0), 0.03),
        (Setting(2, 0.5, attributes=5), 0.025),
    ],
    ids=["one at a time", "half at once", "all at once", "few attributes"],
)
def test_a_mean_change_of_few_flips_is_covered(setting: Setting, widest: float) -> None:
    holds, width, _ = covered(setting, 60, 0)
    assert holds >= 0.93 and width < widest


def test_few_errors_are_covered_in_what_is_made_of_probabilities() -> None:
    """Most samples of a group have no error; when that meant certainty, 88 and 70 % covered."""
    rows = [Row(name, "1") for name in ("brier", "calibration_error_debiased")]
    for row, one in audits(SURE, rows, draws=400, paired=False).items():
        assert one.coverage >= 0.915, (row, one.coverage)
        assert one.few.all(), row


def test_calibration_where_classes_part_at_an_edge_between_bins_is_covered() -> None:
    """The few uncertain samples fall into one bin or the next by chance: 76 % were covered."""
    row = Row("calibration_error_debiased")
    world = replace(SURE, num=10_000, prevalence=(0.2, 0.2))
    one = audits(world, [row], draws=400, paired=False)[row]
    assert one.coverage >= 0.93
    width = np.nanmean(one.high - one.low) / (2 * 1.96 * np.nanstd(one.value))
    assert width < 2


def test_a_change_of_auc_in_a_small_group_is_not_that_of_two_strangers() -> None:
    world = World(prevalence=(0.01, 0.01))
    row = Row("auc", "1", change=True)
    one = audits(world, [row], draws=400)[row]
    assert one.coverage >= 0.915
    width = np.nanmedian(one.high - one.low) / (2 * 1.96 * np.nanstd(one.value))
    assert width < 2.5  # 5 if the two models were treated as having no row in common


def test_a_change_of_brier_among_15_people_is_covered() -> None:
    """If nobody among them changed much, no fold did either: 92 % were covered, at this width."""
    row = Row("brier", "1", change=True)
    one = audits(SMALL, [row], draws=400)[row]
    assert one.coverage >= 0.945
    width = np.nanmean(one.high - one.low) / (2 * 1.96 * np.nanstd(one.value))
    assert width < 1.25  # 1.13 from folds alone


def test_nearly_identical_models_differ_by_no_more_in_calibration_than_is_said() -> None:
    """Few rows change bins; those of the simulated population itself are not the truth."""
    row = Row("calibration_error_debiased", "1", change=True)
    one = audits(ALIKE, [row], draws=400)[row]
    assert (one.truth == 0).all()
    assert 0.915 <= one.coverage <= 0.995  # inherently too wide, see docs/inference.md


def test_few_positives_of_two_runs_that_differ_much_are_covered() -> None:
    """Counts with a design effect taken as known covered 92 %."""
    world = World(runs=2, run_noise=0.3, run_shift=0.3, attributes=100)
    row = Row("tpr", "1", change=True)
    one = audits(world, [row], draws=400)[row]
    assert one.few.mean() > 0.5
    assert one.coverage >= 0.925
    width = np.nanmean(one.high - one.low) / (2 * 1.96 * np.nanstd(one.value))
    assert width < 2.7  # 2.1 without their degrees of freedom, 4.4 with all the doubt of one


def test_an_interval_against_one_reference_speaks_of_that_one() -> None:
    world = World(runs=5, reference_runs=1, given=True, run_noise=0.3, run_shift=0.1)
    row = Row("accuracy", "1", change=True)
    one = audits(replace(world, attributes=100), [row], draws=400)[row]
    assert 0.925 <= one.coverage <= 0.985
