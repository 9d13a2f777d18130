"""Intervals hold where folds show hardly any error: 400 draws of a fixed seed each."""

from __future__ import annotations

import numpy as np
import pytest
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


def test_few_errors_are_covered_in_what_is_made_of_probabilities() -> None:
    """Most samples of a group hold no error; where that passed for none, 88 and 70 % covered."""
    rows = [Row(name, "1") for name in ("brier", "calibration_error_debiased")]
    for row, one in audits(SURE, rows, draws=400, paired=False).items():
        assert one.coverage >= 0.915, (row, one.coverage)
        assert one.few.all(), row


def test_a_change_of_auc_in_a_small_group_is_not_that_of_two_strangers() -> None:
    world = World(prevalence=(0.01, 0.01))
    row = Row("auc", "1", change=True)
    one = audits(world, [row], draws=400)[row]
    assert one.coverage >= 0.915
    width = np.nanmedian(one.high - one.low) / (2 * 1.96 * np.nanstd(one.value))
    assert width < 2.5  # 5 where the two models were taken to have no row in common
