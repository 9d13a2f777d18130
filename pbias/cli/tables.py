"""Output of tables to terminal, CSV, JSON or Markdown, chosen by option, suffix or destination."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pbias.cli import console
from pbias.cli.options.common import Color, Format

if TYPE_CHECKING:
    from pbias.files.table import Table
    from pbias.reporting.sections import Section

SUFFIXES = {".csv": Format.CSV, ".json": Format.JSON, ".md": Format.MD, ".txt": Format.TABLE}


def chosen(output: str, asked: Format) -> Format:
    """Return the format that `--format auto` means for this output."""
    if asked is not Format.AUTO:
        return asked
    if output == "-":
        return Format.TABLE if _terminal(output) else Format.CSV
    return SUFFIXES.get(Path(output).suffix.lower(), Format.CSV)


def check_table_output(
    output: str, asked: Format, inputs: Iterable[str | None], *, no_clobber: bool
) -> None:
    """Raise UserError for an unwritable output, one that is an input, or an unknown suffix."""
    from pbias.errors import UserError
    from pbias.files.streams import check_output, is_replaceable

    check_output(output, inputs, no_clobber=no_clobber, binary=False)
    suffix = Path(output).suffix.lower()
    if asked is Format.AUTO and suffix and suffix not in SUFFIXES and is_replaceable(output):
        raise UserError(
            f"{output}: tables cannot be written as '{suffix}'; use {', '.join(SUFFIXES)}, or say "
            "which with --format"
        )


def write_table(
    table: Table,
    sections: Callable[[], list[Section]],
    output: str,
    asked: Format,
    color: Color,
    *,
    report: str | None = None,
    **header: Any,
) -> None:
    """Write the whole table as CSV or JSON, or its sections for people.

    With `report`, the sections also go to that path as Markdown; both files are written or neither.
    """
    from pbias.files.streams import write_texts

    texts = [(output, _text(table, sections, output, asked, color, **header))]
    if report is not None:
        texts.append((report, _text(table, sections, report, Format.MD, Color.NEVER)))
    write_texts(texts)


def _text(
    table: Table,
    sections: Callable[[], list[Section]],
    output: str,
    asked: Format,
    color: Color,
    **header: Any,
) -> str:
    from pbias.files.table import to_csv, to_json

    form = chosen(output, asked)
    if form is Format.CSV:
        return to_csv(table, safe=console.safe_csv)
    if form is Format.JSON:
        return to_json(table, **header)
    if form is Format.MD:
        from pbias.reporting.renderers.markdown import render_markdown

        return render_markdown(sections())
    from pbias.reporting.renderers.terminal import render_terminal

    return render_terminal(sections(), color=_colored(output, color))


def parse_tags(given: Iterable[str], columns: Iterable[str]) -> dict[str, str]:
    """Parse KEY=VALUE texts; UserError for a missing or repeated key, or a column's name.

    >>> parse_tags(["arch=resnet18", "note=a=b"], ["metric"])
    {'arch': 'resnet18', 'note': 'a=b'}
    """
    from pbias.errors import UserError

    tags: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        key = key.strip()
        if not (key and equals):
            raise UserError(f"--tag {text} is not KEY=VALUE; write it like --tag seed=23")
        if key in columns:
            raise UserError(f"--tag {text}: the table already has a column {key}; use another key")
        if key in tags:
            raise UserError(f"--tag {text}: {key} is given twice; use each key once")
        tags[key] = value
    return tags


def check_report(
    path: str | None, output: str, inputs: Iterable[str | None], *, no_clobber: bool
) -> None:
    """Raise UserError for a report that cannot be written, or has the path of the table."""
    from pbias.files.streams import check_output

    if path is None:
        return
    check_output(path, inputs, no_clobber=no_clobber, binary=False)
    check_apart({"-o": output, "--report": path})


def check_apart(outputs: Mapping[str, str | None]) -> None:
    """Raise UserError if two outputs, by option, are the same file."""
    from pbias.errors import UserError

    found: dict[Path, str] = {}
    for option, path in outputs.items():
        if path is None:
            continue
        other = found.setdefault(Path(path).resolve(), option)
        if other != option:
            raise UserError(f"{option} and {other} are both {path}; give one of them another name")


def _colored(output: str, color: Color) -> bool:
    """Return whether to use color: --color, else NO_COLOR, else FORCE_COLOR, else if a terminal."""
    import os

    if color is not Color.AUTO:
        return color is Color.ALWAYS
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or _terminal(output)


def _terminal(output: str) -> bool:
    return output == "-" and sys.stdout is not None and sys.stdout.isatty()
