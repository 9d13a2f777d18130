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
    bool | None,
    typer.Option(
        "--probabilities/--logits",
        show_default=False,
        help="What the files hold; asked for where all values lie in [0, 1].",
    ),
]
LabelsOfIds = Annotated[
    str | None,
    typer.Option("--labels", metavar="CSV", help="Take labels and groups from CSV, by id."),
]
ClusterOfLabels = Annotated[
    str | None,
    typer.Option("--cluster", metavar="COLUMN", help="With --labels: who a picture is of."),
]
