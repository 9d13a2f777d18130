"""Reports as HTML for notebooks."""

from __future__ import annotations

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
