"""Render reports as Markdown, for pull requests and READMEs."""

from __future__ import annotations

from collections.abc import Sequence

from pbias.files.escaping import markdown, markdown_line
from pbias.reporting.sections import Section


def render_markdown(sections: Sequence[Section]) -> str:
    """Return all sections as Markdown tables."""
    return "\n".join(_section(section) for section in sections)


def _section(section: Section) -> str:
    lines = [f"### {markdown(section.title)}", ""]
    if section.rows:
        columns = range(len(section.header))
        align = ["---:" if section.numeric(column) else "---" for column in columns]
        lines += [_line(section.header), _line(align), *map(_line, section.rows), ""]
    for note in section.notes:
        lines += [markdown_line(note), ""]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(markdown(cell) for cell in cells)} |"
