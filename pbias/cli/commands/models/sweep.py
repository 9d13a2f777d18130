"""`pbias sweep`: convert a plan of many runs to a Snakemake workflow."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pbias.cli.options.common import NoClobber, Quiet, Verbose
from pbias.files.escaping import printable


def sweep(
    plan: Annotated[
        str, typer.Argument(metavar="PLAN.toml", help="Plan: what to train and audit.")
    ],
    more: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- ARGS...]", help="With --run: arguments for Snakemake."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write the workflow [default: OUT/Snakefile]."
        ),
    ] = None,
    run: Annotated[
        bool, typer.Option("--run", help="Also run the workflow; needs 'pbias[sweep]'.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the command lines, and stop; needs no data.")
    ] = False,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Convert a plan of many runs to a Snakemake workflow, and run it with --run.

    Data, networks, seeds, sparsities and ways to compress become jobs, each one command line of
    pbias. A restarted sweep does not repeat finished jobs. The results are a table of all runs,
    curves, and a report for each architecture.
    """
    from pbias.cli.command_lines import check_options
    from pbias.workflows.sweeping import sweep as workflow

    if dry_run:
        terminal = sys.stdout.isatty()
        for line in workflow.command_lines(plan, check_options):
            print(printable(line) if terminal else line)
        return
    workflow.sweep(plan, check_options, output, more or [], run=run, no_clobber=no_clobber)
