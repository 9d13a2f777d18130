"""Generate Markdown pages from the program: metrics and commands."""

from __future__ import annotations

from collections.abc import Sequence

from pbias.auditing.metrics.explain import COLUMNS, LEGEND, explained
from pbias.cli.app import STATUSES
from pbias.cli.command_tree import Command, Parameter


def metrics_page() -> str:
    """Return every metric, score and column, with the text of `pbias explain`."""
    parts = ["# Metrics\n\nAs `pbias explain METRIC` tells them; made by `make docs`.\n"]
    symbols = "\n".join(f"* `{name}`: {meaning}" for name, meaning in LEGEND.items())
    parts.append(f"## Symbols\n\n{symbols}\n")
    for name, one in explained().items():
        lines = {
            "Formula": one.formula,
            "Range": one.range,
            "Good": one.better,
            "Undefined": one.undefined,
            "Labels": "needed" if one.labels else "not needed",
            "Source": one.source,
        }
        listed = "\n".join(f"* {key}: {text}" for key, text in lines.items())
        said = " ".join(filter(None, [f"{one.title[0].upper()}{one.title[1:]}.", one.plain]))
        parts.append(f"## {name}\n\n{said}\n\n{listed}\n")
    for name, column in COLUMNS.items():
        title = f"{column.title[0].upper()}{column.title[1:]} (a column of tables)"
        listed = f"* Content: {column.content}\n* Empty: {column.empty}"
        parts.append(f"## {name}\n\n{title}.\n\n{listed}\n")
    return "\n".join(parts)


def commands_page(commands: Sequence[Command]) -> str:
    """Return every command with its options."""
    parts = ["# Commands\n\nAs `pbias COMMAND -h` shows them; made by `make docs`.\n"]
    parts += map(_command, commands)
    statuses = "\n".join(f"| {status} | {meaning} |" for status, meaning in STATUSES.items())
    parts.append(f"## Exit statuses\n\n| status | meaning |\n| --- | --- |\n{statuses}\n")
    return "\n".join(parts)


def _command(command: Command) -> str:
    examples = "\n".join(command.examples)
    shown = {"": list(command.arguments)}
    for option in command.options:
        shown.setdefault(option.section, []).append(option)
    tables = "\n".join(_table(section, rows) for section, rows in shown.items() if rows)
    return f"## pbias {command.name}\n\n{command.summary}\n\n```\n{examples}\n```\n\n{tables}"


def _table(section: str, parameters: Sequence[Parameter]) -> str:
    head = "| option | meaning | default |\n| --- | --- | --- |"
    title = f"{section}:\n\n" if section else ""
    return title + "\n".join([head, *map(_row, parameters)]) + "\n"


def _row(parameter: Parameter) -> str:
    names = ", ".join(f"`{name}`" for name in parameter.names)
    named = parameter.names[0] == parameter.metavar or not parameter.metavar
    shown = names if named else f"{names} `{_escape(parameter.metavar)}`"
    return f"| {shown} | {_escape(parameter.help)} | {_escape(parameter.default)} |"


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
