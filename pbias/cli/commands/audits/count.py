"""`pbias count`: count one part of the samples; the counts of all parts can be added up."""

from __future__ import annotations

from typing import Annotated

import typer

from pbias.cli.options.auditing import (
    Audited,
    Groups,
    MinCell,
    Probabilities,
    References,
    ReferenceThresholds,
    Thresholds,
)
from pbias.cli.options.common import NoClobber, Output, Quiet, Verbose, names


def count(
    audited: Audited,
    output: Output,
    ref: References = None,
    groups: Groups = None,
    only: Annotated[
        str | None,
        typer.Option("--metrics", metavar="A,B", help="Metrics to count for [default: all]."),
    ] = None,
    thresholds: Thresholds = None,
    ref_thresholds: ReferenceThresholds = None,
    probabilities: Probabilities = None,
    min_cell: MinCell = 0,
    first_row: Annotated[
        int,
        typer.Option(
            "--first-row",
            metavar="NUM",
            min=0,
            max=2**62,
            help="Without ids: number of the first row of this part in the whole.",
        ),
    ] = 0,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Count one part of the samples: totals by fold, without rows and ids.

    'pbias metrics a.counts.npz b.counts.npz' audits the sum of several parts. The numbers are the
    same as for the whole data set, except that AUC comes from buckets of the logit. The file is
    read once, in blocks.
    """
    from pbias.cli.progress import bar
    from pbias.files.counts_file import write_counts
    from pbias.files.streams import check_output
    from pbias.workflows.conversion.count import CountOptions, count_files
    from pbias.workflows.inputs.files import expand

    paths, others = expand(audited), expand(ref or [])
    check_output(output, [*paths, *others, thresholds, ref_thresholds], no_clobber=no_clobber)
    options = CountOptions(
        groups=names(groups),
        metrics=names(only),
        thresholds=thresholds,
        reference_thresholds=ref_thresholds,
        probabilities=probabilities,
        min_cell=min_cell,
        first_row=first_row,
    )
    counts = count_files(paths, others, options, bar)
    write_counts(output, counts.facts, counts.arrays)
