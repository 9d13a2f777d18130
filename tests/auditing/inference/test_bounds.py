"""No interval contains impossible values: shares and ratios of shares lie in [0, 1]."""

from __future__ import annotations

import math

import numpy as np

import pbias
from pbias.auditing.metrics.registry import METRICS


def test_intervals_end_where_their_metrics_end() -> None:
    """Use few rows and rare predictions, for which errors on other scales are large."""
    rng = np.random.default_rng(0)
    num = 120
    y = (rng.random((num, 6)) < 0.15).astype(int)
    dense = np.where(y == 1, 1.0, -2.0) + rng.normal(size=(num, 6))
    sparse = dense - 0.8 + rng.normal(scale=0.5, size=(num, 6))
    groups = {"g": rng.integers(0, 3, num), "h": (rng.random(num) < 0.08).astype(int)}
    rows = pbias.audit(sparse, y, reference=dense, groups=groups).rows.records()
    seen = set()
    for row in rows:
        limit = METRICS[row["metric"]].limit
        if math.isinf(limit):
            continue
        contrast = row["contrast"].endswith(("-rest", "1-0"))
        if row["high"] == row["high"]:
            assert row["value"] - 1e-12 <= row["high"] <= limit + 1e-12, row
        if row["change_high"] == row["change_high"]:
            most = limit * (2 if contrast else 1) + 1e-12
            assert -most <= row["change_low"] <= row["change"] + 1e-12, row
            assert row["change"] - 1e-12 <= row["change_high"] <= most, row
            seen.add(row["metric"])
    assert {"impact_ratio", "tpr", "ppv", "f1", "accuracy"} <= seen
