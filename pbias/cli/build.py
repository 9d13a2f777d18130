"""The command line that is parsed, made of the table of commands."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from pbias import __doc__ as summary
from pbias import __version__
from pbias.cli import config
from pbias.cli.options import Config, Debug


@dataclass(frozen=True)
class Entry:
    """A command: its function, whose docstring is its help, and examples that can be pasted."""

    function: Callable[..., None]
    examples: tuple[str, ...]


def build(entries: Mapping[str, Entry], statuses: str, only: str | None = None) -> Any:
    """All commands under `pbias`; with `only`, the others have a name and a summary alone.

    Options are costly to set up: a run needs those of its own command.
    """
    app = typer.Typer(
        name="pbias",
        help=summary,
        epilog=statuses,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        callback=_root,
    )
    for name, entry in entries.items():
        short, *_ = re.split(r"[:;]|\.\B", entry.function.__doc__ or "")
        if only not in (None, name):
            app.command(name, short_help=short)(_stub)
            continue
        lines = "\n".join(f"  {example}" for example in entry.examples)
        epilog = f"\b\nExamples:\n{lines}\n\n{statuses}"
        function = _with_common_options(entry.function)
        app.command(name, short_help=short, epilog=epilog)(function)
    group: Any = typer.main.get_command(app)
    for name in entries if only is None else {only} & entries.keys():
        config.name_variables(group.commands[name], name)
    return group


def _version(shown: bool) -> None:
    if shown:
        typer.echo(f"pbias {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", "-V", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def _stub() -> None:
    """A command that this run does not use."""


def _with_common_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command with what every command has beside its own options."""

    @functools.wraps(command)
    def run(config: Any = None, debug: bool = False, **options: Any) -> None:
        command(**options)

    own = inspect.signature(command, eval_str=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    common = [
        inspect.Parameter("config", keyword, default=None, annotation=Config),
        inspect.Parameter("debug", keyword, default=False, annotation=Debug),
    ]
    run.__signature__ = own.replace(parameters=[*own.parameters.values(), *common])  # type: ignore[attr-defined]
    return run
