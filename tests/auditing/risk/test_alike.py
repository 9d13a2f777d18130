"""Numbers with one name are equal in `flag`, `metrics` and `explain`, also with thresholds."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from subprocess import CompletedProcess

import numpy as np
import pytest

import pbias as library
from pbias.files.logits import Logits, write_logits

Run = Callable[..., CompletedProcess[str]]
MakeLogits = Callable[..., Logits]
CUTS = (-1.5, 0.4, 2.0)


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_uncertainty_and_risk_under_thresholds(
    pbias: Run, make_logits: MakeLogits, activation: str
) -> None:
    dense = make_logits(num=300, activation=activation)
    cuts = None
    if activation == "sigmoid":
        cuts = np.array(CUTS)
    else:
        label = np.random.default_rng(0).integers(0, 3, 300)
        dense = replace(dense, labels=np.eye(3, dtype=np.int8)[label])
    write_logits(replace(dense, thresholds=cuts), "dense.npz")
    z = dense.logits.astype(float)
    p = 1 / (1 + np.exp(-z))
    s = z > np.array(CUTS)
    if activation == "softmax":
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        s = z == z.max(axis=1, keepdims=True)
    unsure = np.abs(p - 0.5) < 0.4

    summary = _rows(pbias("flag", "dense.npz", "--summary", "--groups", "Male"))
    metrics = _rows(pbias("metrics", "dense.npz", "--metrics", "uncertainty", "--groups", "Male"))
    of_metric = {r["attribute"]: float(r["value"]) for r in metrics if not r["group"]}
    assert len(summary) == 3
    for row in summary:
        place = dense.targets.index(row["attribute"])
        expected = unsure[:, place].mean()
        assert float(row["uncertainty"]) == pytest.approx(expected, abs=1e-12)
        assert of_metric[row["attribute"]] == pytest.approx(expected, abs=1e-12)
        counts = dense.train_counts
        assert counts is not None
        positive, everyone = counts[place, -1, -1, 1], counts[place, -1, -1].sum()
        rare = s[:, place] == (2 * positive <= everyone)
        known = dense.groups[:, 0] >= 0
        r = np.corrcoef(s[known, place], dense.groups[known, 0])[0, 1]
        assert float(row["risk"]) == pytest.approx(abs(r) * unsure[rare, place].mean(), abs=1e-9)
    for name in ("uncertainty", "attribute_risk"):
        assert "abs(p - 0.5) < 0.4" in pbias("explain", name).stdout


def _rows(done: CompletedProcess[str]) -> list[dict[str, str]]:
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_of_two_values_as_frequent_in_training_1_is_the_rarer(pbias: Run) -> None:
    """30 of 100 are positive, 15 are predicted, so half as many are predicted as are true."""
    labels, predicted = np.arange(100) < 30, np.arange(100) < 15
    counts = np.zeros((1, 1, 1, 2), np.int64)
    counts[0, 0, 0] = 50, 50
    result = library.audit(
        np.where(predicted, 1.0, -1.0)[:, None], labels[:, None], train_counts=counts,
        metrics=["tcb"], intervals=False,
    )  # fmt: skip
    assert result.table["value"].iloc[0] == 0.5
    assert "1 of two that are as frequent" in pbias("explain", "tcb").stdout


def test_ceag_leaves_out_rows_without_a_group_and_has_a_maximum(pbias: Run) -> None:
    """Of 10 men 4 errors are new, of 10 women none; 10 of unknown sex do not count: 0.4 - 0.2."""
    labels = np.ones((30, 1), int)
    after = np.full((30, 1), 2.0)
    after[[0, 1, 2, 3, 25, 26]] = -1.0
    sex = ["m"] * 10 + ["w"] * 10 + [""] * 10
    result = library.audit(
        after, labels, reference=np.full((30, 1), 2.0), groups={"sex": sex}, metrics=["ceag"],
        intervals=False,
    )  # fmt: skip
    found = {row["contrast"]: row["value"] for row in result.rows.records() if row["attribute"]}
    assert found == pytest.approx({"m": 0.2, "w": -0.2, "max": 0.2})
    assert "the largest of these as max" in pbias("explain", "ceag").stdout
