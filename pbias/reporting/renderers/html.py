"""Render reports as plain HTML, for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pbias.files.escaping import html_text
from pbias.reporting.sections import Section

RIGHT = ' style="text-align: right"'
LEFT = ' style="text-align: left"'


def render_html(sections: Sequence[Section]) -> str:
    """Render all sections as HTML tables without scripts, styles or links; text is escaped."""
    return f"<div>\n{''.join(map(_section, sections))}</div>\n"


def _section(section: Section) -> str:
    lines = [f"<h4>{html_text(section.title)}</h4>"]
    if section.rows:
        sides = [RIGHT if section.numeric(i) else LEFT for i in range(len(section.header))]
        lines += [
            "<table>",
            f"<thead>{_row('th', section.header, sides)}</thead>",
            "<tbody>",
            *(_row("td", row, sides) for row in section.rows),
            "</tbody>",
            "</table>",
        ]
    lines += [f"<p>{html_text(note)}</p>" for note in section.notes]
    return "\n".join(lines) + "\n"


def _row(tag: str, cells: Iterable[str], sides: Iterable[str]) -> str:
    pairs = zip(cells, sides, strict=True)
    return f"<tr>{''.join(f'<{tag}{side}>{html_text(cell)}</{tag}>' for cell, side in pairs)}</tr>"
