"""Clusters of uneven size: if a few hold most rows, there are few degrees of freedom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from simulation import Row, World, audits

from pbias.auditing.engine import Audit, Options, audit
from pbias.auditing.inference.effective_clusters import effective_number
from pbias.files.logits import Logits


def test_effective_number_of_clusters() -> None:
    equal, one_large = np.full(12, 5.0), np.array([0.0, 3.0, 1.0, 1.0])
    assert effective_number(equal, equal) == pytest.approx(12)
    # (9 + 1 + 1)^2 / (81 + 1 + 1); a fold without rows does not count
    assert effective_number(one_large, one_large) == pytest.approx(121 / 83)


def test_numbers_say_on_how_many_clusters_they_rest(
    make_logits: Callable[..., Logits], caplog: pytest.LogCaptureFixture
) -> None:
    one = make_logits(num=300)
    owners = np.array(["large"] * 100 + [f"small-{i}" for i in range(200)])
    table = audit([replace(one, clusters=owners)], [], Options(metrics=["accuracy"]))
    assert "no more than 1 cluster of one size" in caplog.text
    row = table.where(metric="accuracy", group="", attribute=one.targets[0])[0]
    assert row["reason"] == "rests on about 1 cluster"
    caplog.clear()
    even = np.array([f"owner-{i // 2}" for i in range(300)])
    assert Audit([replace(one, clusters=even)], [], Options()).few_clusters is None
    assert "of one size" not in caplog.text


def test_clusters_after_zipf_are_covered() -> None:
    """The largest has 40 of 400 rows: with one degree of freedom per fold, coverage is 85-93 %."""
    world = World(num=16_000, cluster=40, zipf=True, prevalence=(0.3, 0.3))
    rows = [Row("accuracy"), Row("tpr"), Row("tpr", "1"), Row("brier")]
    for row, one in audits(world, rows, draws=400, paired=False).items():
        assert one.coverage >= 0.915, (row, one.coverage)
