"""`pbias compare`: the headline numbers of several runs."""

from __future__ import annotations

from typing import Annotated

import typer

from pbias.cli.options.auditing import Attributes, InMemory, LabelsOfIds, Probabilities
from pbias.cli.options.common import (
    Color,
    ColorWhen,
    Format,
    NoClobber,
    Quiet,
    Table,
    TableFormat,
    Verbose,
    names,
)


def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="LOGITS...", help="Logits files to compare.")
    ],
    groups: Annotated[
        str | None,
        typer.Option("--groups", metavar="A,B:C", help="Groups [default: the file's groups]."),
    ] = None,
    attributes: Attributes = None,
    labels: LabelsOfIds = None,
    probabilities: Probabilities = None,
    in_memory: InMemory = 256,
    output: Table = "-",
    form: TableFormat = Format.AUTO,
    color: ColorWhen = Color.AUTO,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Compare runs of the same samples: one row per file, over attributes defined in all files."""
    from pbias.cli.progress import bar
    from pbias.cli.tables import check_table_output, write_table
    from pbias.workflows.compare import compare_files
    from pbias.workflows.inputs.files import expand

    paths = expand(runs)
    check_table_output(output, form, [*paths, labels], no_clobber=no_clobber)
    result = compare_files(
        paths,
        groups=names(groups),
        attributes=names(attributes),
        labels=labels,
        probabilities=probabilities,
        in_memory_mib=in_memory,
        watch=bar,
    )
    write_table(result.rows, result.sections, output, form, color, command="compare")
