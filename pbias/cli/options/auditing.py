"""Options that choose what an audit measures in logits files, and how."""

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
        help="What the files contain; required if all values are in [0, 1].",
    ),
]
LabelsOfIds = Annotated[
    str | None,
    typer.Option("--labels", metavar="CSV", help="Take labels and groups from CSV, by id."),
]
ClusterOfLabels = Annotated[
    str | None,
    typer.Option("--cluster", metavar="COLUMN", help="With --labels: who is in an image."),
]
References = Annotated[
    list[str] | None,
    typer.Option(
        "--ref", metavar="LOGITS", help="Dense model's logits; repeatable, or quote a glob."
    ),
]
Groups = Annotated[
    str | None,
    typer.Option(
        "--groups",
        metavar="A,B:C",
        help="Group or target columns, ':' for intersections [default: the file's groups].",
    ),
]
Thresholds = Annotated[
    str | None,
    typer.Option("--thresholds", metavar="CSV", help="Logit thresholds: attribute,threshold."),
]
ReferenceThresholds = Annotated[
    str | None,
    typer.Option("--ref-thresholds", metavar="CSV", help="Thresholds of the reference."),
]
Gates = Annotated[
    list[str] | None,
    typer.Option("--gate", metavar="GATE", help="METRIC@GROUP/ATTRIBUTE <= NUMBER; repeatable."),
]
GateFile = Annotated[
    str | None, typer.Option("--gate-file", metavar="FILE", help="File with one gate per line.")
]
StrictGates = Annotated[
    bool,
    typer.Option("--gate-strict", help="One undecided row makes its gate inconclusive."),
]
JointGates = Annotated[
    bool, typer.Option("--gate-joint", help="Hold --level for all gates together (Bonferroni).")
]
InMemory = Annotated[
    float,
    typer.Option(
        "--in-memory",
        metavar="MIB",
        min=0,
        callback=no_nan,
        help="Read files with more logits than this in blocks.",
    ),
]
MinCell = Annotated[
    int,
    typer.Option(
        "--min-cell",
        metavar="NUM",
        min=0,
        max=10**9,
        help="Drop group values with fewer rows.",
    ),
]
Audited = Annotated[
    list[str], typer.Argument(metavar="LOGITS...", help="Logits files; several are runs (seeds).")
]
