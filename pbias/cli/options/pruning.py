"""Options for pruning, in one shot or during training."""

from __future__ import annotations

import enum
from typing import Annotated

import typer


class Score(enum.StrEnum):
    """Score by which weights are pruned, smallest first."""

    MAGNITUDE = "magnitude"
    MAGNITUDE_NORM = "magnitude_norm"
    RANDOM = "random"
    TAYLOR = "taylor"
    FISHER = "fisher"


class Reduction(enum.StrEnum):
    """How to combine the scores of groups."""

    MAX = "max"
    MEAN = "mean"


class Scope(enum.StrEnum):
    """Weights whose scores are compared with each other."""

    GLOBAL = "global"
    LAYER = "layer"
    ERK = "erk"


class Strategy(enum.StrEnum):
    """How to prune a network during training from random weights."""

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
        help="Prune during training to this share of zeros; for several, put '{sparsity}' in -o.",
    ),
]
StrategyOrNone = Annotated[
    Strategy | None,
    typer.Option(
        "--strategy",
        help="gradual: sparsity rises; acdc: pruned and dense phases alternate (Peste et al. 2021)"
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
        help="Share of weights to set to zero, 0 to 1; for several, put '{sparsity}' in -o.",
    ),
]
AtOnce = Annotated[
    bool, typer.Option("--one-shot", help="Prune immediately, without training or data.")
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="LABELS.csv",
        help="Data for training or --bn-batches [default: the checkpoint's data].",
    ),
]
BnBatches = Annotated[
    int | None,
    typer.Option(
        "--bn-batches",
        min=1,
        help="With --one-shot: number of training batches to re-estimate batch norm"
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
        help="Number of pruning steps, evenly spaced over part of the epochs [default: 20].",
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
        help="cubic, linear, constant, or paper (ends one step early) [default: cubic].",
    ),
]
ScoreName = Annotated[
    Score,
    typer.Option(
        "--score",
        help="Prune the smallest |w|, |w| / L2 norm of its layer, random, |w g| or w² E[g²] first. "
        "Measured on drawn faces: with fisher, pruning costs least.",
    ),
]
ScoreBatches = Annotated[
    int | None,
    typer.Option(
        "--score-batches",
        min=1,
        metavar="N",
        help="taylor, fisher: number of training batches, per group [default: 8].",
    ),
]
ScoreGroups = Annotated[
    str | None,
    typer.Option(
        "--score-groups",
        metavar="A[,B]",
        help="taylor, fisher: score per group value, to keep weights that any of them needs. "
        "Measured on drawn faces: no help beyond fisher.",
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
    typer.Option("--scope", help="Sparsity over all layers; equal per layer; Erdos-Renyi-Kernel."),
]
Pattern = Annotated[
    str,
    typer.Option(
        "--pattern",
        metavar="N:M",
        help="Keep N of every M neighboring inputs, such as 2:4, or unstructured.",
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only", metavar="NAME", help="Prune only these layers (name or re:REGEX); repeatable."
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="NAME",
        help="Do not prune these layers (name or re:REGEX); repeatable.",
    ),
]
MinKeep = Annotated[
    int,
    typer.Option("--min-keep", min=0, metavar="N", help="Keep at least N weights of every layer."),
]
MinKeepRow = Annotated[
    int,
    typer.Option(
        "--min-keep-row",
        min=0,
        metavar="N",
        help="Keep at least N weights of every output (target).",
    ),
]
PruningScheduleName = Annotated[
    PruningSchedule,
    typer.Option(
        "--pruning-schedule",
        help="How sparsity rises; paper: ends one step early, like the paper's code.",
    ),
]
