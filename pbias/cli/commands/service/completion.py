"""`pbias completion`: what a shell needs to complete pbias."""

from __future__ import annotations

import enum
from typing import Annotated

import typer

from pbias.cli.options.common import Quiet, Verbose


class Shell(enum.StrEnum):
    """The shells that have a script."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(help="Which shell the script is for.")],
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Print the completion script of a shell."""
    from pbias.cli import completions
    from pbias.cli.command_tree import commands
    from pbias.files.streams import write_text

    write_text("-", getattr(completions, shell)(commands()))
