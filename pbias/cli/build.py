"""Build the command-line parser from the table of commands."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from pbias import __doc__ as summary
from pbias import __version__
from pbias.cli import variables
from pbias.cli.config import config_option
from pbias.cli.options.common import Debug, SafeCsv
from pbias.cli.sections import SECTIONED, SectionedCommand


class Entry:
    """A command: the location of its function, its summary, and examples.

    The function's docstring is its help. Its module is imported when the command is used.
    """

    def __init__(self, where: str, summary: str, *examples: str) -> None:
        """Describe a command; `where` is MODULE:FUNCTION, with MODULE in pbias.cli.commands."""
        self.where, self.summary, self.examples = where, summary, examples

    def function(self) -> Callable[..., None]:
        """Return the function that runs the command."""
        module, _, name = self.where.partition(":")
        found: Callable[..., None] = getattr(
            importlib.import_module(f"pbias.cli.commands.{module}"), name
        )
        return found


def build(
    entries: Mapping[str, Entry], groups: Mapping[str, str], statuses: str, only: str | None = None
) -> Any:
    """Return all commands under `pbias`; with `only`, the others have just a name and a summary.

    Options are costly to set up, and a run needs only those of its own command. A name of two words
    is a subcommand of the first word, whose help is in `groups`.
    """
    every = functools.partial(build, entries, groups, statuses)
    app = _app("pbias", summary, statuses, callback=_root)
    apps = {"": app}
    word = only and only.partition(" ")[0]
    used = [name for name in entries if word is None or name.partition(" ")[0] == word]
    for name, entry in entries.items():
        above, _, last = name.rpartition(" ")
        if above not in apps:
            apps[above] = _app(above, groups[above], statuses)
            if name in used:
                app.add_typer(apps[above], name=above)
            else:
                app.command(above, short_help=groups[above])(_stub)
        if name in used:
            _add(apps[above], last, entry, statuses, every)
        elif not above:
            app.command(name, short_help=entry.summary)(_stub)
    group: Any = typer.main.get_command(app)
    for name in used:
        variables.name_variables(find(group, name), name)
        _name_numbers(find(group, name))
    return group


def find(group: Any, name: str) -> Any:
    """Return the command with this name of one or two words."""
    for word in name.split():
        group = group.commands[word]
    return group


def _name_numbers(command: Any) -> None:
    """Write `NUM` where the help would show the parser's own `<int range>`."""
    for param in command.params:
        if param.param_type_name == "option" and param.metavar is None:
            kind = param.type.name.partition(" ")[0]
            if kind in ("int", "integer", "float") and not param.is_flag and not param.count:
                param.metavar = "NUM"


def _app(
    name: str, text: str | None, statuses: str, callback: Callable[..., None] | None = None
) -> typer.Typer:
    return typer.Typer(
        name=name,
        help=text,
        epilog=statuses,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        callback=callback,
    )


def _add(
    app: typer.Typer, name: str, entry: Entry, statuses: str, every: Callable[[], Any]
) -> None:
    lines = "\n".join(f"  {example}" for example in entry.examples)
    epilog = f"\b\nExamples:\n{lines}\n\n{statuses}"
    function = _with_common_options(entry.function(), every)
    cls = SectionedCommand if name in SECTIONED else None
    app.command(name, cls=cls, short_help=entry.summary, epilog=epilog)(function)


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
    """Stand in for a command that this run does not use."""


def _with_common_options(
    command: Callable[..., None], every: Callable[[], Any]
) -> Callable[..., None]:
    """Return the command with the options that all commands share.

    `every` makes the parser of all commands.
    """

    @functools.wraps(command)
    def run(
        config: Any = None, debug: bool = False, safe_csv: bool = False, **options: Any
    ) -> None:
        from pbias.files.streams import check_encodable, check_no_input

        for name, value in options.items():
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str):
                    check_encodable(text, f"--{name.replace('_', '-')}")
        variables.warn_of_unknown(every)
        for name in ("output", "curve", "sheet"):
            if config and options.get(name):
                check_no_input(options[name], [config])
        command(**options)

    own = inspect.signature(command, eval_str=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    common = [
        inspect.Parameter("config", keyword, default=None, annotation=config_option(every)),
        inspect.Parameter("debug", keyword, default=False, annotation=Debug),
    ]
    if "form" in own.parameters:  # the command writes a table
        common.insert(0, inspect.Parameter("safe_csv", keyword, default=False, annotation=SafeCsv))
    run.__signature__ = own.replace(parameters=[*own.parameters.values(), *common])  # type: ignore[attr-defined]
    return run
