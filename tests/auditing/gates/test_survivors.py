"""Gates on means: attributes that the audited model lost, `/worst`, several gates, sample sizes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pbias.auditing.engine import Audit, Options
from pbias.auditing.gates.deciding import would_decide
from pbias.auditing.gates.grammar import parse_gate
from pbias.auditing.gates.together import summary
from pbias.auditing.gates.verdicts import Outcome, judge
from pbias.files.logits import Logits
from pbias.files.table import COLUMNS, Table
from pbias.workflows.audit import AuditResult

TEXTS = {"metric", "attribute", "group", "contrast", "status", "reason", "change_status"}
NAN = math.nan


def table(*rows: dict[str, Any]) -> Table:
    """Make rows of `ppv` for everyone, with a reference of one run; A0 is the mean."""
    blank = {name: "" if name in TEXTS else NAN for name in COLUMNS} | {"runs": "1:1"}
    whole = [
        {**blank, "metric": "ppv", "attribute": f"A{i}" if i else "", **row}
        for i, row in enumerate(rows)
    ]
    return Table({name: [row[name] for row in whole] for name in COLUMNS})


MEAN = {"value": 0.9, "low": 0.8, "high": 1.0, "reference": 0.9}


def verdict(gate: str, *rows: dict[str, Any], **options: Any) -> Outcome:
    return judge(parse_gate(gate), table(*rows), table(*rows), **options)


@pytest.mark.parametrize(
    ("cells", "strict", "expected"),
    [
        ({"reason": "never predicted", "reference": 0.7}, False, "fail"),
        ({"reason": "never predicted"}, False, "pass"),  # the reference never predicts it either
        ({"reason": "never predicted", "runs": "1"}, False, "inconclusive"),
        ({"reason": "no positive labels", "reference": 0.7}, False, "inconclusive"),
        ({"reason": "no positive labels"}, False, "pass"),
        ({"reason": "no positive labels"}, True, "inconclusive"),
        ({"value": 0.1, "low": 0.0, "high": 0.2, "reference": 0.7}, False, "pass"),
    ],
)
def test_a_mean_over_survivors(cells: dict[str, Any], strict: bool, expected: str) -> None:
    found = verdict("ppv/mean >= 0.5", MEAN, cells, strict=strict)
    assert found.verdict == expected
    if expected == "inconclusive":
        assert "open, for the mean leaves out 1 (A1)" in found.line()


def test_the_line_says_what_was_lost_and_what_is_covered() -> None:
    lost = {"reason": "never predicted", "reference": 0.7}
    line = verdict("ppv/mean >= 0.5", MEAN, *[lost] * 5).line()
    assert "fail; covers the mean over attributes, everyone; " in line
    assert "outside: mean 0.9 [0.8, 1] without 5 lost (A1, A2, A3, and 2 more)" in line


def test_eight_of_ten_attributes_that_collapse_fail_gates_on_means(
    make_logits: Callable[..., Logits],
) -> None:
    dense = make_logits(num=600)
    silent = replace(dense, logits=np.where(np.arange(3) < 2, -5, 2 * dense.logits).astype("f4"))
    result = AuditResult(Audit([silent], [dense], Options(("Male",))))
    for gate in (
        "change(ppv)/mean >= 0",
        "ppv/mean >= 0.1",
        "excess_ba@Male/mean <= 1",
        "abs(bias_amplification)@Male/mean <= 1",
        "abs(did_ppv)@Male/mean <= 1",
    ):
        found = result.gate(gate)
        assert found.verdict == "fail" and "without 2 lost" in found.note(), found.line()


def rows(*ends: tuple[float, float]) -> list[dict[str, Any]]:
    return [{"value": (a + b) / 2, "low": a, "high": b} for a, b in ends]


def judged(gate: str, ordinary: Sequence[Any], wide: Sequence[Any], **options: Any) -> Outcome:
    first = [{}, *ordinary], [{}, *wide]
    return judge(parse_gate(gate), table(*first[0]), table(*first[1]), **options)


def test_worst_is_one_number_with_an_interval_for_the_largest() -> None:
    ordinary, wide = rows((0.0, 0.2), (0.1, 0.15)), rows((-0.1, 0.3), (0.08, 0.17))
    found = judged("ppv/worst <= 0.3", ordinary, wide)
    assert found.verdict == "pass"
    assert found.covers() == "the worst of 2 attributes, everyone"
    assert "largest harm: A2 0.125 [0.08, 0.2]" in found.note()


def test_several_gates_say_how_often_they_err() -> None:
    one = judged("ppv <= 0.3", rows((0.0, 0.2)), rows((0.0, 0.2)))
    assert summary([one]) == ""
    said = summary([one, one, one])
    assert said.startswith("3 gates: pass (3 pass); each fails or passes wrongly in at most 5 %")
    assert "any of them in at most 15 % (`joint=True`: 5 %)" in said
    joint = replace(one, error=0.05 / 3, joint=True)
    assert summary([joint] * 3).endswith("any of them fails or passes wrongly in at most 5 %")


def test_an_open_gate_says_how_many_samples_would_decide_it() -> None:
    """0.02 inside, 0.04 to the interval's end, and 0.84 of its 1.96 errors: (0.0572 / 0.02)^2."""
    samples = lambda *_: ("Male=1", 500)  # noqa: E731
    found = judged("ppv <= 0.12", rows((0.06, 0.14)), rows((0.0, 0.2)), samples=samples)
    assert "labeled samples of Male=1 would decide it (now 500)" in found.note()
    assert re.search(r"about 4,100 labeled", found.note())
    assert "runs" not in found.note()


