"""What a verdict adds where no rate got worse beyond chance, so that nobody feels too sure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pbias
from pbias.auditing.metrics.registry import METRICS
from pbias.workflows.audit import AuditResult


def pair(seed: int, num: int, targets: int) -> tuple[Any, Any, Any]:
    """Labels and the logits of two equally good models."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((num, targets)) < 0.4).astype(int)
    base = np.where(labels == 1, 1.0, -1.0) + rng.normal(0, 1.0, labels.shape)
    return labels, *(base + rng.normal(0, 0.7, base.shape) for _ in range(2))


@pytest.fixture(scope="module")
def unsure() -> AuditResult:
    """The predictions stay, but the audited model is far less sure; `hat` is never predicted."""
    labels, dense, _ = pair(0, 600, 2)
    dense[:, 1] = -np.abs(dense[:, 1]) - 0.01
    sex = np.where(np.arange(600) % 2, "f", "m")
    return pbias.audit(
        0.1 * dense, labels, reference=1.5 * dense, groups={"sex": sex}, targets=["smiling", "hat"]
    )


def test_probabilities_that_got_worse_are_named_where_no_rate_did(unsure: AuditResult) -> None:
    scores = ("auc", "uncertainty", "ece", "brier", "calibration_error_debiased")
    rows = [
        r for name in scores for r in unsure.rows.where(metric=name)
        if r["attribute"] and (not r["group"] or r["contrast"] in ("f", "m"))
    ]  # fmt: skip
    found = unsure.findings
    assert found.of_scores == sum(r["p"] == r["p"] for r in rows) > 20
    names = [one.metric for one in found.probabilities]
    assert len(set(names)) == 2 and "uncertainty" in names
    for one in found.probabilities:
        mine = [r for r in rows if r["metric"] == one.metric and r["p_adjusted"] <= 0.05]
        higher = METRICS[one.metric].name == "auc"
        worse = [r for r in mine if (r["change"] < 0) == higher]
        row = max(worse, key=lambda r: max(r["change_low"], -r["change_high"]))
        assert (one.attribute, one.group_value) == (row["attribute"], row["contrast"])
        assert one.low <= row["change_low"] < row["change_high"] <= one.high
    first = found.probabilities[0]
    assert unsure.verdict.startswith("None of 1,200 predictions changed. Nothing got worse that ")
    assert (
        f" But probabilities got worse, corrected over {found.of_scores} numbers: "
        in unsure.verdict
    )
    assert f"rose from {first.reference:.2f} to {first.audited:.2f} [" in unsure.verdict


def test_what_neither_model_predicts_is_no_good_news(unsure: AuditResult) -> None:
    (row,) = unsure.rows.where(metric="never_predicted", attribute="hat", group="")
    said = f"hat (0 of {row['n_positive']} positives found): unchanged rates say nothing about it."
    assert row["n_positive"] > 200 and f"Neither model ever predicts {said}" in unsure.verdict
    gate = unsure.gate("change(never_predicted) <= 0")
    assert gate.verdict == "pass" and gate.note().endswith("; never predicted in both models: hat")


def test_the_largest_change_that_may_be_chance_is_named_as_such() -> None:
    """Of two equally good models: some of 60 intervals exclude 0, and nothing holds."""
    named = 0
    for seed in range(4):
        labels, dense, other = pair(seed, 300, 20)
        targets = [f"a{i}" for i in range(20)]
        metrics = ["accuracy", "tpr", "fpr"]
        result = pbias.audit(other, labels, reference=dense, targets=targets, metrics=metrics)
        if result.findings.worse:
            continue
        ends = {
            (r["metric"], r["attribute"]): (
                r["change_low"] if r["metric"] == "fpr" else -r["change_high"]
            )
            for r in result.rows.records()
            if r["attribute"]
        }
        worst = max(ends, key=lambda key: ends[key])
        suspect = result.findings.suspect
        assert (suspect is None) == (ends[worst] <= 0)
        if suspect is None:
            assert "may still be chance" not in result.verdict
            continue
        named += 1
        assert (suspect.metric, suspect.attribute) == worst
        assert (
            "Largest change for the worse that may still be chance, as one of 60 numbers: "
            f"{suspect.spoken} of `{suspect.attribute}` for everyone " in result.verdict
        )
        assert "], by the interval of this number alone, without correction." in result.verdict
    assert named


def test_few_clusters_are_a_caveat_of_the_verdict_and_of_gates() -> None:
    """Two of 42 people are on 280 of 320 photographs."""
    labels, dense, other = pair(1, 320, 1)
    people = np.concatenate([np.repeat(["x", "y"], 140), np.arange(40).astype(str)])
    given = {"reference": dense, "targets": ["smiling"], "clusters": people}
    result = pbias.audit(other, labels, **given)
    # v is the square of each size: (2 * 140^2 + 40)^2 / (2 * 140^4 + 40) = 2.004
    assert result.header.effective_clusters == pytest.approx(39240**2 / (2 * 140**4 + 40), 1e-6)
    assert (
        "Most samples come from few clusters (42, as good as 2 of equal size): more samples of the "
        "same clusters will not help." in result.verdict
    )
    gate = result.gate("change(accuracy) >= -0.01")
    assert "more clusters may decide it" in gate.note() and "labeled samples" not in gate.note()
    even = pbias.audit(other, labels, **given | {"clusters": np.arange(320) // 2})
    assert "few clusters" not in even.verdict


def test_groups_that_are_all_too_small_are_all_named() -> None:
    labels, dense, other = pair(2, 80, 1)
    age = np.repeat(["20s", "30s", "40s", "50s"], 20)
    result = pbias.audit(
        other, labels, reference=dense, groups={"age": age}, targets=["smiling"], folds=20
    )
    said = ", ".join(f"age {value} (20)" for value in ("20s", "30s", "40s", "50s"))
    assert f"Too few samples to tell for any group: {said}." in result.verdict
