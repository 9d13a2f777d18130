"""`pbias pack` and `pbias unpack`: convert a checkpoint between packed and plain form."""

from __future__ import annotations

from typing import Annotated

import typer

from pbias.cli.options.common import NoClobber, Output, Quiet, Verbose

Input = Annotated[str, typer.Argument(metavar="CHECKPOINT", help="'-' is standard input.")]


def pack(
    checkpoint: Input,
    output: Output,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Write a pruned checkpoint as a bitmask and its nonzero weights; every command reads it."""
    from pbias.workflows.conversion import checkpoints

    checkpoints.pack(checkpoint, output, no_clobber=no_clobber)


def unpack(
    checkpoint: Input,
    output: Output,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Write a packed checkpoint with plain tensors, for torch.load and load_state_dict."""
    from pbias.workflows.conversion import checkpoints

    checkpoints.unpack(checkpoint, output, no_clobber=no_clobber)
