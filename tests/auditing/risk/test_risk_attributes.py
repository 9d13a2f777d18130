"""The risk of attributes by group: by hand, its verdicts, and when it is undefined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pbias.auditing.engine import Options, audit
from pbias.auditing.risk.attribute_risk import attribute_risk
from pbias.errors import UserError
from pbias.files.logits import Logits, select_rows

MakeLogits = Callable[..., Logits]
SURE, UNSURE = 4.0, 1.0


@pytest.fixture(scope="module")
def dense(make_logits: MakeLogits) -> Logits:
    return make_logits(num=200)


def hats(
    women: list[float],
    men: list[float],
    counts: Any = None,
    values: tuple[str, ...] = ("0", "1"),
    **changes: Any,
) -> Logits:
    """Make one attribute and a 0/1 group; in training 30 of 200 have a hat, 25 of them men."""
    z = np.array([*women, *men], np.float32)[:, None]
    found = [[95, 5], [75, 25], [0, 0]] if counts is None else counts
    everyone = [[0, 0]] * (len(found) - 1) + [np.sum(found, axis=0).tolist()]
    whole = Logits(
        logits=z,
        labels=(z > 0).astype(np.int8),
        targets=("Hat",),
        groups=np.repeat([0, 1], [len(women), len(men)]).astype(np.int16)[:, None],
        group_names=("Male",),
        group_values=(values,),
        train_counts=np.array([[found, everyone]], np.int64),
    )
    return replace(whole, **changes)


def only(logits: Logits) -> dict[str, Any]:
    (record,) = attribute_risk(logits).records()
    return record


def test_every_part_by_hand() -> None:
    """The model gives a hat to 1 of 10 women, with certainty, and to 6 of 10 men, 4 uncertain."""
    women, men = [SURE] + [-SURE] * 9, [SURE] * 2 + [UNSURE] * 4 + [-UNSURE] * 4
    record = only(hats(women, men))
    s, group = np.array([*women, *men]) > 0, np.repeat([0, 1], 10)
    r2 = np.corrcoef(s, group)[0, 1] ** 2
    assert record["interdependence"] == pytest.approx(r2, abs=1e-12)
    assert record["uncertainty"] == 8 / 20
    assert (record["uncertainty_rare"], record["n_rare"]) == (4 / 7, 7)
    assert record["risk"] == pytest.approx(np.sqrt(r2) * 4 / 7, abs=1e-12)
    assert record["frequency"] == 30 / 200
    hat, man = np.repeat([0, 1, 0, 1], [95, 5, 75, 25]), np.repeat([0, 0, 1, 1], [95, 5, 75, 25])
    assert record["phi"] == pytest.approx(np.corrcoef(hat, man)[0, 1], abs=1e-12)


def test_the_rarer_value_may_be_the_negative_one() -> None:
    rare = only(hats([SURE] * 9 + [-UNSURE], [SURE] * 5 + [-SURE] * 5, [[5, 95], [25, 75], [0, 0]]))
    assert (rare["uncertainty_rare"], rare["n_rare"]) == (1 / 6, 6)
    assert rare["phi"] < 0 and rare["frequency"] == 170 / 200


def test_phi_of_several_values_is_cramer_s_v() -> None:
    counts = [[40, 10], [30, 20], [10, 40], [0, 0]]
    record = only(hats([SURE] * 4, [-UNSURE] * 4, counts, values=("a", "b", "c")))
    table = np.array(counts[:3])
    expected = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
    chi2 = ((table - expected) ** 2 / expected).sum()
    assert record["phi"] == pytest.approx(np.sqrt(chi2 / table.sum()), abs=1e-12)


@pytest.mark.parametrize(
    ("unsure", "verdict"), [(0, "low"), (2, "low"), (3, "raised"), (7, "raised"), (8, "high")]
)
def test_verdicts_follow_their_bounds(unsure: int, verdict: str) -> None:
    """4 of 10 women and 6 of 10 men have a hat, so R^2 is 0.04; `unsure` hats are uncertain."""
    hat = [UNSURE] * unsure + [SURE] * (10 - unsure)
    record = only(hats(hat[:4] + [-SURE] * 6, hat[4:] + [-SURE] * 4))
    assert record["risk"] == pytest.approx(0.2 * unsure / 10, abs=1e-12)
    assert record["verdict"] == verdict


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"logits": np.full((8, 1), -UNSURE, np.float32)}, "constant predictions"),
        ({"train_counts": None}, "no training counts"),
        ({"groups": np.zeros((8, 1), np.int16)}, "one value of the group alone"),
    ],
)
def test_where_it_is_undefined_it_says_why(changes: dict[str, Any], reason: str) -> None:
    record = only(replace(hats([SURE, -SURE] * 2, [SURE, -SURE] * 2), **changes))
    assert np.isnan(record["risk"])
    assert (record["verdict"], record["reasons"]) == ("undefined", reason)


def test_an_attribute_has_no_row_for_itself(dense: Logits) -> None:
    table = attribute_risk(replace(dense, group_names=("Smiling", "Skin")))
    pairs = set(zip(table.columns["attribute"], table.columns["group"], strict=True))
    assert ("Smiling", "Skin") in pairs and ("Smiling", "Smiling") not in pairs
    assert len(table) == 5


def test_the_highest_come_first_and_the_undefined_last(dense: Logits) -> None:
    sure = replace(dense, logits=np.where([True, False, True], dense.logits, -9).astype(np.float32))
    risks = attribute_risk(sure).columns["risk"]
    assert list(risks[:4]) == sorted(risks[:4], reverse=True) and np.isnan(risks[4:]).all()


def test_tcb_and_ba_are_those_of_the_audit(dense: Logits) -> None:
    audited = audit([dense], (), Options(num_folds=1))
    for record in attribute_risk(dense).records():
        place = {"attribute": record["attribute"], "contrast": ""}
        (tcb,) = audited.where(metric="tcb", group="", **place)
        (ba,) = audited.where(metric="bias_amplification", group=record["group"], **place)
        found = [record["tcb"], record["bias_amplification"]]
        np.testing.assert_array_equal(found, [tcb["value"], ba["value"]])


def test_the_score_reads_no_label_and_no_order(dense: Logits) -> None:
    rng = np.random.default_rng(0)
    shuffled = select_rows(dense, rng.permutation(len(dense)))
    unlabelled = replace(dense, labels=rng.permutation(dense.labels))
    expected = attribute_risk(dense).columns
    for other in (shuffled, unlabelled):
        found = attribute_risk(other).columns
        assert all(found[name] == expected[name] for name in ("attribute", "group", "verdict"))
        assert found["risk"] == pytest.approx(expected["risk"], abs=1e-12)


def test_reasons_name_what_stands_out(dense: Logits) -> None:
    women, men = [-SURE] * 10, [UNSURE] * 2 + [-SURE] * 8
    reasons = only(hats(women, men, [[99, 1], [90, 10], [0, 0]]))["reasons"]
    assert reasons.split("; ")[:4] == [
        "follows Male (R^2 0.11)",
        "unsure of the rarer value (100%)",
        "few predictions of the rarer value (2)",
        "rare (5.5% in training)",
    ]


def test_groups_are_needed(dense: Logits) -> None:
    nobody = np.empty((200, 0), np.int16)
    bare = replace(dense, groups=nobody, group_names=(), group_values=(), train_counts=None)
    with pytest.raises(UserError, match="has no groups"):
        attribute_risk(bare)
