"""Sections in a terminal and as Markdown: nothing lost, nothing broken, no markup from names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbias.reporting.renderers.markdown import render_markdown
from pbias.reporting.renderers.terminal import render_terminal
from pbias.reporting.sections import Section, interval, number, signed

NUMBERS = ["0.123", "-0.500", "+0.012 [-0.001, +0.025]", "-", ""]
SECTION = Section(
    "Means over attributes",
    ["metric", "value", "what it says about whom"],
    [
        [f"attribute_{i}", text, "a longer text of several words " * 2]
        for i, text in enumerate(NUMBERS)
    ],
    ["Never predicted (2): Bald, Wearing_Hat"],
)
TEXT = st.text("ab é|\\`[]*_<\n", max_size=12)


def columns(line: str) -> int:
    """Count the columns of a Markdown row."""
    assert line.startswith("|") and line.endswith("|")
    return len(re.findall(r"(?<!\\)\|", line)) - 1


def cells_of(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("width", ["1", "40", "60", "80", "200", "", "wide"])
def test_numbers_and_names_are_whole_at_any_width(
    monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    text = render_terminal([SECTION], color=False)
    for row in SECTION.rows:
        assert row[0] in text and row[1] in text
    assert "Means over attributes" in text and "Never predicted" in cells_of(text)


def test_words_of_titles_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    header = ["id", "prediction", "probability", "interdependence of text", "reasons"]
    text = render_terminal([Section("t", header, [["a", "1", "0.5", "b", "c " * 60]])], color=False)
    assert all(word in text for title in header for word in title.split())


def test_long_texts_wrap_at_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = render_terminal([SECTION], color=False).splitlines()
    assert max(map(len, lines)) <= 80
    assert cells_of(" ".join(lines)).count("several") == 2 * len(SECTION.rows)


def test_lines_end_without_blanks_and_the_text_with_one_line_end() -> None:
    text = render_terminal([SECTION, SECTION], color=False)
    assert not re.search(r"[ \t]$", text, re.MULTILINE)
    assert text.endswith("Wearing_Hat\n")


def test_colour_is_used_when_asked_for_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(variable, raising=False)
    assert "\x1b[" not in render_terminal([SECTION], color=False)
    assert "\x1b[1m" in render_terminal([SECTION], color=True)


@pytest.mark.parametrize("name", ["[red]Hat[/red]", "[/]", ":smile:", "a\\[b]", "*x* _y_ `z`"])
def test_names_are_no_markup_on_a_terminal(name: str) -> None:
    section = Section(name, [name, "value"], [[name, "1"]], [name])
    assert render_terminal([section], color=False).count(name) == 4


def test_numbers_are_set_to_the_right() -> None:
    section = Section("t", ["name", "value"], [["a", "1.000"], ["b", "-10.000"], ["c", "-"]])
    lines = render_terminal([section], color=False).splitlines()
    ends = [line for line in lines if re.search(r"(1\.000|-10\.000|[^─]-)$", line)]
    assert len(ends) == 3 and len({len(line) for line in ends}) == 1


def test_a_section_without_rows_is_its_notes() -> None:
    section = Section("Undefined", ["a", "b"], [], ["nothing"])
    assert render_terminal([section], color=False) == "Undefined\nnothing\n"
    assert render_markdown([section]) == "### Undefined\n\nnothing\n"


def test_markdown_is_a_table_with_its_title_and_notes() -> None:
    section = Section("Runs", ["run", "accuracy"], [["dense", "0.900"], ["s99", "-"]], ["Note."])
    assert render_markdown([section, section]) == "\n".join(
        [
            *("### Runs", "", "| run | accuracy |", "| --- | ---: |", "| dense | 0.900 |"),
            *("| s99 | - |", "", "Note.", "", "### Runs", "", "| run | accuracy |"),
            *("| --- | ---: |", "| dense | 0.900 |", "| s99 | - |", "", "Note.", ""),
        ]
    )


@given(rows=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4), note=TEXT)
def test_every_row_of_markdown_has_the_same_columns(rows: list[tuple[str, str]], note: str) -> None:
    text = render_markdown([Section("t", ["a", "b"], [list(row) for row in rows], [note])])
    lines = text.split("\n")
    table = lines[2 : lines.index("", 3)]
    assert len(table) == len(rows) + 2
    assert {columns(line) for line in table} == {2}


@pytest.mark.parametrize("value", [None, float("nan")])
def test_what_is_undefined_is_a_dash(value: float | None) -> None:
    assert number(value) == signed(value) == "-"
    assert interval(value, 1.0) == interval(1.0, value) == ""


def test_verdicts_have_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(variable, raising=False)
    rows = [["churn", "pass"], ["fail", "fail"], ["tpr", "inconclusive"]]
    text = render_terminal([Section("Gates", ["gate", "verdict"], rows)], color=True)
    assert "\x1b[32mpass" in text and "\x1b[33minconclusive" in text
    assert text.count("\x1b[1;31mfail") == 1  # a gate may have any name


def test_a_table_that_is_too_wide_continues_below(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    header = ["run", *(f"number{i:02}" for i in range(12))]
    rows = [[run, *(f"0.{i:03}" for i in range(12))] for run in ("dense", "s90")]
    lines = render_terminal([Section("Runs", header, rows)], color=False).splitlines()
    assert max(map(len, lines)) <= 80
    assert [sum(line.split()[:1] == [run] for line in lines) for run in ("dense", "s90")] == [2, 2]
    assert [w for line in lines for w in line.split() if w.startswith("number")] == header[1:]
    assert [w for line in lines if "dense" in line for w in line.split()[1:]] == rows[0][1:]


def test_rows_of_a_table_that_continues_can_be_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    header = ["attribute", "contrast", "difference in differences of TPR", "TPR of f", ""]
    rows = [["hat", c, "-0.190 [-0.288, -0.092]", "0.792 to 0.530", "few"] for c in ("f", "m")]
    text = render_terminal([Section("DiD", header, rows)], color=False)
    tails = [line.split() for line in text.splitlines() if "few" in line]
    assert [tail[:2] for tail in tails] == [["hat", "f"], ["hat", "m"]]
