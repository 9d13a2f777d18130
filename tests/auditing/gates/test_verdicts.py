"""The line on a gate: why it failed, what is missing, and which bound would be decided."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbias.auditing.engine import Audit, Options
from pbias.auditing.gates.grammar import parse_gate
from pbias.auditing.gates.matching import covered
from pbias.auditing.gates.verdicts import Outcome, judge
from pbias.errors import UserError
from pbias.files.logits import Logits
from pbias.files.table import COLUMNS, Table

TEXTS = {"metric", "attribute", "group", "contrast", "status", "reason", "change_status"}
SILENT = np.array([0.0, np.inf, 0.0])  # thresholds: Wearing_Hat is never predicted


def table(rows: Sequence[dict[str, Any]]) -> Table:
    """Make rows of `tpr` for everyone, attributes A0, A1, ...; undefined by default."""
    blank = {name: "" if name in TEXTS else math.nan for name in COLUMNS}
    whole = [
        {**blank, "metric": "tpr", "runs": "1", "attribute": f"A{i}", **row}
        for i, row in enumerate(rows)
    ]
    return Table({name: [row[name] for row in whole] for name in COLUMNS})


def ends(low: float, high: float) -> dict[str, Any]:
    return {"value": (low + high) / 2, "low": low, "high": high}


def line(gate: str, *rows: dict[str, Any]) -> str:
    return judge(parse_gate(gate), table(rows), table(rows)).line()


def of_files(gate: str, audited: Logits, reference: Logits) -> Outcome:
    parsed = parse_gate(gate)
    whole = Audit([audited], [reference], Options(("Male",), metrics=(parsed.metric.name,)))
    return judge(parsed, whole.table(), whole.table(0.99))


def test_a_failed_gate_names_the_rows_outside_and_not_the_undecided_one() -> None:
    never = [{"reason": "never predicted"}] * 4
    said = line("tpr <= 0.3", ends(0.2, 0.4), ends(0.5, 0.6), *never)
    assert said.endswith(
        "1 undecided; outside: A1 0.55 [0.5, 0.6], A2 (never predicted), A3 (never predicted), "
        "and 2 more"
    )


def test_rows_that_are_not_assessable_are_named_with_the_option_that_counts_them() -> None:
    said = line("tpr <= 0.3", ends(0.1, 0.2), *[{"reason": "no positive labels"}] * 5)
    assert "worst: A0 0.15 [0.1, 0.2]; not assessable: A1 (no positive labels), " in said
    assert said.endswith("A3 (no positive labels), and 2 more (`strict=True` counts them)")
    assert "gate 'tpr <= 0.3': pass (5 of 6 not checked); covers" in said


def test_a_strict_gate_with_such_rows_names_no_bound_that_would_pass() -> None:
    rows = table([ends(0.2, 0.4), {"reason": "no positive labels"}])
    loose, strict = (judge(parse_gate("tpr <= 0.3"), rows, rows, strict=s) for s in (False, True))
    assert "would pass at <= 0.4, fail at <= 0.199" in loose.note()
    assert "would pass" not in strict.note()
    assert strict.note().endswith("A1 (no positive labels) (keep the gate open)")


def test_the_worst_row_of_an_open_gate_is_one_that_is_undecided() -> None:
    assert "worst: A1 0.1 [-0.2, 0.4]" in line("tpr <= 0.3", ends(0.28, 0.29), ends(-0.2, 0.4))


def test_who_allows_a_loss_is_not_told_to_ask_for_a_gain() -> None:
    near = ends(-0.03, 0.03)
    assert line("tpr >= -0.02", near).endswith("would pass at >= -0.03")
    assert line("tpr <= 0.02", near).endswith("would pass at <= 0.03")
    assert line("tpr >= 0.02", near).endswith("would pass at >= -0.03, fail at >= 0.0301")
    assert line("tpr >= -0.2", ends(-0.3, -0.1)).endswith("at >= -0.3, fail at >= -0.099")


BOUNDS = st.floats(-5, 5).filter(lambda x: x == 0 or abs(x) > 1e-3)


@given(
    st.lists(st.tuples(BOUNDS, BOUNDS).map(sorted), min_size=1, max_size=4),
    BOUNDS,
    st.sampled_from(["tpr <=", "tpr >=", "abs(tpr) <=", "abs(tpr) >="]),
)
def test_the_bounds_that_are_named_are_decided(
    pairs: list[list[float]], bound: float, gate: str
) -> None:
    rows = [ends(*pair) for pair in pairs]
    named = re.search(
        r"would pass at .= (\S+?)(?:, fail at .= (\S+))?$", line(f"{gate} {bound!r}", *rows)
    )
    if named:
        assert ": pass;" in line(f"{gate} {named[1]}", *rows)
        assert named[2] is None or ": fail;" in line(f"{gate} {named[2]}", *rows)


@pytest.mark.parametrize("gate", ["abs(did_ppv)@Male <= 1", "change(ppv) >= -1", "excess_ba <= 1"])
def test_what_the_reference_never_predicts_either_fails_no_change(
    make_logits: Callable[..., Logits], gate: str
) -> None:
    worse = make_logits(num=300, noise=1.0, thresholds=SILENT)
    both = of_files(gate, worse, make_logits(num=300, thresholds=SILENT))
    alone = of_files(gate, worse, make_logits(num=300))
    assert [len(both.at(place)) for place in ("outside", "not_assessable")] == [0, 1]
    assert "in the reference)" in both.line()
    assert [row.attribute for row in alone.at("outside")] == ["Wearing_Hat"]


def test_what_the_reference_never_predicts_either_fails_a_bound_on_the_model(
    make_logits: Callable[..., Logits],
) -> None:
    worse, dense = (make_logits(num=300, noise=n, thresholds=SILENT) for n in (1.0, 0.0))
    assert of_files("ppv >= 0", worse, dense).verdict == "fail"


def test_a_new_attribute_that_is_never_predicted_is_a_change(
    make_logits: Callable[..., Logits],
) -> None:
    worse, dense = make_logits(num=300, thresholds=SILENT), make_logits(num=300)
    assert of_files("change(never_predicted) <= 0", worse, dense).verdict == "fail"
    assert of_files("change(never_predicted) <= 0", dense, worse).verdict == "pass"


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("tpr@male >= 0", "no group 'male'; did you mean 'Male'?"),
        ("tpr@Age >= 0", "no group 'Age'; there are: Male"),
        ("tpr@Male=2 >= 0", "no contrast '2'; there are: 0, 1, 1-0"),
        ("tpr/Smilin >= 0", "no attribute 'Smilin'; did you mean 'Smiling'?"),
        ("tpr/Age >= 0", "no attribute 'Age'; there are: mean, Smiling, Wearing_Hat, Young"),
        ("interdependence@Male >= 0", "interdependence is not measured by group here"),
        ("bias_amplification@Male=1 >= 0", "has one number a group; leave out =1"),
        ("accuracy >= 0", "the table has no accuracy"),
    ],
)
def test_what_did_not_match_is_said_with_what_there_is(
    make_logits: Callable[..., Logits], gate: str, said: str
) -> None:
    options = Options(("Male",), metrics=("tpr", "interdependence", "bias_amplification"))
    whole = Audit([make_logits(num=300)], [], options).table()
    with pytest.raises(UserError, match="matches no row: ") as refused:
        covered(parse_gate(gate), whole)
    assert said in str(refused.value)


@pytest.mark.parametrize("side", ["<", ">"])
def test_a_strict_bound_is_told_to_be_no_gate(side: str) -> None:
    with pytest.raises(UserError, match=f"use {side}= in place of {side}; "):
        parse_gate(f"did_tpr@kids {side} 0.05")
