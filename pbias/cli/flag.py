"""`pbias flag`: the samples that pruning puts at risk, from the dense model alone."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from pbias.cli.options import (
    Color,
    ColorWhen,
    Format,
    NoClobber,
    Quiet,
    Table,
    TableFormat,
    Verbose,
    no_nan,
)


def flag(
    dense: Annotated[str, typer.Argument(metavar="LOGITS", help="The dense model's logits.")],
    margin: Annotated[
        float,
        typer.Option(
            "--margin",
            min=0.0,
            max=0.5,
            callback=no_nan,
            help="Unsure means abs(p - 0.5) below this.",
        ),
    ] = 0.4,
    thresholds: Annotated[
        str | None,
        typer.Option("--thresholds", metavar="CSV", help="Logit thresholds: attribute,threshold."),
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="The file holds probabilities, not logits.")
    ] = False,
    output: Table = "-",
    form: TableFormat = Format.AUTO,
    color: ColorWhen = Color.AUTO,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """List the predictions that the dense model is unsure of, the most uncertain first."""
    from pbias.audit.flags import flag_counts, flag_uncertain
    from pbias.cli.inputs import check_sides, read_side
    from pbias.cli.tables import write_table
    from pbias.files.streams import check_output
    from pbias.report.flags import flag_sections

    check_output(output, no_clobber=no_clobber, binary=False)
    check_sides([dense], [], [thresholds])
    (logits,) = read_side([dense], thresholds=thresholds, probabilities=probabilities)
    table = flag_uncertain(logits, margin)
    log = logging.getLogger(__name__)
    for name, count in flag_counts(table, logits):
        log.info(
            "%s: %d of %d flagged (%.1f %%)", name, count, len(logits), 100 * count / len(logits)
        )
    write_table(table, lambda: flag_sections(table), output, form, color, command="flag")
