"""`pbias calibrate`: fit a threshold for each attribute on validation data."""

from __future__ import annotations

import enum
from typing import Annotated

import typer

from pbias.cli.options.auditing import LabelsOfIds, Probabilities
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


class Objective(enum.StrEnum):
    """Criterion for fitting a threshold."""

    POSITIVE_RATE = "positive-rate"
    F1 = "f1"
    BALANCED_ACCURACY = "balanced-accuracy"


def calibrate(
    valid: Annotated[
        str, typer.Argument(metavar="LOGITS", help="Logits of the validation split, with labels.")
    ],
    objective: Annotated[
        Objective,
        typer.Option(
            "--objective", help="Predict as many positives as there are, or maximize this score."
        ),
    ] = Objective.POSITIVE_RATE,
    allow_test: Annotated[
        bool, typer.Option("--allow-test", help="Accept a file of the test split.")
    ] = False,
    labels: LabelsOfIds = None,
    probabilities: Probabilities = None,
    output: Table = "-",
    form: TableFormat = Format.AUTO,
    color: ColorWhen = Color.AUTO,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Fit a threshold for each attribute on validation data.

    The table can be passed to --thresholds of predict, metrics and flag.
    """
    from pbias.cli.progress import bar
    from pbias.cli.tables import check_table_output, write_table
    from pbias.workflows.calibrate import calibrate_file

    check_table_output(output, form, [valid, labels], no_clobber=no_clobber)
    result = calibrate_file(
        valid,
        objective=objective.value,
        allow_test=allow_test,
        labels=labels,
        probabilities=probabilities,
        watch=bar,
    )
    write_table(result.rows, result.sections, output, form, color, command="calibrate")
