"""A model compared with itself: changes are 0 and certain; nothing else differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pbias.auditing.engine import Audit, Options, audit
from pbias.files.logits import Logits


def test_changes_are_zero_without_interval_and_p(make_logits: Callable[..., Logits]) -> None:
    one = make_logits(num=300)
    rows = audit([one], [replace(one, path="copy.npz")], Options(("Male",))).records()
    changes = [r for r in rows if r["change"] == r["change"] or r["metric"].startswith("did_")]
    assert len(changes) > 100
    for r in changes:
        if r["value"] == r["value"]:
            assert r["change_status"] == "same_model"
        assert all(r[k] != r[k] for k in ("change_low", "change_high", "p", "p_adjusted"))
    assert {r["value"] for r in rows if r["metric"] == "churn" and r["value"] == r["value"]} == {0}


def test_values_keep_their_intervals(make_logits: Callable[..., Logits]) -> None:
    one = make_logits(num=300)
    alone = audit([one], [], Options(metrics=("tpr",))).columns
    paired = audit([one], [one], Options(metrics=("tpr",))).columns
    for name in ("value", "low", "high"):
        np.testing.assert_array_equal(alone[name], paired[name])


def test_other_thresholds_or_logits_are_another_model(make_logits: Callable[..., Logits]) -> None:
    one = make_logits(num=300)
    cut = replace(one, thresholds=np.full(len(one.targets), 0.5))
    for other in (cut, make_logits(num=300, noise=0.5)):
        assert not Audit([one], [other], Options()).same_model


def test_the_same_runs_on_both_sides_are_the_same_model(make_logits: Callable[..., Logits]) -> None:
    first, second = (make_logits(num=300, noise=noise) for noise in (0.0, 0.5))
    for sides in (
        ([first, second], [second, first]),
        ([first, first, second], [first, second, first]),
        ([first], [first, first, first]),
    ):
        one = Audit(*sides, Options(metrics=["tpr", "churn"]))
        assert one.same_model
        rows = [row for row in one.table().records() if row["change"] == row["change"]]
        assert rows and {row["change_status"] for row in rows} == {"same_model"}
        assert {row["change"] for row in rows} == {0.0}
        assert all(row["p"] != row["p"] for row in rows)


def test_runs_that_differ_or_come_more_often_are_not(make_logits: Callable[..., Logits]) -> None:
    first, second, third = (make_logits(num=300, noise=noise) for noise in (0.0, 0.5, 1.0))
    for sides in (
        ([first, second], [first, third]),
        ([first, first, second], [first, second, second]),
        ([first, second], [first]),
    ):
        assert not Audit(*sides, Options()).same_model
