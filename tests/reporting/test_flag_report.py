"""The sentence on what flags found, with and without an interval."""

from __future__ import annotations

from math import nan

import pytest

from pbias.files.table import Table
from pbias.reporting.flag_report import found_in_words


@pytest.mark.parametrize(
    ("low", "high", "said"), [(0.25, 0.75, "50 % [25, 75] were"), (nan, nan, "50 % were")]
)
def test_an_undefined_interval_is_left_out(low: float, high: float, said: str) -> None:
    table = Table(
        {
            "run": ["s95", "s95"],
            "measure": ["recall", "recall"],
            "outcome": ["flips", "flips"],
            "ranking": ["risk", "random"],
            "n_flagged": [3, 3],
            "n_outcome": [20, 20],
            "value": [0.5, 0.0],
            "low": [low, nan],
            "high": [high, nan],
        }
    )
    found = found_in_words(table, "5 % of all")
    assert f"Of the 20 predictions that the audited model changed, {said} among the flags" in found
    assert found.endswith("5 % of all, found 0 %.")
