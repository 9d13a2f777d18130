"""`pbias exemplars`: the samples that pruned networks see differently, and who they are."""

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
        typer.Option("--dense", metavar="LOGITS", help="Dense runs; repeat it, or quote a glob."),
    ],
    sparse: Annotated[
        list[str],
        typer.Option("--sparse", metavar="LOGITS", help="Pruned runs; repeat it, or quote a glob."),
    ],
    summary: Annotated[
        bool, typer.Option("--summary", help="Over-representation of groups, instead of the list.")
    ] = False,
    top: Annotated[
        str,
        typer.Option("--top", metavar="NUM", help="Taxicab exemplars of an attribute: 1%, or 50."),
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
    probabilities: Probabilities = False,
    output: Table = "-",
    form: TableFormat = Format.AUTO,
    color: ColorWhen = Color.AUTO,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Find the samples that pruned runs see differently.

    Modal exemplars: what most runs predict differs; taxicab exemplars: the shares of runs that
    predict 1 are furthest apart. Several runs (seeds) a side tell pruning from chance.
    """
    from pbias.auditing.remedies.disagreement import exemplar_table, find_exemplars
    from pbias.auditing.remedies.over_representation import over_representation
    from pbias.cli.inputs import check_sides, expand, read_labels, read_side
    from pbias.cli.options.budget import parse_budget
    from pbias.cli.tables import check_table_output, write_table
    from pbias.files.logits.comparability import check_runs, warn_of_copies, warn_of_roles
    from pbias.reporting.exemplar_table import exemplar_sections, over_representation_sections

    before, after, share = expand(dense), expand(sparse), parse_budget("--top", top)
    check_table_output(output, form, [*before, *after, labels], no_clobber=no_clobber)
    check_sides(after, before, [labels])
    manifest, wanted = read_labels(labels, None), names(groups)
    runs, pruned = (
        read_side(paths, manifest=manifest, groups=wanted, probabilities=probabilities)
        for paths in (before, after)
    )
    for side in (runs, pruned):
        check_runs(side)
        warn_of_copies([(run.path, run.logits.tobytes()) for run in side])
    warn_of_roles(pruned, runs)
    found = find_exemplars(runs, pruned, names(attributes), share.of(len(runs[0])))
    if summary:
        table, sections = (
            over_representation(found, wanted, level),
            over_representation_sections,
        )
    else:
        table, sections = exemplar_table(found), exemplar_sections
    write_table(table, lambda: sections(table), output, form, color, command="exemplars")
