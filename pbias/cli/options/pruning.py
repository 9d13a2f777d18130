"""Options that say how a network is pruned, at once or while it is trained."""

from __future__ import annotations

import enum
from typing import Annotated

import typer


class Score(enum.StrEnum):
    """What decides which weights go first."""

    MAGNITUDE = "magnitude"
    MAGNITUDE_NORM = "magnitude_norm"
    RANDOM = "random"
    TAYLOR = "taylor"
    FISHER = "fisher"


class Reduction(enum.StrEnum):
    """How importances of groups become one."""

    MAX = "max"
    MEAN = "mean"


class Scope(enum.StrEnum):
    """Among which weights scores are compared."""

    GLOBAL = "global"
    LAYER = "layer"
    ERK = "erk"


class Strategy(enum.StrEnum):
    """How a network is pruned while it is trained from random weights."""

    GRADUAL = "gradual"
    ACDC = "acdc"


class PruningSchedule(enum.StrEnum):
    """How sparsity rises."""

    CUBIC = "cubic"
    LINEAR = "linear"
    CONSTANT = "constant"
    PAPER = "paper"


SparsityWhileTraining = Annotated[
    str | None,
    typer.Option(
        "--sparsity",
        metavar="S[,S]",
        help="Prune while training, up to this share of zeros; several: '{sparsity}' in -o.",
    ),
]
StrategyOrNone = Annotated[
    Strategy | None,
    typer.Option(
        "--strategy",
        help="Sparsity rises (gradual), or comes and goes (AC/DC, Peste et al. 2021)"
        " [default: gradual].",
    ),
]
CheckpointOrNone = Annotated[
    str | None,
    typer.Argument(metavar="CHECKPOINT", help="Trained network; '-' is standard input."),
]
Sparsity = Annotated[
    str | None,
    typer.Option(
        "--sparsity",
        metavar="S[,S]",
        help="Share of weights that become zero, 0 to 1; several: '{sparsity}' in -o.",
    ),
]
AtOnce = Annotated[
    bool, typer.Option("--one-shot", help="Prune at once, without training or data.")
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="LABELS.csv",
        help="Train on this, or take --bn-batches from it [default: the checkpoint's data].",
    ),
]
BnBatches = Annotated[
    int | None,
    typer.Option(
        "--bn-batches",
        min=1,
        help="With --one-shot: training batches to estimate batch norm from"
        " [default: 50 with --data].",
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(
        "--steps",
        "--pruning-steps",
        metavar="NUM",
        min=1,
        max=10_000,
        help="Pruning steps, evenly over part of the epochs [default: 20].",
    ),
]
PruningEpochs = Annotated[
    str | None,
    typer.Option(
        "--pruning-epochs",
        metavar="START,EVERY,END",
        help="Prune before epochs START, START + EVERY, ... below END.",
    ),
]
InitialSparsity = Annotated[
    float | None,
    typer.Option(
        "--initial-sparsity",
        metavar="S",
        help="Sparsity of the first pruning step [default: 0.05].",
    ),
]
PruningScheduleOrNone = Annotated[
    str | None,
    typer.Option(
        "--pruning-schedule",
        metavar="NAME",
        help="cubic, linear, constant, or paper (one step short) [default: cubic].",
    ),
]
ScoreName = Annotated[
    Score,
    typer.Option(
        "--score",
        help="Smallest go first: |w|, |w| over its layer's L2 norm, random, |w g|, w² E[g²].",
    ),
]
ScoreBatches = Annotated[
    int | None,
    typer.Option(
        "--score-batches",
        min=1,
        metavar="N",
        help="taylor, fisher: training batches to measure on, of each group [default: 8].",
    ),
]
ScoreGroups = Annotated[
    str | None,
    typer.Option(
        "--score-groups",
        metavar="A[,B]",
        help="taylor, fisher: measure for each group value, so that what any needs can stay.",
    ),
]
ScoreReduce = Annotated[
    Reduction | None,
    typer.Option(
        "--score-reduce", help="With --score-groups: max or mean over groups [default: max]."
    ),
]
ScopeName = Annotated[
    Scope,
    typer.Option("--scope", help="All layers together; each alike; by size (Erdos-Renyi-Kernel)."),
]
Pattern = Annotated[
    str,
    typer.Option(
        "--pattern",
        metavar="N:M",
        help="Leave N of every M neighbouring inputs, such as 2:4, or unstructured.",
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only", metavar="NAME", help="Prune these layers alone (name or re:REGEX); repeatable."
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="NAME", help="Leave these layers as they are; repeatable."),
]
MinKeep = Annotated[
    int, typer.Option("--min-keep", min=0, metavar="N", help="Keep N weights of every layer.")
]
MinKeepRow = Annotated[
    int,
    typer.Option(
        "--min-keep-row", min=0, metavar="N", help="Keep N weights of every output (target)."
    ),
]
PruningScheduleName = Annotated[
    PruningSchedule,
    typer.Option(
        "--pruning-schedule", help="How sparsity rises; paper: one step short, as its code does."
    ),
]
