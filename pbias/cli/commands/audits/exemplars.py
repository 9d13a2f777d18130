"""`pbias exemplars`: samples that pruned networks predict differently, and their groups."""

from __future__ import annotations

from typing import Annotated

import typer

from pbias.cli.options.auditing import Attributes, LabelsOfIds, Level, Probabilities
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


def exemplars(
    dense: Annotated[
        list[str],
        typer.Option("--dense", metavar="LOGITS", help="Dense runs; repeatable, or quote a glob."),
    ],
    sparse: Annotated[
        list[str],
        typer.Option(
            "--sparse", metavar="LOGITS", help="Pruned runs; repeatable, or quote a glob."
        ),
    ],
    summary: Annotated[
        bool,
        typer.Option("--summary", help="Show over-representation of groups instead of the list."),
    ] = False,
    top: Annotated[
        str,
        typer.Option("--top", metavar="NUM", help="Taxicab exemplars per attribute: 1%, or 50."),
    ] = "1%",
    groups: Annotated[
        str | None,
        typer.Option(
            "--groups", metavar="A,B:C", help="Groups of --summary [default: the file's groups]."
        ),
    ] = None,
    attributes: Attributes = None,
    labels: LabelsOfIds = None,
    level: Level = 0.95,
    probabilities: Probabilities = None,
    images: Annotated[
        str | None,
        typer.Option(
            "--images",
            metavar="DIR",
            help="With -o SHEET.png: draw a contact sheet; ids are paths in DIR.",
        ),
    ] = None,
    output: Table = "-",
    form: TableFormat = Format.AUTO,
    color: ColorWhen = Color.AUTO,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Find the samples that pruned runs predict differently.

    Modal exemplars: the majority predictions of the two sides differ. Taxicab exemplars: the
    shares of runs that predict 1 are furthest apart. To tell pruning from chance, give several
    runs (seeds) on each side.
    """
    from pbias.cli.tables import check_table_output, write_table
    from pbias.files.streams import check_output, write_bytes
    from pbias.workflows.exemplars import ExemplarOptions, find_exemplars
    from pbias.workflows.inputs.budget import parse_budget
    from pbias.workflows.inputs.files import expand
    from pbias.workflows.reports.exemplar_sheet import check_sheet, draw_exemplars, is_sheet

    before, after = expand(dense), expand(sparse)
    options = ExemplarOptions(
        top=parse_budget("top", top),
        summary=summary,
        groups=names(groups),
        attributes=names(attributes),
        labels=labels,
        level=level,
        probabilities=probabilities,
    )
    inputs = [*before, *after, labels]
    if images is not None or (form is Format.AUTO and is_sheet(output)):
        check_output(output, inputs, no_clobber=no_clobber)
        folder = check_sheet(output, images, summary=summary)
        write_bytes(output, draw_exemplars(before, after, options, folder))
        return
    check_table_output(output, form, inputs, no_clobber=no_clobber)
    result = find_exemplars(before, after, options)
    write_table(result.rows, result.sections, output, form, color, command="exemplars")
