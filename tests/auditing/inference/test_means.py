"""Means over attributes: their parts, and intervals if single attributes have little information.

Their coverage is tested in test_coverage.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pbias.auditing.engine import Options, audit
from pbias.auditing.inference.jackknife import estimate, interval
from pbias.auditing.inference.means import lengthen
from pbias.auditing.inference.numbers import Numbers
from pbias.files.logits import Logits
from pbias.files.table import Table

Array = NDArray[Any]
NUM = 400
TARGETS = ("Hat", "Smiling", "Bald")


def file(s: Array, seed: int = 0) -> Logits:
    """Make three attributes with the predictions `s` [N, 3], and random labels and groups."""
    rng = np.random.default_rng(seed)
    return Logits(
        np.where(s, 1.0, -1.0).astype("f4") * rng.uniform(0.5, 3, s.shape).astype("f4"),
        (rng.random(s.shape) < 0.4).astype(np.int8),
        TARGETS,
        ids=np.arange(NUM).astype(str),
        groups=(rng.random((NUM, 1)) < 0.4).astype(np.int16),
        group_names=("Male",),
        group_values=(("0", "1"),),
        train_counts=np.array([[[[60, 40], [30, 70], [0, 0]], [[0, 0], [0, 0], [90, 110]]]] * 3),
    )


def predicted(counts: tuple[int, int, int]) -> Array:
    """Predict this number of positives of each attribute, in different rows."""
    return np.stack([np.roll(np.arange(NUM) < n, 7 * n) for n in counts], axis=1)


def mean(table: Table, metric: str, contrast: str = "") -> dict[str, Any]:
    group = "Male" if contrast or metric == "bias_amplification" else ""
    (row,) = table.where(metric=metric, attribute="", group=group, contrast=contrast)
    return row


def each(table: Table, metric: str, column: str = "value") -> dict[str, Any]:
    rows = table.where(metric=metric, group="Male")
    return {row["attribute"]: row[column] for row in rows if row["attribute"]}


@pytest.fixture(scope="module")
def thin() -> Table:
    """Bald is predicted once, so without that sample its amplification is unknown."""
    pair = [file(predicted((150, 160, 1)))], [file(predicted((140, 170, 160)))]
    return audit(*pair, Options(metrics=["bias_amplification", "interdependence", "tpr"]))


def test_an_attribute_predicted_once_takes_part_in_a_mean_and_its_interval(thin: Table) -> None:
    row = mean(thin, "bias_amplification")
    values = each(thin, "bias_amplification")
    np.testing.assert_allclose(row["value"], np.mean(list(values.values())))
    assert row["reason"] == ""
    assert row["low"] < row["value"] < row["high"]
    assert row["change_low"] < row["change"] < row["change_high"]


def test_an_attribute_predicted_once_widens_the_interval_of_the_mean(thin: Table) -> None:
    """It widens by a third of its own interval: not less, and not more than if all erred alike."""
    row, value, low, high = (
        mean(thin, "bias_amplification"),
        *(each(thin, "bias_amplification", column)["Bald"] for column in ("value", "low", "high")),
    )
    others = [file(predicted((150, 160, 1)))], (), Options(attributes=["Hat", "Smiling"])
    alone = mean(audit(*others), "bias_amplification")
    for end, own in (("low", value - low), ("high", high - value)):
        rest = abs(alone[end] - alone["value"]) * 2 / 3
        assert max(own / 3, rest) < abs(row[end] - row["value"]) < own / 3 + rest


@pytest.mark.parametrize(("alike", "share"), [(False, 0.25), (True, 1.0)])
def test_a_mean_without_a_flip_is_as_wide_as_its_targets_err_alike(
    alike: bool, share: float
) -> None:
    """Half of the attributes may flip at once; all of them, where one is wrong if all are."""
    s = predicted((150, 160, 170))
    one = file(s)
    if alike:
        one = replace(one, logits=one.logits[:, [0] * 3], labels=one.labels[:, [0] * 3])
    other = replace(one, logits=one.logits * np.float32(1.1))
    rows = audit([other], [one], Options(metrics=["accuracy"])).where(metric="accuracy", group="")
    whole, *each = sorted(rows, key=lambda row: row["attribute"])
    reach = np.array([row["change_high"] for row in each])
    expected = np.sqrt(share * reach.mean() ** 2 + (1 - share) * (reach**2).sum() / 9)
    assert whole["change_high"] == pytest.approx(expected, rel=1e-9)
    assert whole["change_low"] == -whole["change_high"] and whole["change"] == 0
    assert reach == pytest.approx(2 * 1.96**2 / (2 * NUM), rel=0.5)  # about 3.8 / 400 each


def test_the_mean_change_of_interdependence_has_an_interval(thin: Table) -> None:
    row = mean(thin, "interdependence")
    assert row["change_low"] < row["change"] < row["change_high"]
    assert row["reason"] == "no interval of the value: noise pushes it up"


def test_the_mean_of_a_difference_is_no_share(thin: Table) -> None:
    """It may be below 0, and 0.01 is not rarer than 0.5."""
    row = mean(thin, "tpr", "1-0")
    first, second = (mean(thin, "tpr", value) for value in ("1", "0"))
    np.testing.assert_allclose(row["value"], first["value"] - second["value"])
    widths = [r["high"] - r["low"] for r in (first, second)]
    np.testing.assert_allclose(row["high"] - row["low"], np.hypot(*widths), rtol=0.1)
    swapped = file(predicted((150, 160, 1)))
    swapped = replace(swapped, groups=np.asarray(1 - swapped.groups, np.int16))
    other = mean(audit([swapped], (), Options(metrics=["tpr"])), "tpr", "1-0")
    np.testing.assert_allclose([other["low"], other["high"]], [-row["high"], -row["low"]])


@pytest.mark.parametrize("metric", ["never_predicted", "ece", "eod", "ceag", "auc"])
def test_a_number_without_an_interval_says_why(metric: str) -> None:
    pair = [file(predicted((150, 160, 90)))], [file(predicted((140, 170, 80)))]
    rows = audit(*pair, Options(metrics=[metric])).records()
    for row in rows:
        if row["value"] == row["value"] and row["low"] != row["low"]:
            assert row["reason"].startswith("no interval"), row
        if row["change"] == row["change"] and row["change_low"] != row["change_low"]:
            assert row["reason"].startswith("no interval"), row
    assert any(row["reason"] for row in rows) == (metric != "auc")


def test_whoever_wants_no_intervals_is_not_told_why_there_are_none() -> None:
    rows = audit([file(predicted((150, 160, 90)))], (), Options(num_folds=1)).records()
    assert not [row for row in rows if row["reason"].startswith("no interval")]


def test_a_mean_of_few_clusters_that_err_unevenly_reaches_further_where_its_tail_is_long() -> None:
    """For 60 exponential values, t misses 5 to 6 % on the long side and 1 % on the other."""
    draws, num = 4000, 60
    x = np.random.default_rng(0).exponential(size=(num, draws, 1))
    left_out = (x.sum(axis=0) - x) / (num - 1)
    values = np.concatenate([x.mean(axis=0)[None], left_out])[None]
    found = estimate(values)
    low, high = interval(found)
    no, nothing = np.zeros((draws, 1), bool), np.full((draws, 1), np.nan)
    texts = np.full((draws, 1), "", object)
    plain = Numbers(*found, low, high, nothing, nothing, no, texts)
    longer = lengthen(plain, [values], 0.95)
    assert np.mean(plain.high < 1) > 0.045
    assert np.mean(longer.high < 1) < 0.04
    np.testing.assert_array_equal(longer.low[longer.high > plain.high], low[longer.high > high])
    turned = lengthen(replace(plain, value=-found.value, low=-high, high=-low), [-values], 0.95)
    np.testing.assert_allclose(turned.low, -longer.high)
