"""Reports of chosen metrics, and of what the samples were too few to show."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

import numpy as np
import pytest

from pbias.auditing.engine import Options, audit
from pbias.files.logits import Logits
from pbias.files.table import Table
from pbias.reporting.audit_report import audit_sections
from pbias.reporting.sections import Section

MakeLogits = Callable[..., Logits]
CHOSEN = ["tpr", "churn"]


@pytest.fixture(scope="module")
def table(make_logits: MakeLogits) -> Table:
    worse, dense = make_logits(num=300, noise=2.0, path="s.npz"), make_logits(num=300, path="d.npz")
    return audit([worse], [dense], Options(("Male",), None, CHOSEN))


@pytest.fixture(scope="module")
def sections(table: Table) -> dict[str, Section]:
    return {section.title: section for section in audit_sections(table, CHOSEN)}


def test_only_what_was_asked_for_is_shown(sections: dict[str, Section]) -> None:
    assert list(sections) == [
        "Means over attributes, and what compression changed",
        "tpr, largest changes",
        "Male: tpr, largest changes",
        "churn, largest values",
        "Male: churn, largest values",
        "Undefined, and why",
        "What could have been missed",
    ]


def test_the_largest_changes_come_first(table: Table, sections: dict[str, Section]) -> None:
    changes = [abs(r["change"]) for r in table.where(metric="tpr", group="Male") if r["attribute"]]
    shown = [row[4].partition(" ")[0] for row in sections["Male: tpr, largest changes"].rows]
    largest = sorted((c for c in changes if c == c), reverse=True)[:5]
    assert [abs(float(change)) for change in shown] == [round(c, 3) for c in largest]


def test_the_headline_has_the_means_of_what_was_asked_for(sections: dict[str, Section]) -> None:
    rows = sections["Means over attributes, and what compression changed"].rows
    assert [row[0] for row in rows] == CHOSEN


def test_what_could_have_been_missed_is_the_median(
    table: Table, sections: dict[str, Section]
) -> None:
    found = [r["detectable"] for r in table.where(metric="tpr", group="") if r["attribute"]]
    known = [size for size in found if size == size]
    row = sections["What could have been missed"].rows[0]
    assert row[:3] == ["tpr", "", ""] and row[3] == f"{median(known):.3f}"
    assert row[4] == f"{sum(size > 0.05 for size in known)} of {len(known)}"


def test_what_never_varied_is_no_sign_of_power(make_logits: MakeLogits) -> None:
    never = np.full(3, np.inf)
    pair = [make_logits(num=300, noise=n, thresholds=never, path=f"{n}.npz") for n in (1.0, 0.0)]
    table = audit(pair[:1], pair[1:], Options(("Male",), None, ["did_tpr", "never_predicted"]))
    found = [r for r in table.where(metric="did_tpr", contrast="1-0") if r["attribute"]]
    assert all(r["value"] == 0 and r["detectable"] > r["high"] > 0 for r in found)
    last = audit_sections(table, ["did_tpr", "never_predicted"])[-1]
    assert [row[4] for row in last.rows if row[:3] == ["did tpr", "Male", "1-0"]] == ["3 of 3"]
    assert any(note.startswith("Left out: ") for note in last.notes)


def test_a_whole_audit_says_it_for_the_headlines_alone(make_logits: MakeLogits) -> None:
    worse, dense = make_logits(num=300, noise=1.0, path="s.npz"), make_logits(num=300, path="d.npz")
    last = audit_sections(audit([worse], [dense], Options(("Male",))))[-1]
    assert {row[0] for row in last.rows} <= {"accuracy", "bias amplification", "did tpr"}
    assert {row[2] for row in last.rows} <= {"", "1-0"}
