"""Strata: groups, categories and intersections that are compared, and those that are refused."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pbias.auditing.engine import Options, audit
from pbias.errors import UserError
from pbias.files.logits import Logits
from pbias.files.table import Table

MakeLogits = Callable[..., Logits]
SOME = ("accuracy", "tpr", "bias_amplification", "directional_ba")


def run(logits: Logits, groups: Sequence[str] | None = None, **options: Any) -> Table:
    options = {"metrics": SOME, "num_folds": 1, **options}
    return audit([logits], (), Options(groups=groups, **options))


def contrasts(table: Table, group: str, metric: str = "tpr") -> list[str]:
    rows = table.where(metric=metric, group=group, attribute="Smiling")
    return [row["contrast"] for row in rows]


def with_group(logits: Logits, values: Sequence[str], codes: Sequence[int]) -> Logits:
    """Return the file with one group `Age`, its codes repeated over the rows."""
    column = np.resize(np.array(codes, np.int16), len(logits))[:, None]
    group = {"group_names": ("Age",), "group_values": (tuple(values),), "groups": column}
    return replace(logits, **group, train_counts=None)


def test_a_binary_group_has_one_signed_contrast(make_logits: MakeLogits) -> None:
    assert contrasts(run(make_logits(), ["Male"]), "Male") == ["0", "1", "1-0"]


def test_each_value_of_a_category_is_set_against_the_rest(make_logits: MakeLogits) -> None:
    expected = ["I", "II", "III", "I-rest", "II-rest", "III-rest", "max-min"]
    assert contrasts(run(make_logits(), ["Skin"]), "Skin") == expected


def test_two_named_values_have_no_largest_gap_of_their_own(make_logits: MakeLogits) -> None:
    logits = with_group(make_logits(), ["old", "young"], [0, 1])
    expected = ["old", "young", "old-rest", "young-rest"]
    assert contrasts(run(logits), "Age") == expected


def test_an_intersection_has_the_values_of_both(make_logits: MakeLogits) -> None:
    found = contrasts(run(make_logits(), ["Skin:Male"]), "Skin:Male")
    assert found[:6] == ["I:0", "I:1", "II:0", "II:1", "III:0", "III:1"]
    assert found[6:] == [f"{value}-rest" for value in found[:6]] + ["max-min"]


def test_an_intersection_of_three_is_the_rows_in_all(make_logits: MakeLogits) -> None:
    logits = make_logits(num=300)
    (row,) = run(logits, ["Male:Skin:Young"]).where(
        metric="accuracy", attribute="Smiling", contrast="1:II:0"
    )
    inside = (logits.groups == [1, 1]).all(axis=1) & (logits.labels[:, 2] == 0)
    assert row["n"] == (inside & (logits.labels[:, 0] >= 0)).sum() > 0


def test_groups_are_those_of_the_file_in_its_order_unless_named(make_logits: MakeLogits) -> None:
    logits = make_logits()
    assert list(dict.fromkeys(run(logits).columns["group"])) == ["", "Male", "Skin"]
    named = run(logits, ["Young", "Male"])
    assert list(dict.fromkeys(named.columns["group"])) == ["", "Young", "Male"]
    assert set(run(logits, []).columns["group"]) == {""}


def test_a_group_may_be_a_target_that_is_not_audited(make_logits: MakeLogits) -> None:
    table = run(make_logits(), ["Young"], attributes=["Smiling"])
    assert contrasts(table, "Young") == ["0", "1", "1-0"]


def test_a_column_whose_name_has_a_colon_is_itself(make_logits: MakeLogits) -> None:
    logits = replace(make_logits(), group_names=("Male:Skin", "Skin"))
    assert contrasts(run(logits, ["Male:Skin"]), "Male:Skin") == ["0", "1", "1-0"]


def test_values_that_look_like_contrasts_and_complements_are_shown(make_logits: MakeLogits) -> None:
    values = ["not stated", "1-0", "max-min"]
    found = contrasts(run(with_group(make_logits(), values, [0, 1, 2])), "Age")
    assert found[:3] == values and len(found) == 7


def test_rows_with_an_unknown_group_count_for_everyone_alone(make_logits: MakeLogits) -> None:
    logits = with_group(make_logits(), ["0", "1"], [0, 1, -1])
    rows = run(logits, metrics=["uncertainty"]).where(attribute="Smiling")
    n = {row["contrast"]: row["n"] for row in rows}
    assert n == {"": 60, "0": 20, "1": 20, "1-0": 40}


def test_a_value_that_nobody_has_is_undefined_and_its_rest_is_everyone(
    make_logits: MakeLogits,
) -> None:
    logits = with_group(make_logits(), ["I", "II", "III"], [0, 1])
    rows = run(logits, metrics=["accuracy"]).where(attribute="Smiling", group="Age")
    reasons = {row["contrast"]: row["reason"] for row in rows}
    assert reasons["III"] == "no known labels in group"
    assert reasons["III-rest"] == reasons["max-min"] == "no known labels in group Age=III"
    assert reasons["I"] == reasons["I-rest"] == ""


def test_one_value_alone_has_no_rest(make_logits: MakeLogits) -> None:
    rows = run(with_group(make_logits(), ["I"], [0]), metrics=["accuracy"]).where(group="Age")
    (contrast,) = [r for r in rows if r["contrast"] == "I-rest" and r["attribute"] == "Smiling"]
    assert contrast["status"] == "undefined" and "Age=not\N{NO-BREAK SPACE}I" in contrast["reason"]


def test_a_group_of_which_nothing_is_known_is_left_out_aloud(
    make_logits: MakeLogits, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        table = run(with_group(make_logits(), [], [-1]))
    assert set(table.columns["group"]) == {""}
    assert "nobody has a known 'Age': left out" in caplog.text


def test_a_file_without_groups_has_what_needs_none(make_logits: MakeLogits) -> None:
    logits = make_logits()
    nobody = logits.groups[:, :0]
    alone = replace(logits, groups=nobody, group_names=(), group_values=(), train_counts=None)
    metrics = set(run(alone, metrics=None).columns["metric"])
    assert {"accuracy", "auc", "interdependence", "ece"} <= metrics
    assert not metrics & {"bias_amplification", "eod", "directional_ba"}


def test_an_attribute_has_no_row_as_a_group_of_itself(make_logits: MakeLogits) -> None:
    itself = replace(make_logits(), group_names=("Young", "Skin"))
    for logits in (itself, make_logits()):
        table = run(logits, ["Young"])
        for metric in ("bias_amplification", "directional_ba"):
            rows = table.where(metric=metric, group="Young")
            assert [row["attribute"] for row in rows] == ["", "Smiling", "Wearing_Hat"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"groups": ["Mal"]}, "no group or target column 'Mal'; did you mean 'Male'?"),
        ({"groups": ["Xyz"]}, "'Xyz'; it has: Male, Skin, Smiling, Wearing_Hat, Young"),
        ({"groups": ["Male:Skim"]}, "'Skim'; did you mean 'Skin'?"),
        ({"groups": [""]}, "no group or target column ''"),
        ({"attributes": ["Smilling"]}, "no attribute 'Smilling'; did you mean 'Smiling'?"),
        ({"metrics": ["acuracy"]}, "unknown metric 'acuracy'; did you mean 'accuracy'?"),
        ({"metrics": ["churn"]}, "those of a change need `reference`"),
        ({"metrics": ["eod"], "groups": []}, "those of a difference `groups`"),
    ],
)
def test_names_that_are_not_there(
    make_logits: MakeLogits, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError) as caught:
        audit([make_logits()], (), Options(num_folds=1, **options))
    assert said in str(caught.value)


def test_an_intersection_of_very_many_values_is_refused(make_logits: MakeLogits) -> None:
    """Codes once overflowed, so samples were counted for wrong values."""
    values = tuple(tuple(f"{letter}{i}" for i in range(90)) for letter in "abc")
    codes = np.resize(np.arange(90, dtype=np.int16), (60, 3))
    many = replace(
        make_logits(),
        groups=codes,
        group_names=tuple("abc"),
        group_values=values,
        train_counts=None,
    )
    with pytest.raises(UserError, match="'a:b:c' has 729,000 combinations of values; use at most"):
        run(many, ["a:b:c"])
