"""Generate manual pages, in the macros of man(7)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from pbias import __doc__ as SUMMARY
from pbias import __version__
from pbias.cli.app import STATUSES
from pbias.cli.command_tree import Command, Parameter


def man_pages(commands: Sequence[Command]) -> dict[str, str]:
    """Return the page of `pbias` and one per command, by file name."""
    pages = {"pbias.1": _top(commands)}
    return pages | {f"{_page_name(c)}.1": _page(c) for c in commands}


def _page_name(command: Command) -> str:
    return "-".join(["pbias", *command.name.split()])


def _top(commands: Sequence[Command]) -> str:
    listed = [
        line for c in commands for line in (".TP", f".BR {_text(_page_name(c))} (1)", _text(c.line))
    ]
    return _lines(
        _title("pbias"),
        ".SH NAME",
        f"pbias \\- {_text(str(SUMMARY)).rstrip('.')}",
        ".SH SYNOPSIS",
        ".B pbias",
        ".I COMMAND",
        "[options]",
        ".SH COMMANDS",
        *listed,
        *_statuses(),
    )


def _page(command: Command) -> str:
    examples = [line for e in command.examples for line in (".PP", ".nf", _text(e), ".fi")]
    arguments = [f".I {_text(a.metavar)}" for a in command.arguments]
    return _lines(
        _title(_page_name(command)),
        ".SH NAME",
        f"{_text(_page_name(command))} \\- {_text(command.line)}",
        ".SH SYNOPSIS",
        f".B pbias {command.name}",
        "[options]",
        *arguments,
        ".SH DESCRIPTION",
        _text(command.summary),
        *([".SH ARGUMENTS", *_parameters(command.arguments)] if command.arguments else []),
        ".SH OPTIONS",
        *_options(command.options),
        ".SH EXAMPLES",
        *examples,
        *_statuses(),
        ".SH SEE ALSO",
        ".BR pbias (1)",
    )


def _options(options: Sequence[Parameter]) -> list[str]:
    """Return options below the headings of their help text."""
    lines: list[str] = []
    for section, listed in itertools.groupby(options, key=lambda option: option.section):
        lines += [*([f".SS {section}"] if section else []), *_parameters(list(listed))]
    return lines


def _parameters(parameters: Sequence[Parameter]) -> list[str]:
    lines: list[str] = []
    for p in parameters:
        names = ", ".join(f"\\fB{_text(name)}\\fR" for name in p.names)
        value = "" if p.names[0] == p.metavar or not p.metavar else f" \\fI{_text(p.metavar)}\\fR"
        default = f" [default: {_text(p.default)}]" if p.default else ""
        lines += [".TP", names + value, _text(p.help) + default]
    return lines


def _statuses() -> list[str]:
    lines = [".SH EXIT STATUS"]
    for status, meaning in STATUSES.items():
        lines += [".TP", f".B {status}", _text(meaning)]
    return lines


def _title(name: str) -> str:
    return f'.TH {name.upper()} 1 "" "pbias {__version__}" "pbias manual"'


def _text(text: str) -> str:
    """Escape text: hyphens become minus signs, and no line begins with a macro."""
    escaped = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def _lines(*lines: str) -> str:
    return "\n".join(lines) + "\n"
