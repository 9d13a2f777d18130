"""The command tree as plain data, from which pages, man pages and completions are generated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pbias.cli.app import tree
from pbias.cli.build import find
from pbias.cli.command_table import COMMANDS
from pbias.cli.options.training import ARCHITECTURES, RECIPES
from pbias.cli.sections import SECTIONED, by_section, section_of

# Placeholders that stand for a file or a folder.
FILES = frozenset({"FILE", "CSV", "LOGITS", "LOGITS...", "LABELS.csv", "MODEL", "DIR", "PNG"})


@dataclass(frozen=True)
class Parameter:
    """An option or argument; `metavar` "" for a flag, `choices` () for any value.

    Completions offer `choices` and `known`, which are common values among all that are allowed.
    """

    names: tuple[str, ...]
    metavar: str
    help: str
    choices: tuple[str, ...]
    default: str
    file: bool
    section: str = ""
    known: tuple[str, ...] = ()


@dataclass(frozen=True)
class Command:
    """A command with everything that its help shows; a name of two words is a subcommand."""

    name: str
    line: str
    summary: str
    arguments: tuple[Parameter, ...]
    options: tuple[Parameter, ...]
    examples: tuple[str, ...]

    @property
    def group(self) -> str:
        """The parent command, or ""."""
        return self.name.rpartition(" ")[0]


def commands() -> list[Command]:
    """Return all commands, in the order of `pbias -h`."""
    group = tree()
    return [_command(name, find(group, name)) for name in COMMANDS]


def _command(name: str, command: Any) -> Command:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    shown = Parameter(
        ("-h", "--help"), "", "Show this message and exit.", (), "", False, section_of("help")
    )
    if name in SECTIONED:
        options = [option for listed in by_section(options).values() for option in listed]
    else:
        shown = replace(shown, section="")
    return Command(
        name=name,
        line=COMMANDS[name].summary,
        summary=command.help.strip(),
        arguments=tuple(_parameter(argument, name) for argument in arguments),
        options=(*(_parameter(option, name) for option in options), shown),
        examples=COMMANDS[name].examples,
    )


def _parameter(param: Any, command: str) -> Parameter:
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
        section=section_of(param.name) if command in SECTIONED else "",
        known=_known(param.name, command),
    )


def _known(parameter: str, command: str) -> tuple[str, ...]:
    """Return the values that completions offer: metrics, architectures, recipes, commands."""
    from pbias.auditing.metrics.explain import explained
    from pbias.auditing.metrics.registry import METRICS

    metrics = tuple(METRICS)
    by_parameter = {
        "arch": ARCHITECTURES,
        "metric": tuple(explained()) if command == "explain" else metrics,
        "metrics": metrics,
        "only": metrics if command == "metrics" else (),
        "recipe_name": RECIPES,
        "command": tuple(COMMANDS),
    }
    return by_parameter.get(parameter, ())
