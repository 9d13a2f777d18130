"""`pbias help`: print the help of pbias or of one command."""

from __future__ import annotations

from typing import Annotated

import typer

from pbias.cli.options.common import Quiet, Verbose


def show(
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="[COMMAND]", help="Command; if omitted, list all commands."),
    ] = None,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Print the help of a command, or the list of all commands."""
    from pbias.cli.app import tree

    words = command or []
    tree(words[0] if words else "")([*words, "-h"], prog_name="pbias", standalone_mode=False)
