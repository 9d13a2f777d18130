"""Hostile text from files, in every output format."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pbias.files.escaping import MAX_MESSAGE, json_text, markdown, markdown_line, message, printable
from pbias.files.table import Table, to_csv, to_json
from pbias.reporting.renderers.html import render_html
from pbias.reporting.renderers.markdown import render_markdown
from pbias.reporting.renderers.terminal import render_terminal
from pbias.reporting.sections import Section

HOSTILE = [
    "\x1b]0;title\x07", "\x1b[2J\x1b[31mred", "\x9b31m", "a\nb", "a\r\nb", "\u202egpj.exe",
    "# Passed", "![x](http://evil/x.png)", "[ok](https://evil)", "<img src=x>", "<!-- x", "---",
    "1. one", "> all passed", "`x`", "**bold**", "_it_", "~~no~~", "a | b", "&lt;", "http://evil",
    "www.evil.org", "- item", "+ item", "    code", "===", "\\", "a\\|b", "$x$",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_a_name_as_the_text_that_it_is(text: str) -> None:
    """A parser finds one paragraph with one text (besides links that GitHub makes itself)."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown_line(text))
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    inside = tokens[1].children or []
    assert {token.type for token in inside} <= {"text", "text_special"}
    assert "".join(token.content for token in inside) == printable(text).strip()
    assert not re.search(r"(https?://|www\.)", markdown(text))


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_reports_keep_their_tables(text: str) -> None:
    section = Section(text, [text, "value"], [[text, "1"]], [text])
    tokens = MarkdownIt("commonmark").enable("table").parse(render_markdown([section]))
    kinds = [token.type for token in tokens if token.type.endswith("_open")]
    assert kinds == [
        "heading_open", "table_open", "thead_open", "tr_open", "th_open", "th_open",
        "tbody_open", "tr_open", "td_open", "td_open", "paragraph_open",
    ]  # fmt: skip
    shown = [token.content for token in tokens if token.type == "inline"]
    assert len(shown) == 6


@pytest.mark.parametrize("text", HOSTILE[:6])
def test_nothing_for_people_holds_what_a_terminal_obeys(text: str) -> None:
    section = Section(text, [text, "value"], [[text, "1"], ["b", "2"]], [text])
    for shown in (
        render_terminal([section], color=False), render_markdown([section]), render_html([section]),
        message(text), to_json(Table({text: [text]})),
    ):  # fmt: skip
        assert all(line.isprintable() for line in shown.split("\n"))
    clean = Section("t", ["t", "value"], [["t", "1"], ["b", "2"]], ["t"])
    lines = render_terminal([section], color=False).count("\n")
    assert lines == render_terminal([clean], color=False).count("\n")


@given(text=st.text(max_size=20))
def test_json_keeps_every_value(text: str) -> None:
    assert json.loads(json_text(json.dumps(text, ensure_ascii=False))) == text


@pytest.mark.parametrize("text", ["Wearing_Hat", "5_o_Clock", "images/0412.png", "é 名", "-0.5"])
def test_ordinary_names_are_written_as_they_are(text: str) -> None:
    assert markdown(text) == printable(text) == message(text) == text


def test_csv_keeps_values_and_is_made_safe_for_spreadsheets_when_asked() -> None:
    cells = ["=1+1", "+1", "-1", "@x", "a=b", "\tx", ""]
    table = Table({"@name": cells, "value": [-0.5] * len(cells)})
    rows = [list(csv.reader(io.StringIO(to_csv(table, safe=safe)))) for safe in (False, True)]
    assert [row[0] for row in rows[0]] == ["@name", *cells]
    assert [row[0] for row in rows[1]] == [
        "'@name",
        "'=1+1",
        "'+1",
        "'-1",
        "'@x",
        "a=b",
        "'\tx",
        "",
    ]
    assert {row[1] for row in rows[1][1:]} == {"-0.5"}  # a number stays a number


def test_a_message_is_bounded_and_keeps_its_end() -> None:
    line = message("x" * 10_000_000 + "; choose another")
    assert len(line) < MAX_MESSAGE + 10 and line.endswith("; choose another")
