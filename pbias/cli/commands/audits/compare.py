"""`pbias compare`: the headline numbers of several runs."""

from __future__ import annotations

from typing import Annotated

import typer

from pbias.cli.options.auditing import Attributes, LabelsOfIds
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
    output: Table = "-",
    form: TableFormat = Format.AUTO,
    color: ColorWhen = Color.AUTO,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Compare runs of the same samples: one row a file, over attributes defined in all of them."""
    from pbias.auditing.engine import Options
    from pbias.auditing.run_comparison import compare as compare_runs
    from pbias.cli.tables import check_table_output, write_table
    from pbias.reporting.run_table import compare_sections
    from pbias.workflows.inputs.files import check_sides, expand, read_labels, read_side

    paths = expand(runs)
    check_table_output(output, form, [*paths, labels], no_clobber=no_clobber)
    check_sides(paths, [], [labels])
    chosen = Options(names(groups), names(attributes))
    read = read_side(paths, manifest=read_labels(labels, None), groups=chosen.groups)
    table = compare_runs(read, chosen)
    write_table(table, lambda: compare_sections(table), output, form, color, command="compare")
