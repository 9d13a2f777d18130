"""Undefined is a value with a reason: never 0, never NaN in a file, never silently dropped.

Some of the cases are known errors of other tools.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pbias.auditing.engine import Options, audit
from pbias.files.logits import Logits
from pbias.files.table import Table, to_csv, to_json

VALUES_ALONE = Options(num_folds=1)
BA = "bias_amplification"
Y = [1, 1, 0, 0] * 25
S = [1, 0, 1, 0] * 25
MALE = [0] * 48 + [1] * 52
COUNTS = {"Male": [[60, 40], [30, 70]]}  # by group value: label 0, label 1


def file(
    y: Sequence[int] = Y,
    s: Sequence[int] = S,
    male: Sequence[int] = MALE,
    counts: Sequence[Sequence[int]] | None = COUNTS["Male"],
    values: tuple[str, ...] = ("0", "1"),
) -> Logits:
    """Make one attribute `Hat` with the predictions `s`, and one group."""
    train_counts = None
    if counts is not None:
        train_counts = np.zeros((1, 2, len(values) + 1, 2), np.int64)
        train_counts[0, 0, :-1] = counts
        train_counts[0, 1, -1] = np.sum(counts, axis=0)
    return Logits(
        (np.array(s, np.float32)[:, None] - 0.5) * np.linspace(2, 6, len(s))[:, None].astype("f4"),
        np.array(y, np.int8)[:, None],
        ("Hat",),
        groups=np.array(male, np.int16)[:, None],
        group_names=("Male",),
        group_values=(values,),
        train_counts=train_counts,
    )


def one(logits: Logits, metric: str) -> Table:
    return audit([logits], (), Options(num_folds=1, metrics=[metric]))


def cell(table: Table, metric: str, group: str = "", contrast: str = "") -> dict[str, Any]:
    (row,) = table.where(metric=metric, attribute="Hat", group=group, contrast=contrast)
    return row


def assert_undefined(row: dict[str, Any], reason: str) -> None:
    assert (row["status"], row["reason"]) == ("undefined", reason)
    for column in ("value", "low", "high", "change", "p"):
        assert math.isnan(row[column]), column


NO_POSITIVES = file(y=[y * (m == 0) for y, m in zip(Y, MALE, strict=True)])
NO_NEGATIVES = file(y=[max(y, m == 0) for y, m in zip(Y, MALE, strict=True)])
NO_LABELS = file(y=[-1 if m else y for y, m in zip(Y, MALE, strict=True)])
EMPTY_GROUP = file(male=[0] * 100)
UNKNOWN_GROUPS = file(male=[-1] * 100)
NEVER = file(s=[0] * 100)
NEVER_IN_GROUP = file(s=[s * (m == 0) for s, m in zip(S, MALE, strict=True)])


@pytest.mark.parametrize(
    ("logits", "metric", "contrast", "reason"),
    [
        (NO_POSITIVES, "tpr", "1", "no positive labels in group"),
        (NO_POSITIVES, "fnr", "1", "no positive labels in group"),
        (NO_POSITIVES, "auc", "1", "no positive labels in group"),
        (NO_POSITIVES, "underprediction", "1", "no positive labels in group"),
        (NO_POSITIVES, "tpr", "1-0", "no positive labels in group Male=1"),
        (NO_POSITIVES, "eod", "max-min", "no positive labels in group Male=1"),
        (NO_POSITIVES, "bias_amplification", "", "fewer than 10 positives in a group"),
        (NO_NEGATIVES, "fpr", "0", "no negative labels in group"),
        (NO_NEGATIVES, "auc", "1-0", "no negative labels in group Male=0"),
        (NO_NEGATIVES, "tcb", "0", "no labels of the value rarer in training in group"),
        (NO_LABELS, "accuracy", "1", "no known labels in group"),
        (NO_LABELS, "prevalence", "1", "no known labels in group"),
        (NO_LABELS, "ece", "1", "no known labels in group"),
        (NO_LABELS, "brier", "1-0", "no known labels in group Male=1"),
        (NO_LABELS, "calibration_gap", "1", "no known labels in group"),
        (NO_LABELS, "calibration_error_debiased", "1", "fewer than 2 known labels"),
        (NO_LABELS, "directional_ba", "", "no known labels in a group"),
        (NO_LABELS, "predicted_positive_rate", "1", None),
        (NO_LABELS, "uncertainty", "1", None),
        (EMPTY_GROUP, "predicted_positive_rate", "1", "no samples in group"),
        (EMPTY_GROUP, "uncertainty", "1", "no samples in group"),
        (EMPTY_GROUP, "never_predicted", "1", "no samples in group"),
        (EMPTY_GROUP, "directional_ba", "", "no known labels in a group"),
        (EMPTY_GROUP, "eod", "max-min", "no positive labels in group Male=1"),
        (UNKNOWN_GROUPS, "accuracy", "0", "no known labels in group"),
        (UNKNOWN_GROUPS, "bias_amplification", "", "fewer than 10 positives in a group"),
        (NEVER_IN_GROUP, "ppv", "1", "never predicted in group"),
        (NEVER_IN_GROUP, "ppv", "1-0", "never predicted in group Male=1"),
        (NEVER, "bias_amplification", "", "never predicted"),
        (file(counts=None), "bias_amplification", "", "no training counts"),
        (file(counts=None), "directional_ba", "", "no training counts"),
        (file(counts=None), "tcb", "1-0", "no training counts Male=1"),
    ],
)
def test_reasons_in_groups(logits: Logits, metric: str, contrast: str, reason: str | None) -> None:
    row = cell(one(logits, metric), metric, "Male", contrast)
    if reason is None:
        assert row["status"] != "undefined" and row["value"] == row["value"]
    else:
        assert_undefined(row, reason)


@pytest.mark.parametrize(
    ("logits", "metric", "reason"),
    [
        (file(y=[0] * 100), "tpr", "no positive labels"),
        (file(y=[0] * 100), "auc", "no positive labels"),
        (file(y=[1] * 100), "fpr", "no negative labels"),
        (file(y=[1] * 100), "auc", "no negative labels"),
        (file(y=[0] * 100, counts=[[90, 10], [80, 20]]), "tcb",
         "no labels of the value rarer in training"),
        (file(y=[1] * 100, counts=[[10, 90], [20, 80]]), "tcb",
         "no labels of the value rarer in training"),
        (file(y=[-1] * 100), "accuracy", "no known labels"),
        (file(y=[-1] * 99 + [1]), "calibration_error_debiased", "fewer than 2 known labels"),
        (NEVER, "ppv", "never predicted"),
        (NEVER, "interdependence", "constant predictions"),
        (file(s=[1] * 100), "interdependence", "constant predictions"),
        (file(counts=None), "tcb", "no training counts"),
    ],
)  # fmt: skip
def test_reasons_over_everyone(logits: Logits, metric: str, reason: str) -> None:
    assert_undefined(cell(one(logits, metric), metric), reason)


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ([[100, 0], [100, 0]], "no positive labels in training"),
        ([[60, 40], [0, 0]], "a group value is empty in training"),
        ([[60, 40], [57, 43]], "training rates within 10 % of each other"),
        ([[600, 400], [561, 439]], "training rates within 10 % of each other"),
        ([[600, 400], [559, 441]], ""),
        ([[100, 0], [99, 1]], ""),
        ([[60, 40], [30, 70]], ""),
    ],
)
def test_training_decides_whether_amplification_is_defined(
    counts: Sequence[Sequence[int]], reason: str
) -> None:
    row = cell(one(file(counts=counts), BA), BA, "Male")
    assert (row["status"] == "undefined") == bool(reason)
    assert row["reason"] == reason


@pytest.mark.parametrize(
    ("positives", "reason"), [(9, "fewer than 10 positives in a group"), (10, "")]
)
def test_amplification_needs_ten_positives_in_each_group(positives: int, reason: str) -> None:
    y = [1] * 20 + [0] * 28 + [1] * positives + [0] * (52 - positives)
    row = cell(one(file(y=y), BA), BA, "Male")
    assert row["reason"] == reason


@pytest.mark.parametrize(("predicted", "status"), [(9, "low_power"), (10, "ok")])
def test_fewer_than_ten_predicted_positives_are_low_power(predicted: int, status: str) -> None:
    s = [1] * predicted + [0] * (100 - predicted)
    row = cell(one(file(s=s), BA), BA, "Male")
    assert row["status"] == status


@pytest.mark.parametrize(
    ("hits", "misses", "status"), [(9, 30, "low_power"), (30, 9, "low_power"), (10, 10, "ok")]
)
def test_fewer_than_ten_successes_or_failures_are_low_power(
    hits: int, misses: int, status: str
) -> None:
    y = [1] * (hits + misses) + [0] * 40
    table = audit([file(y=y, s=[1] * hits + [0] * (misses + 40), male=[0] * len(y))])
    assert cell(table, "tpr")["status"] == cell(table, "tpr", "Male", "0")["status"] == status
    assert cell(table, "tpr")["value"] == hits / (hits + misses)


@pytest.mark.parametrize(("flips", "status"), [(9, "low_power"), (10, "ok")])
def test_fewer_than_ten_changed_predictions_are_low_power(flips: int, status: str) -> None:
    s = [1 - value for value in S[:flips]] + S[flips:]
    table = audit([file(s=s)], [file()])
    assert cell(table, "churn")["status"] == status
    assert cell(table, "accuracy")["change_status"] == status


def test_the_reference_alone_can_make_a_change_undefined() -> None:
    row = cell(audit([file()], [NEVER], VALUES_ALONE), "ppv")
    assert row["status"] == "ok" and row["value"] == 0.5
    assert row["change_status"] == "undefined"
    assert math.isnan(row["reference"]) and math.isnan(row["change"])


def test_a_change_that_the_reference_leaves_undefined_says_so() -> None:
    did = cell(audit([file()], [NEVER], VALUES_ALONE), "did_ppv", "Male", "1-0")
    assert_undefined(did, "never predicted in group Male=1 in the reference")
    excess = cell(audit([file()], [NEVER], VALUES_ALONE), "excess_ba", "Male")
    assert_undefined(excess, "never predicted in the reference")


def test_one_run_of_several_can_make_the_mean_undefined() -> None:
    row = cell(audit([file(), NEVER, file()], (), VALUES_ALONE), "ppv")
    assert_undefined(row, "never predicted in 1 of 3 runs")


def with_extra(logits: Logits, s: Sequence[int]) -> Logits:
    """Add a second attribute `Wig` with the predictions `s`."""
    extra = file(s=s)
    both = [
        np.concatenate([getattr(f, n) for f in (logits, extra)], 1) for n in ("logits", "labels")
    ]
    return Logits(*both, ("Hat", "Wig"))


def test_a_mean_is_compared_over_the_attributes_defined_in_both() -> None:
    """A mean over 40 attributes against one over 18 can fall while the model gets worse."""
    table = audit([with_extra(file(), [0] * 100)], [with_extra(file(), S)], VALUES_ALONE)
    (mean,) = table.where(metric="ppv", attribute="", group="")
    assert mean["reason"] == "over 1 of 2 (1 lost), without Wig"
    assert (mean["value"], mean["reference"], mean["change"]) == (0.5, 0.5, 0.0)
    (never,) = table.where(metric="never_predicted", attribute="", group="")
    assert (never["value"], never["reference"]) == (0.5, 0.0)


def test_a_mean_over_nothing_is_undefined() -> None:
    (row,) = audit([NEVER], (), VALUES_ALONE).where(metric="ppv", attribute="", group="")
    assert_undefined(row, "undefined for every attribute")


def test_a_perfect_classifier_is_not_unfair_to_a_group_without_positives() -> None:
    """Fairlearn 0.15 gives it an equalized-odds difference of 1.0."""
    y = [y * (m == 0) for y, m in zip(Y, MALE, strict=True)]
    table = audit([file(y=y, s=y)], (), VALUES_ALONE)
    assert_undefined(cell(table, "eod", "Male", "max-min"), "no positive labels in group Male=1")
    assert cell(table, "fpr", "Male", "1-0")["value"] == 0.0


def test_the_rate_of_a_group_without_positives_is_not_0() -> None:
    """torchmetrics 1.9 gives it 0.0, the worst value."""
    y = [y * (m == 0) for y, m in zip(Y, MALE, strict=True)]
    table = audit([file(y=y, s=y)], (), VALUES_ALONE)
    assert cell(table, "tpr", "Male", "0")["value"] == 1.0
    assert math.isnan(cell(table, "tpr", "Male", "1")["value"])


def test_odds_that_differ_in_opposite_directions_do_not_cancel() -> None:
    """AIF360's average odds difference is 0 here."""
    y, male = [1] * 40 + [0] * 40, ([0] * 20 + [1] * 20) * 2
    s = [1] * 20 + [1] * 10 + [0] * 10 + [0] * 20 + [1] * 10 + [0] * 10
    table = audit([file(y=y, s=s, male=male)], (), VALUES_ALONE)
    assert cell(table, "tpr", "Male", "1-0")["value"] == -0.5
    assert cell(table, "fpr", "Male", "1-0")["value"] == 0.5
    assert cell(table, "eod", "Male", "max-min")["value"] == 0.5


