"""Options for training: data, recipe and optimization."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer

from pbias.errors import UserError

FALLBACK = "[default: the recipe's]"
# Repeated here because help and completions do not import torch.
ARCHITECTURES = (
    "resnet_small", "resnet18", "resnet50", "mobilenet_v1", "vit_b_16", "vit_l_16",
)  # fmt: skip
RECIPES = (
    "paper-dense", "paper-gmp-ri", "paper-acdc", "paper-gmp-pt", "paper-single", "small",
)  # fmt: skip

LabelsOrNone = Annotated[
    str | None, typer.Argument(metavar="LABELS.csv", help="Manifest; '-' is standard input.")
]
Arch = Annotated[
    str | None,
    typer.Option(
        "--arch",
        metavar="NAME",
        help=f"{', '.join(ARCHITECTURES)}, torchvision:NAME or timm:NAME "
        "[default: resnet_small (width=48) for images under 96 px, else resnet18].",
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="COLUMN=VALUE",
        help="Use only these rows to train and validate; if repeated, all must match.",
    ),
]
ImageSize = Annotated[
    int | None,
    typer.Option(
        "--image-size",
        metavar="PIXELS",
        min=8,
        help="Input size of the network [default: median short side of the images, up to 224].",
    ),
]
Resize = Annotated[
    int | None,
    typer.Option(
        "--resize",
        metavar="PIXELS",
        min=8,
        help="Short side before crop [default: 8/7 of the input size, under 96 px equal to it].",
    ),
]
Mean = Annotated[
    str | None,
    typer.Option(
        "--mean",
        metavar="R,G,B",
        help="Mean of pixels, scaled to 0 to 1 [default: 0.5,0.5,0.5, or the library's].",
    ),
]
Std = Annotated[
    str | None,
    typer.Option(
        "--std",
        metavar="R,G,B",
        help="Standard deviation of pixels [default: 0.5,0.5,0.5, or the library's].",
    ),
]
Loss = Annotated[
    str | None,
    typer.Option(
        "--loss",
        metavar="NAME",
        help="binary-cross-entropy, or cross-entropy if each image has exactly one target"
        " [default: the recipe's].",
    ),
]
Init = Annotated[
    str | None,
    typer.Option("--init", metavar="FILE", help="Start from a checkpoint or state dict."),
]
RecipeName = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar="NAME",
        help=f"{', '.join(RECIPES[:-1])} or {RECIPES[-1]} [default: small; prune: as trained].",
    ),
]
PrintConfig = Annotated[
    bool,
    typer.Option("--print-config", help="Print all settings as a --config file, and stop."),
]
Epochs = Annotated[
    int | None,
    typer.Option("--epochs", min=1, help=f"Passes over the training images {FALLBACK}."),
]
BatchSize = Annotated[
    int | None, typer.Option("--batch-size", min=1, help=f"Images per step {FALLBACK}.")
]
Optimizer = Annotated[
    str | None, typer.Option("--optimizer", metavar="sgd|adam", help=f"sgd or adam {FALLBACK}.")
]
Momentum = Annotated[
    float | None, typer.Option("--momentum", metavar="M", help=f"Momentum of sgd {FALLBACK}.")
]
ResetMomentum = Annotated[
    bool | None,
    typer.Option(
        "--reset-momentum/--no-reset-momentum",
        help=f"Reset the optimizer's state before every epoch {FALLBACK}.",
        show_default=False,
    ),
]
WeightDecay = Annotated[
    float | None,
    typer.Option("--weight-decay", metavar="W", help=f"L2 penalty of all weights {FALLBACK}."),
]
Lr = Annotated[
    float | None, typer.Option("--lr", metavar="RATE", help=f"Highest learning rate {FALLBACK}.")
]
LrSchedule = Annotated[
    str | None,
    typer.Option(
        "--lr-schedule",
        metavar="NAME",
        help=f"constant, linear or cosine, after a warm-up {FALLBACK}.",
    ),
]
WarmupEpochs = Annotated[
    float | None,
    typer.Option(
        "--warmup-epochs", metavar="E", help=f"Epochs of learning-rate warm-up {FALLBACK}."
    ),
]
LrPerEpoch = Annotated[
    bool | None,
    typer.Option(
        "--lr-per-epoch/--lr-per-step",
        help=f"How often the learning rate changes {FALLBACK}.",
        show_default=False,
    ),
]
Augment = Annotated[
    bool | None,
    typer.Option(
        "--augment/--no-augment",
        help=f"Crop and flip training images at random {FALLBACK}.",
        show_default=False,
    ),
]

Distill = Annotated[
    bool | None,
    typer.Option(
        "--distill",
        help="Also learn from a teacher's probabilities; prune: from the input network. "
        "Measured on drawn faces: no help.",
        show_default=False,
    ),
]
TeacherFile = Annotated[
    str | None,
    typer.Option(
        "--teacher",
        metavar="FILE",
        help="With --distill or --constrain: checkpoint of the dense network.",
    ),
]
DistillWeight = Annotated[
    float | None,
    typer.Option(
        "--distill-weight",
        metavar="W",
        help="With --distill: weight of the teacher, 0 to 1 [default: 0.5].",
    ),
]
Temperature = Annotated[
    float | None,
    typer.Option(
        "--temperature", metavar="T", help="With --distill: divide all logits by T [default: 4]."
    ),
]
BalanceGroups = Annotated[
    str | None,
    typer.Option(
        "--balance",
        metavar="A[,B]",
        help="Weight labels so that each group value x label value counts equally. Measured on "
        "drawn faces: keeps positives, costs accuracy.",
    ),
]
BalanceMax = Annotated[
    float | None,
    typer.Option(
        "--balance-max",
        metavar="W",
        help="With --balance: largest weight of a label [default: 10].",
    ),
]
GroupDro = Annotated[
    str | None,
    typer.Option(
        "--group-dro",
        metavar="A[,B]",
        help="Weight the group values with the highest loss most (Sagawa et al. 2020). Measured on "
        "drawn faces: no help.",
    ),
]
GroupDroStepSize = Annotated[
    float | None,
    typer.Option(
        "--group-dro-step-size",
        metavar="ETA",
        help="With --group-dro: how fast weights follow losses [default: 0.01].",
    ),
]
Constrain = Annotated[
    list[str] | None,
    typer.Option(
        "--constrain",
        metavar="BOUND",
        help="Bound how much more each group loses than everyone: 'ceag@sex <= 0.02'; repeatable. "
        "Measured on drawn faces: no help.",
    ),
]
ConstrainLr = Annotated[
    float | None,
    typer.Option(
        "--constrain-lr",
        metavar="ETA",
        help="With --constrain: how fast multipliers rise [default: 1].",
    ),
]


def required(value: str | None, name: str, command: str) -> str:
    """Return an argument that only --print-config may omit; refuse None like the parser."""
    if value is None:
        raise UserError(f"Missing {name}; see 'pbias {command} -h'")
    return value


def resume_command() -> str:
    """Return the command line that continues this run if it is interrupted."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--resume"]
    return shlex.join(["pbias", *arguments, "--resume"])
