"""`pbias pack` and `pbias unpack`: the same checkpoint, small or plain."""

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
    """Write a pruned checkpoint as a bitmask and the weights left; every command reads it."""
    _rewrite(checkpoint, output, no_clobber, packed=True)


def unpack(
    checkpoint: Input,
    output: Output,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Write a packed checkpoint with plain tensors, as torch.load and load_state_dict want them."""
    _rewrite(checkpoint, output, no_clobber, packed=False)


def _rewrite(source: str, output: str, no_clobber: bool, *, packed: bool) -> None:
    from pbias.cli.console import logger
    from pbias.files.checkpoint import load_checkpoint, serialize
    from pbias.files.streams import check_inputs, check_output, output_name, write_bytes

    check_inputs([source])
    check_output(output, [source], no_clobber=no_clobber)
    checkpoint = load_checkpoint(source)
    data, plain = (serialize(checkpoint, packed=form) for form in (packed, False))
    write_bytes(output, data)
    share = 100 * len(data) / len(plain)
    logger.info(
        "%s: %s bytes, %.1f %% of the plain file", output_name(output), f"{len(data):,}", share
    )