def test_an_open_gate_of_several_runs_says_that_samples_may_not_be_all_it_takes() -> None:
    several = [{**row, "runs": "3:1"} for row in rows((0.06, 0.14))]
    found = judged("ppv <= 0.12", several, several, samples=lambda *_: ("Male=1", 500))
    assert found.note().endswith("(now 500) if runs differed by chance alone, else more runs")


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ((0.06, 0.18), "the value lies on the bound, which no number of samples decides"),
        (
            (0.0596, 0.1796),
            "more than 400 times as many labeled samples of Male=1 would decide it, because the "
            "value is almost at the bound (now 500)",
        ),
    ],
)
def test_no_number_of_samples_decides_a_value_on_its_bound(
    ends: tuple[float, float], said: str
) -> None:
    samples = lambda *_: ("Male=1", 500)  # noqa: E731
    found = judged("ppv <= 0.12", rows(ends), rows(ends), samples=samples)
    assert found.note().endswith(said)


def test_one_row_that_would_fail_decides() -> None:
    """The row outside needs ((0.1 + 0.05 * 0.84 / 1.96) / 0.05)^2 = 5.9 times, the other more."""
    gate = parse_gate("ppv <= 0.1")
    found = judged("ppv <= 0.1", rows((0.1, 0.2), (0.0, 0.19)), rows((0.05, 0.25), (-1, 1)))
    said = would_decide(gate, found.at("undecided"), 0.05, lambda name, *_: (name, 100))
    assert said == "about 600 labeled samples of A1 would decide it (now 100)"


def test_few_clusters_ask_for_more_of_them() -> None:
    """With 10 of equal size, samples are counted; with fewer, more of the same would not help."""
    gate, found = parse_gate("ppv <= 0.1"), rows((0.04, 0.12))
    undecided = judged("ppv <= 0.1", found, found).at("undecided")
    said = [would_decide(gate, undecided, 0.05, lambda *_: ("", 100), num) for num in (10.0, 2.4)]
    assert said[0].startswith("about ") and said[0].endswith("would decide it (now 100)")
    assert said[1] == "more clusters may decide it, not more samples of these (now as good as 2)"


def test_a_model_against_itself_passes_gates_on_changes_where_0_does(
    make_logits: Callable[..., Logits],
) -> None:
    one = make_logits(num=300)
    result = AuditResult(Audit([one], [one], Options(("Male",))))
    gates = {"abs(did_tpr)@Male <= 0.01": "pass", "change(accuracy) >= 0": "pass",
             "churn <= 0": "pass", "change(accuracy) >= 0.01": "fail",
             "change(ece)/mean <= 0": "pass", "accuracy >= 0.99": "fail"}  # fmt: skip
    assert {gate: result.gate(gate).verdict for gate in gates} == gates
