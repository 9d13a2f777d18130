"""Options that say what of logits files is measured, and how exactly."""

from __future__ import annotations

from typing import Annotated

import typer

from pbias.cli.options.common import no_nan

Attributes = Annotated[
    str | None,
    typer.Option("--attributes", metavar="A,B", help="Attributes to use [default: all]."),
]
Level = Annotated[
    float,
    typer.Option(
        "--level",
        metavar="SHARE",
        min=0.5,
        max=0.9999,
        callback=no_nan,
        help="Level of the intervals.",
    ),
]
Probabilities = Annotated[
    bool, typer.Option("--probabilities", help="The files hold probabilities, not logits.")
]
LabelsOfIds = Annotated[
    str | None,
    typer.Option("--labels", metavar="CSV", help="Take labels and groups from CSV, by id."),
]
ClusterOfLabels = Annotated[
    str | None,
    typer.Option("--cluster", metavar="COLUMN", help="With --labels: who a picture is of."),
]