def test_an_empty_group_is_not_free_of_amplification() -> None:
    """The Princeton code returns no amplification for it."""
    table = audit([EMPTY_GROUP], (), VALUES_ALONE)
    for metric in ("bias_amplification", "directional_ba"):
        assert cell(table, metric, "Male")["status"] == "undefined"


def test_amplification_of_a_binary_group_is_not_identically_0() -> None:
    """Sums over the values of a binary group cancel: multi_bias_amp gives 0 for all models."""
    y = [1] * 20 + [0] * 28 + [1] * 20 + [0] * 32
    s = [1] * 10 + [0] * 38 + [1] * 30 + [0] * 22
    table = audit([file(y=y, s=s)], (), VALUES_ALONE)
    assert cell(table, "bias_amplification", "Male")["value"] == pytest.approx(30 / 40 - 20 / 40)
    gaps = [(30 - 20) / 52, -(10 - 20) / 48]  # plus if over-represented, else minus
    assert cell(table, "directional_ba", "Male")["value"] == pytest.approx(np.mean(gaps))


def test_the_interval_of_a_largest_gap_holds_a_true_0() -> None:
    """Percentile intervals of a maximum (Fairlearn's) never do."""
    n = 300
    rng = np.random.default_rng(0)
    y = (rng.random(3 * n) < 0.5).astype(int)
    s, groups = np.where(rng.random(3 * n) < 0.8, y, 1 - y), np.repeat([0, 1, 2], n)
    logits = file(y=y, s=s, male=groups, counts=None, values=("I", "II", "III"))
    row = cell(audit([logits]), "accuracy", "Male", "max-min")
    assert row["low"] == 0.0 < row["value"] < row["high"] < 0.2


