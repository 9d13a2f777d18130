"""Reports as HTML for notebooks."""

from __future__ import annotations

import pytest

from pbias.reporting.audit_header import gate_sections
from pbias.reporting.page.content import Gate, Page
from pbias.reporting.renderers.html import render_html
from pbias.reporting.sections import Section


def test_a_section_is_a_titled_table_with_notes_below() -> None:
    html = render_html([Section("Runs", ["run", "auc"], [["s<90>", "0.9"]], ["a & b"])])
    assert html == (
        "<div>\n<h4>Runs</h4>\n<table>\n"
        '<thead><tr><th style="text-align: left">run</th>'
        '<th style="text-align: right">auc</th></tr></thead>\n<tbody>\n'
        '<tr><td style="text-align: left">s&lt;90&gt;</td>'
        '<td style="text-align: right">0.9</td></tr>\n'
        "</tbody>\n</table>\n<p>a &amp; b</p>\n</div>\n"
    )


def test_a_section_without_rows_is_its_notes() -> None:
    assert render_html([Section("Audit", [], [], ["one"])]) == (
        "<div>\n<h4>Audit</h4>\n<p>one</p>\n</div>\n"
    )


def test_gates_begin_with_their_joint_verdict_and_a_pass_says_what_it_did_not_check() -> None:
    counts = {"inside": 8, "outside": 0, "undecided": 0, "not_assessable": 2}
    record = {"gate": "tpr >= 0.5", "verdict": "pass", "covers": "all", "note": "", **counts}
    other = record | {"verdict": "inconclusive", "not_assessable": 0}
    (section,) = gate_sections([record, other])
    assert section.title == "Gates: inconclusive (1 pass, 1 inconclusive)"
    assert [row[1] for row in section.rows] == ["pass (2 of 10 not checked)", "inconclusive"]


def test_a_page_marks_a_pass_that_is_not_whole() -> None:
    pytest.importorskip("jinja2")
    from pbias.reporting.page.document import render_page

    gates = [
        Gate("tpr >= 0.5", "pass", "", "pass (2 of 10 not checked)"),
        Gate("fpr <= 0.5", "pass", "", "pass"),
    ]
    html = render_page(Page("t", [], ["v"], gates=gates, together="pass (2 pass)"))
    assert "<strong>Gates: pass (2 pass)</strong>" in html
    assert 'class="gate pass partly"><strong>PASS (2 of 10 not checked)</strong>' in html
    assert 'class="gate pass"><strong>PASS</strong>' in html
