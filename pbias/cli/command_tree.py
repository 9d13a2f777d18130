"""The command tree as plain data: what pages, man pages and completions are made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pbias.cli.app import tree
from pbias.cli.build import find
from pbias.cli.command_table import COMMANDS

# What takes one of these takes a file or a folder.
FILES = frozenset({"FILE", "CSV", "LOGITS", "LOGITS...", "LABELS.csv", "MODEL", "DIR", "PNG"})


@dataclass(frozen=True)
class Parameter:
    """An option or argument; `metavar` "" for a flag, `choices` () for anything."""

    names: tuple[str, ...]
    metavar: str
    help: str
    choices: tuple[str, ...]
    default: str
    file: bool


@dataclass(frozen=True)
class Command:
    """A command with all that its help shows; a name of two words is below the first."""

    name: str
    line: str
    summary: str
    arguments: tuple[Parameter, ...]
    options: tuple[Parameter, ...]
    examples: tuple[str, ...]

    @property
    def group(self) -> str:
        """The command that this one is below, or ""."""
        return self.name.rpartition(" ")[0]


def commands() -> list[Command]:
    """All commands, in the order of `pbias -h`."""
    group = tree()
    return [_command(name, find(group, name)) for name in COMMANDS]


def _command(name: str, command: Any) -> Command:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    shown = Parameter(("-h", "--help"), "", "Show this message and exit.", (), "", file=False)
    return Command(
        name=name,
        line=COMMANDS[name].summary,
        summary=command.help.strip(),
        arguments=tuple(map(_parameter, arguments)),
        options=(*map(_parameter, options), shown),
        examples=COMMANDS[name].examples,
    )


def _parameter(param: Any) -> Parameter:
    argument = param.param_type_name == "argument"
    flag = not argument and (param.is_flag or param.count)
    choices = tuple(str(choice) for choice in getattr(param.type, "choices", ()))
    kind = param.type.name.removesuffix(" range").upper()
    metavar = "" if flag else param.metavar or "|".join(choices) or kind
    return Parameter(
        names=(metavar,) if argument else (*sorted(param.opts, key=len), *param.secondary_opts),
        metavar=metavar,
        help=param.help or "",
        choices=choices,
        default="" if flag or param.default is None else str(param.default),
        file=metavar in FILES,
    )
