"""Gates: their grammar, the rows they cover, and their verdicts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbias.auditing.engine import Audit, Options, audit
from pbias.auditing.gates.grammar import needs_reference, parse_gate
from pbias.auditing.gates.matching import covered
from pbias.auditing.gates.together import overall
from pbias.auditing.gates.verdicts import Outcome, Verdict, judge
from pbias.errors import UserError
from pbias.files.logits import Logits
from pbias.files.table import COLUMNS, Table

NAN = math.nan


def table(*rows: dict[str, Any]) -> Table:
    """Make rows of `tpr` for one attribute over everyone, unless stated otherwise."""
    texts = {"metric", "attribute", "group", "contrast", "status", "reason", "change_status"}
    blank = {name: "" if name in texts else NAN for name in COLUMNS}
    whole = [{**blank, "metric": "tpr", "attribute": f"A{i}", **row} for i, row in enumerate(rows)]
    return Table({name: [row[name] for row in whole] for name in COLUMNS})


def row(low: float, high: float, **cells: Any) -> dict[str, Any]:
    return {"value": (low + high) / 2, "low": low, "high": high, **cells}


def verdict(gate: str, ordinary: Table, wide: Table | None = None, **options: Any) -> Outcome:
    return judge(parse_gate(gate), ordinary, wide or ordinary, **options)


@pytest.mark.parametrize(
    ("text", "group", "contrast", "attribute", "bound"),
    [
        ("tpr<=0.5", None, None, None, 0.5),
        ("  tpr  <=  .5 ", None, None, None, 0.5),
        ("tpr@Male/Smiling<=-1e-3", "Male", None, "Smiling", -0.001),
        ("tpr @ Male = 1-0 / Wearing Hat <= +5.", "Male", "1-0", "Wearing Hat", 5.0),
        ("tpr@Male:Young=0:1 <= 1E2", "Male:Young", "0:1", None, 100.0),
        ("tpr@Skin=II-rest/mean <= 0", "Skin", "II-rest", "mean", 0.0),
        (
            "tpr@Skin Type/5 o'clock shadow, @home=a/b <= 1",
            *("Skin Type", None, "5 o'clock shadow, @home=a/b", 1.0),
        ),
    ],
)
def test_grammar(
    text: str, group: str | None, contrast: str | None, attribute: str | None, bound: float
) -> None:
    gate = parse_gate(text)
    assert gate.metric.name == "tpr"
    assert (gate.group, gate.contrast, gate.bound) == (group, contrast, bound)
    assert gate.attribute == attribute
    assert gate.at_most and not gate.absolute and not gate.change


@pytest.mark.parametrize("space", ["", " "])
def test_abs_and_change_with_and_without_spaces(space: str) -> None:
    for absolute in (False, True):
        for change in (False, True):
            inner = f"change{space}({space}tpr{space})" if change else "tpr"
            outer = f"abs{space}({space}{inner}{space})" if absolute else inner
            gate = parse_gate(f"{outer}{space}>={space}0.1")
            assert (gate.absolute, gate.change, gate.at_most) == (absolute, change, False)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_is_a_bound(bound: float) -> None:
    assert parse_gate(f"tpr@Male <= {bound!r}").bound == bound


@pytest.mark.parametrize(
    "text",
    ["", "tpr", "tpr < 1", "tpr == 1", "tpr <= x", "tpr <= 1.2.3", "tpr <= .", "tpr <= nan",
     "tpr <= inf", "abs(tpr <= 1", "tpr) <= 1", "abs(tpr)) <= 1", "change(abs(tpr)) <= 1",
     "abs(tpr@Male) <= 1", "tpr@ <= 1", "tpr/ <= 1", "tpr@Male= <= 1", "<= 1", "tpr <= 1 or 2"],
)  # fmt: skip
def test_what_is_no_gate_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UserError, match=r"is not of the form .* for example 'abs\(did_tpr\)"):
        parse_gate(text)


def test_an_unknown_metric_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match="unknown metric 'did_tpt'; did you mean 'did_tpr'"):
        parse_gate("abs(did_tpt) <= 0.05")


def test_a_change_of_a_change_is_refused() -> None:
    with pytest.raises(UserError, match="did_tpr is already a change; leave out change"):
        parse_gate("abs(change(did_tpr)) <= 0.05")


@pytest.mark.parametrize("text", ["change(tpr) <= 0", "churn <= 0", "did_ppv <= 0", "ceag <= 0"])
def test_changes_need_a_reference(text: str) -> None:
    assert needs_reference(parse_gate(text))
    assert not needs_reference(parse_gate("abs(bias_amplification)@Male <= 0.1"))


@pytest.fixture(scope="module")
def everything(make_logits: Callable[..., Logits]) -> Table:
    files = [[make_logits(noise=noise, num=300)] for noise in (1.0, 0.0)]
    return audit(*files, Options(groups=("Male", "Skin", "Male:Skin")))


ALL = ("Smiling", "Wearing_Hat", "Young")


@pytest.mark.parametrize(
    ("gate", "num_groups", "contrasts"),
    [
        ("tpr >= 0", 1, {""}),
        ("tpr@Male >= 0", 1, {"0", "1"}),
        ("tpr@Male=1-0 >= 0", 1, {"1-0"}),
        ("tpr@Skin=II-rest >= 0", 1, {"II-rest"}),
        ("tpr@Skin=max-min >= 0", 1, {"max-min"}),
        ("tpr@Male:Skin=0:III >= 0", 1, {"0:III"}),
        ("did_tpr >= 0", 3, None),
        ("did_tpr@Skin >= 0", 1, {"I-rest", "II-rest", "III-rest"}),
        ("bias_amplification >= 0", 3, {""}),
        ("eod <= 1", 3, {"max-min"}),
        ("ceag@Skin <= 1", 1, {"I", "II", "III"}),
    ],
)
def test_rows_that_are_covered(
    everything: Table, gate: str, num_groups: int, contrasts: set[str] | None
) -> None:
    rows = [everything.records()[i] for i in covered(parse_gate(gate), everything)]
    assert {r["attribute"] for r in rows} == set(ALL)
    assert len({r["group"] for r in rows}) == num_groups
    assert contrasts is None or {r["contrast"] for r in rows} == contrasts


def test_one_attribute_or_the_mean_over_all(everything: Table) -> None:
    rows = everything.records()
    (one,) = covered(parse_gate("tpr/Wearing_Hat >= 0"), everything)
    (mean,) = covered(parse_gate("tpr/mean >= 0"), everything)
    assert (rows[one]["attribute"], rows[mean]["attribute"]) == ("Wearing_Hat", "")


@pytest.mark.parametrize("gate", ["tpr@Age >= 0", "tpr@Male=2 >= 0", "tpr/Hat >= 0"])
def test_a_gate_without_rows_is_refused(everything: Table, gate: str) -> None:
    with pytest.raises(UserError, match="matches no row: its metric has no"):
        covered(parse_gate(gate), everything)


@pytest.mark.parametrize("gate", ["ece <= 1", "ceag@Skin=max <= 1", "change(eod) <= 1"])
def test_a_gate_on_what_has_no_interval_is_refused(everything: Table, gate: str) -> None:
    with pytest.raises(UserError, match="has no interval; gate its change"):
        covered(parse_gate(gate), everything)


@pytest.mark.parametrize(
    ("low", "high", "gate", "expected"),
    [
        (0.2, 0.4, "tpr <= 0.5", Verdict.PASS),
        (0.2, 0.4, "tpr <= 0.3", Verdict.INCONCLUSIVE),
        (0.2, 0.4, "tpr <= 0.1", Verdict.FAIL),
        (0.2, 0.4, "tpr >= 0.1", Verdict.PASS),
        (0.2, 0.4, "tpr >= 0.3", Verdict.INCONCLUSIVE),
        (0.2, 0.4, "tpr >= 0.5", Verdict.FAIL),
        (0.2, 0.4, "tpr <= 0.4", Verdict.PASS),
        (0.2, 0.4, "tpr <= 0.2", Verdict.INCONCLUSIVE),
        (-0.4, -0.2, "abs(tpr) <= 0.5", Verdict.PASS),
        (-0.4, -0.2, "abs(tpr) <= 0.1", Verdict.FAIL),
        (-0.1, 0.3, "abs(tpr) <= 0.2", Verdict.INCONCLUSIVE),
        (-0.1, 0.3, "abs(tpr) >= 0.01", Verdict.INCONCLUSIVE),
        (0.2, 0.3, "abs(tpr) >= 0.1", Verdict.PASS),
    ],
)
def test_three_verdicts(low: float, high: float, gate: str, expected: Verdict) -> None:
    assert verdict(gate, table(row(low, high))).verdict == expected


def test_only_the_simultaneous_interval_fails() -> None:
    ordinary, wide = table(row(0.2, 0.4)), table(row(0.1, 0.5))
    assert verdict("tpr <= 0.15", ordinary, wide).verdict == Verdict.INCONCLUSIVE
    assert verdict("tpr <= 0.05", ordinary, wide).verdict == Verdict.FAIL
    assert verdict("tpr <= 0.45", ordinary, wide).verdict == Verdict.PASS


def test_fail_beats_inconclusive_beats_pass_among_rows_and_gates() -> None:
    rows = [row(0.0, 0.1), row(0.1, 0.3), row(0.4, 0.5)]
    found = [verdict("tpr <= 0.2", table(*rows[:count])) for count in (1, 2, 3)]
    assert [one.verdict for one in found] == ["pass", "inconclusive", "fail"]
    assert list(found[2].counts().values()) == [1, 1, 1, 0]
    assert [overall(found[:count]) for count in (0, 1, 2, 3)] == [
        Verdict.PASS, Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "outside"),
    [
        ("never predicted", True),
        ("never predicted in group Male=1", True),
        ("never predicted in 1 of 3 runs", True),
        ("constant predictions", True),
        ("never predicted in the reference", False),
        ("no positive labels in group Male=1", False),
        ("fewer than 10 positives in a group", False),
    ],
)
def test_undefined_by_the_model_is_outside_and_by_the_data_is_not(
    reason: str, outside: bool
) -> None:
    found = verdict("tpr >= 0", table(row(0.5, 0.6), row(NAN, NAN, reason=reason)))
    assert (len(found.at("outside")), len(found.at("not_assessable"))) == (outside, not outside)
    assert found.verdict == (Verdict.FAIL if outside else Verdict.PASS)


def test_what_the_data_cannot_decide_is_counted_and_matters_if_strict() -> None:
    rows = table(row(0.5, 0.6), row(NAN, NAN, reason="no positive labels"))
    loose, strict = (verdict("tpr >= 0", rows, strict=s) for s in (False, True))
    assert (loose.verdict, strict.verdict) == (Verdict.PASS, Verdict.INCONCLUSIVE)
    assert "of 2 rows 1 inside, 0 outside, 0 undecided, 1 not assessable" in loose.line()
    assert loose.line().endswith(
        "not assessable: A1 (no positive labels) (`strict=True` counts them)"
    )


def test_undefined_alone_never_passes() -> None:
    found = verdict("tpr >= 0", table(row(NAN, NAN, reason="no positive labels")))
    assert found.verdict == Verdict.INCONCLUSIVE


def test_the_line_names_the_worst_row() -> None:
    rows = [row(0.2, 0.4, attribute="Hat", group="Male", contrast="1"), row(0.0, 0.2)]
    line = verdict("tpr@Male <= 0.25", table(*(r | {"group": "Male"} for r in rows))).line()
    assert line == (
        "gate 'tpr@Male <= 0.25': inconclusive; covers each of 2 attributes, Male 1; "
        "of 2 rows 1 inside, 0 outside, 1 undecided; "
        "worst: Hat Male 1 0.3 [0.2, 0.4]; would pass at <= 0.4, fail at <= 0.199"
    )


def test_a_change_is_judged_by_its_own_interval() -> None:
    cells = {"change": 0.05, "change_low": 0.01, "change_high": 0.09}
    assert verdict("change(tpr) <= 0.1", table(row(0.5, 0.9) | cells)).verdict == Verdict.PASS


def test_never_predicted_is_a_fact_and_needs_no_interval() -> None:
    rows = [{"metric": "never_predicted", "value": value} for value in (0.0, 1.0)]
    assert verdict("never_predicted <= 0", table(rows[0])).verdict == Verdict.PASS
    assert verdict("never_predicted <= 0", table(*rows)).verdict == Verdict.FAIL


def test_a_model_that_predicts_nothing_fails_a_bound_on_its_precision(
    make_logits: Callable[..., Logits],
) -> None:
    logits = make_logits(num=300)
    silent = np.where(np.arange(3) == 1, -5.0, logits.logits).astype(np.float32)
    whole = Audit([make_logits(num=300, logits=silent)], [], Options(metrics=("ppv",)))
    gate = parse_gate("ppv >= 0.01")
    found = judge(gate, whole.table(), whole.table(0.99))
    assert (found.verdict, found.counts()["outside"], found.counts()["inside"]) == ("fail", 1, 2)


def test_the_name_of_a_metric_in_other_fields_is_translated() -> None:
    with pytest.raises(UserError, match="'sensitivity'; it is called 'tpr' here"):
        parse_gate("change(sensitivity)@sex >= -0.05")
