"""Render reports for a terminal."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Literal

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pbias.files.escaping import printable
from pbias.reporting.sections import Section

MIN_WIDTH = 60
GAP = 2
TEXT_WIDTH = 20
COLORS = {"pass": "green", "fail": "bold red", "inconclusive": "yellow"}  # by verdict


def render_terminal(sections: Sequence[Section], *, color: bool) -> str:
    """Return all sections as text, as wide as the terminal (or COLUMNS), with or without color.

    A table that is too wide continues below, repeating the columns that distinguish its rows.
    """
    width = max(Console().width, MIN_WIDTH)
    console = Console(
        file=io.StringIO(), width=width, force_terminal=color, no_color=not color, highlight=False
    )
    for section in map(_printable, sections):
        console.print(Text(section.title, style="bold"))
        for part in _parts(section, width) if section.rows else []:
            widths = _widths(part, width)
            console.width = max(width, _total(widths))
            console.print(_table(part, widths))
            console.width = width
        for note in section.notes:
            console.print(Text(note))
        console.print()
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    return "\n".join(line.rstrip() for line in lines).rstrip("\n") + "\n"


def _printable(section: Section) -> Section:
    """Return the section without characters that control the terminal."""
    return Section(
        printable(section.title),
        [printable(name) for name in section.header],
        [[printable(cell) for cell in row] for row in section.rows],
        [printable(note) for note in section.notes],
    )


def _table(section: Section, widths: Sequence[int]) -> Table:
    table = Table(box=SIMPLE, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    for index, (name, width) in enumerate(zip(section.header, widths, strict=True)):
        side: Literal["left", "right"] = "right" if section.numeric(index) else "left"
        table.add_column(Text(name), justify=side, width=width, overflow="fold")
    for row in section.rows:
        cells = zip(section.header, row, strict=True)
        table.add_row(
            *(Text(cell, COLORS.get(cell, "") if name == "verdict" else "") for name, cell in cells)
        )
    return table


def _parts(section: Section, room: int) -> list[Section]:
    """Return the table in parts that fit, each with the columns that distinguish its rows."""
    least = _least(section)
    key = _key(section)
    parts: list[list[int]] = [[*key]]
    for column in range(len(key), len(least)):
        if len(parts[-1]) > len(key) and _total([least[i] for i in (*parts[-1], column)]) > room:
            parts.append([*key])
        parts[-1].append(column)
    return [
        Section(
            section.title,
            [section.header[i] for i in part],
            [[row[i] for i in part] for row in section.rows],
        )
        for part in parts
    ]


def _key(section: Section) -> list[int]:
    """Return the shortest list of leading columns, at most three, that distinguishes all rows."""
    for num in (1, 2):
        if len({tuple(row[:num]) for row in section.rows}) == len(section.rows):
            return list(range(num))
    return list(range(min(3, len(section.header))))


def _widths(section: Section, room: int) -> list[int]:
    """Return column widths: numbers and words of titles never break, texts do if space is short.

    A terminal that is still too narrow breaks the lines; rich would leave columns out.
    """
    least = _least(section)
    natural = [
        max(map(len, (name, *column)))
        for name, *column in zip(section.header, *section.rows, strict=True)
    ]
    while _total(least) < room and least != natural:
        short = max(range(len(least)), key=lambda i: natural[i] - least[i])
        least[short] += 1
    return least


def _least(section: Section) -> list[int]:
    """Return the minimum width of each column."""
    widths = []
    for index, name in enumerate(section.header):
        longest = max(len(row[index]) for row in section.rows)
        fixed = section.numeric(index) or index == 0
        word = max(map(len, name.split()), default=0)
        widths.append(max(longest if fixed else min(longest, TEXT_WIDTH), word))
    return widths


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * len(widths) + 2