@pytest.fixture(scope="module")
def full_of_holes() -> Table:
    return audit([NO_POSITIVES], [replace(NO_POSITIVES, logits=NEVER.logits)])


def test_an_undefined_cell_is_empty_in_csv(full_of_holes: Table) -> None:
    text = to_csv(full_of_holes)
    rows = list(csv.DictReader(io.StringIO(text)))
    holes = [row for row in rows if row["status"] == "undefined"]
    assert len(holes) > 20 and {row["value"] for row in holes} == {""}
    assert all(row["reason"] for row in holes)
    assert not re.search(r"\bnan\b|none|\binf", text, re.IGNORECASE)


def test_an_undefined_cell_is_null_in_json(full_of_holes: Table) -> None:
    document = json.loads(to_json(full_of_holes), parse_constant=pytest.fail)
    holes = [row for row in document["rows"] if row["status"] == "undefined"]
    assert len(holes) > 20 and {row["value"] for row in holes} == {None}


def test_whatever_has_no_value_has_a_reason(full_of_holes: Table) -> None:
    for row in full_of_holes.records():
        undefined = row["status"] == "undefined"
        assert math.isnan(row["value"]) == undefined
        assert bool(row["reason"]) or not undefined
        assert math.isnan(row["change"]) == (row["change_status"] in ("undefined", ""))


@pytest.mark.parametrize("metric", ["bias_amplification", "directional_ba"])
def test_a_group_that_training_did_not_count_is_said_to_be_it(metric: str) -> None:
    logits = replace(file(), group_names=("Sex",))
    other = replace(
        logits,
        group_names=("Sex", "New"),
        group_values=(("0", "1"),) * 2,
        groups=np.repeat(logits.groups, 2, axis=1),
        train_counts=np.zeros((1, 3, 3, 2), np.int64) + [[[1]], [[0]], [[1]]],
    )
    row = cell(one(other, metric), metric, "New")
    assert_undefined(row, "no training counts of this group")
