"""Options from `--config FILE.toml` and `PBIAS_*` variables; typed options take precedence.

A key at the top of the file is an option of every command that has it. A table named after a
command contains options of that command. Hyphens and underscores are equivalent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any

import typer

from pbias.errors import UserError, did_you_mean
from pbias.files.streams import input_name


def config_option(every: Callable[[], Any]) -> Any:
    """Return the type of `--config`; `every` makes the parser of all commands, for checking names.

    The option turns the values in the file into defaults of the current command.
    """

    def use_config(context: typer.Context, path: str | None) -> str | None:
        if path is not None and not context.resilient_parsing:
            context.default_map = _defaults(context, every().commands, path)
        return path

    return Annotated[
        str | None,
        typer.Option(
            "--config",
            metavar="FILE",
            is_eager=True,
            callback=use_config,
            help="Read options from a TOML file; the command line and PBIAS_* override it.",
        ),
    ]


def _defaults(context: typer.Context, commands: Mapping[str, Any], path: str) -> dict[str, Any]:
    command = context.command_path.split()[1]
    options = {
        _plain(k): option for option in _options(context.command) for k in long_names(option)
    }
    given = _given(commands, command, path)
    return {options[k].name: _value(v, options[k], path) for k, v in given.items() if k in options}


def _given(commands: Mapping[str, Any], command: str, path: str) -> dict[str, Any]:
    """Return the file's values for one command, by option; every name in it must be known."""
    content, path = _read(path), input_name(path)
    tables = {key: value for key, value in content.items() if isinstance(value, dict)}
    shared = {key: value for key, value in content.items() if key not in tables}
    _refuse_unknown(tables, commands, f"{path}: pbias has no command")
    every = [name for one in commands.values() for name in _all_names(one)]
    _refuse_unknown(shared, every, f"{path}: no command has the option")
    own = tables.get(command, {})
    known = _all_names(commands[command])
    _refuse_unknown(own, known, f"{path}: pbias {command} has no option")
    return {_plain(key): value for key, value in {**shared, **own}.items()}


def _read(path: str) -> dict[str, Any]:
    from pbias.files.toml_reader import read_toml

    return read_toml(path, "write lines such as epochs = 20")


def options_of(command: Any) -> list[Any]:
    """Return the options of a command and of its subcommands."""
    own = [param for param in command.params if param.param_type_name == "option"]
    below = getattr(command, "commands", {}).values()
    return own + [option for sub in below for option in options_of(sub)]


def _options(command: Any) -> list[Any]:
    """Return the options that a file can set."""
    return [option for option in options_of(command) if option.name != "config"]


def long_names(option: Any) -> list[str]:
    """Return the long names without hyphens."""
    return [name.removeprefix("--") for name in option.opts if name.startswith("--")]


def _all_names(command: Any) -> list[str]:
    return [name for option in _options(command) for name in long_names(option)]


def _refuse_unknown(given: Mapping[str, Any], known: Iterable[str], missing: str) -> None:
    plain = {_plain(name): name for name in known}
    for key in given:
        if _plain(key) not in plain:
            hint = did_you_mean(key, plain.values(), "see its -h")
            raise UserError(f"{missing} '{key}'; {hint}")


def _plain(key: str) -> str:
    return key.replace("-", "_")


def _value(value: Any, param: Any, path: str) -> Any:
    """Return the value as on the command line: a list becomes `a,b` for a single option."""
    if isinstance(value, dict):
        raise UserError(f"{input_name(path)}: {param.name} is a table; give a value")
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, str | int | float):
            raise UserError(
                f"{input_name(path)}: {param.name} holds a {type(one).__name__}; write it as text,"
                " in quotes"
            )
    if param.multiple:
        return value if isinstance(value, list) else [value]
    if isinstance(value, list):
        return ",".join(map(str, value))
    # As text, as if typed: 400 digits have no float, and neither 5.7 nor inf is a whole number.
    return value if isinstance(value, bool) else str(value)
