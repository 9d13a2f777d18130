"""Reports for a terminal."""

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


def render_terminal(sections: Sequence[Section], *, color: bool) -> str:
    """All sections as text, as wide as the terminal (or COLUMNS), with or without colour."""
    width = max(Console().width, MIN_WIDTH)
    console = Console(
        file=io.StringIO(), width=width, force_terminal=color, no_color=not color, highlight=False
    )
    for section in map(_printable, sections):
        console.print(Text(section.title, style="bold"))
        if section.rows:
            widths = _widths(section, width)
            console.width = max(width, _total(widths))
            console.print(_table(section, widths))
            console.width = width
        for note in section.notes:
            console.print(Text(note))
        console.print()
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    return "\n".join(line.rstrip() for line in lines).rstrip("\n") + "\n"


def _printable(section: Section) -> Section:
    """The section without anything that the terminal would obey."""
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
        table.add_row(*(Text(cell) for cell in row))
    return table


def _widths(section: Section, room: int) -> list[int]:
    """Column widths: numbers and words of titles are never broken, texts are where room is short.

    A terminal that is too narrow even then breaks the lines; rich would leave columns out.
    """
    least, natural = [], []
    for index, name in enumerate(section.header):
        longest = max(len(row[index]) for row in section.rows)
        fixed = section.numeric(index) or index == 0
        word = max(map(len, name.split()), default=0)
        least.append(max(longest if fixed else min(longest, TEXT_WIDTH), word))
        natural.append(max(longest, len(name)))
    while _total(least) < room and least != natural:
        short = max(range(len(least)), key=lambda i: natural[i] - least[i])
        least[short] += 1
    return least


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * len(widths) + 2
