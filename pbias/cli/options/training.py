"""Options that say how a network is trained, and on what."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer

from pbias.errors import UserError

FALLBACK = "[default: the recipe's]"
# Named here, too, since help and completions do not import torch.
ARCHITECTURES = (
    "resnet_small", "resnet18", "resnet50", "mobilenet_v1", "vit_b_16", "vit_l_16",
)  # fmt: skip
RECIPES = ("paper-dense", "paper-gmp-ri", "paper-gmp-pt", "paper-single", "small")

LabelsOrNone = Annotated[
    str | None, typer.Argument(metavar="LABELS.csv", help="Manifest; '-' is standard input.")
]
Arch = Annotated[
    str | None,
    typer.Option(
        "--arch",
        metavar="NAME",
        help=f"{', '.join(ARCHITECTURES)}, torchvision:NAME or timm:NAME "
        "[default: resnet_small for images under 96 px, else resnet18].",
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="COLUMN=VALUE",
        help="Train and validate on these rows alone; repeated: on those of all.",
    ),
]
ImageSize = Annotated[
    int | None,
    typer.Option(
        "--image-size",
        metavar="PIXELS",
        min=8,
        help="Side of the network's input [default: the images' median short side, up to 224].",
    ),
]
Resize = Annotated[
    int | None,
    typer.Option(
        "--resize",
        metavar="PIXELS",
        min=8,
        help="Short side before cropping [default: 8/7 of the input, under 96 px the same].",
    ),
]
Mean = Annotated[
    str | None,
    typer.Option(
        "--mean",
        metavar="R,G,B",
        help="Subtracted from pixels of 0 to 1 [default: 0.5,0.5,0.5, or the library's].",
    ),
]
Std = Annotated[
    str | None,
    typer.Option(
        "--std",
        metavar="R,G,B",
        help="By which pixels are divided then [default: 0.5,0.5,0.5, or the library's].",
    ),
]
Loss = Annotated[
    str | None,
    typer.Option(
        "--loss",
        metavar="NAME",
        help="binary-cross-entropy; or cross-entropy, where each image has one target"
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
        help=f"{', '.join(RECIPES[:-1])} or {RECIPES[-1]} [default: small; prune: as before].",
    ),
]
PrintConfig = Annotated[
    bool,
    typer.Option("--print-config", help="Print all settings, as --config reads them, and stop."),
]
Epochs = Annotated[
    int | None,
    typer.Option("--epochs", min=1, help=f"Passes over the training images {FALLBACK}."),
]
BatchSize = Annotated[
    int | None, typer.Option("--batch-size", min=1, help=f"Images a step {FALLBACK}.")
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
        help=f"Forget the optimizer's state before every epoch {FALLBACK}.",
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
        "--warmup-epochs", metavar="E", help=f"Epochs in which the rate rises {FALLBACK}."
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
        help="Learn from a teacher's probabilities, too; prune: from the network itself.",
        show_default=False,
    ),
]
TeacherFile = Annotated[
    str | None,
    typer.Option("--teacher", metavar="FILE", help="With --distill: checkpoint of the teacher."),
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
        "--temperature", metavar="T", help="With --distill: divides all logits [default: 4]."
    ),
]
BalanceGroups = Annotated[
    str | None,
    typer.Option(
        "--balance",
        metavar="A[,B]",
        help="Weigh labels so that each group value x label value counts alike.",
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


def required(value: str | None, name: str, command: str) -> str:
    """Return what may be left out with --print-config alone; refuse None as the parser would."""
    if value is None:
        raise UserError(f"Missing {name}; see 'pbias {command} -h'")
    return value


def resume_command() -> str:
    """Return the command line that continues this run if it is interrupted."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--resume"]
    return shlex.join(["pbias", *arguments, "--resume"])
