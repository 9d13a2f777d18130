"""Intervals hold where folds show hardly any error: 400 draws of a fixed seed each."""

from __future__ import annotations

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
