"""`pbias info`: count the content of a file."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from pbias.cli.options.common import (
    Color,
    ColorWhen,
    Format,
    NoClobber,
    Quiet,
    Table,
    TableFormat,
    Verbose,
)
from pbias.cli.options.networks import ForeignArch, Model, ModelArgs
from pbias.errors import Status

logger = logging.getLogger(__name__)


def info(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="Checkpoint, state dict, ONNX or logits; '-': stdin."),
    ],
    expect_sparsity: Annotated[
        float | None,
        typer.Option(
            "--expect-sparsity",
            metavar="S",
            min=0.0,
            max=1.0,
            help="Recount the zeros; exit with status 1 unless they match sparsity S.",
        ),
    ] = None,
    arch: ForeignArch = None,
    model: Model = None,
    model_args: ModelArgs = None,
    output: Table = "-",
    form: TableFormat = Format.AUTO,
    color: ColorWhen = Color.AUTO,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Count parameters, zeros, size and operations by layer, and show the origin of a file."""
    from pbias.cli.console import VERDICT
    from pbias.cli.tables import check_table_output, write_table
    from pbias.reporting.file_report import info_sections
    from pbias.workflows.conversion.checkpoints import info as count
    from pbias.workflows.runs.options import NetworkOptions

    check_table_output(output, form, [file], no_clobber=no_clobber)
    network = NetworkOptions(arch, model, model_args)
    found = count(file, network, expect_sparsity=expect_sparsity)
    table, facts = found.table, found.facts
    write_table(table, lambda: info_sections(table, facts), output, form, color, **facts)
    if found.expectation:
        logger.log(VERDICT, "%s", found.expectation.line)
        if not found.expectation.met:
            raise typer.Exit(Status.GATE_FAILED)
