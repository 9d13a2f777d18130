"""`pbias completion`: print shell completion scripts."""

from __future__ import annotations

import enum
from typing import Annotated

import typer

from pbias.cli.options.common import Quiet, Verbose


class Shell(enum.StrEnum):
    """Shells with a completion script."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(help="Shell to print the script for.")],
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Print the completion script of a shell."""
    from pbias.cli import completions
    from pbias.cli.command_tree import commands
    from pbias.files.streams import write_text

    write_text("-", getattr(completions, shell)(commands()))
