"""What options say of a network that pbias did not make: its code, its outputs, its images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pbias.cli.options.common import names

if TYPE_CHECKING:
    from pbias.models.network_files import Named

IMAGE_SIZE = 224  # of torchvision's ImageNet weights, like the mean and deviation in the help

ForeignArch = Annotated[
    str | None, typer.Option("--arch", metavar="NAME", help="Architecture of a state dict.")
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="MODULE:FACTORY", help="Own network: package.module:function(num, ...)."
    ),
]
ModelArgs = Annotated[
    str | None,
    typer.Option("--model-args", metavar="ARGS", help="Its arguments: key=value,... or JSON."),
]
ForeignTargets = Annotated[
    str | None,
    typer.Option("--targets", metavar="A,B", help="What the outputs of a foreign network are."),
]
ForeignGroups = Annotated[
    str | None,
    typer.Option("--groups", metavar="C,D", help="Groups, where the checkpoint names none."),
]
ForeignSize = Annotated[
    int | None,
    typer.Option(
        "--image-size",
        metavar="PIXELS",
        min=1,
        help="Input side of a foreign network [default: 224].",
    ),
]
ForeignResize = Annotated[
    int | None,
    typer.Option(
        "--resize",
        metavar="PIXELS",
        min=1,
        help="Short side before the crop [default: --image-size x 256 / 224].",
    ),
]
ForeignMean = Annotated[
    str | None,
    typer.Option(
        "--mean", metavar="R,G,B", help="Mean of its images [default: 0.485,0.456,0.406]."
    ),
]
ForeignStd = Annotated[
    str | None,
    typer.Option("--std", metavar="R,G,B", help="Standard deviation [default: 0.229,0.224,0.225]."),
]


def architecture(arch: str | None, model: str | None) -> str | None:
    """The network's name, as --arch or --model gives it; the latter's code is imported."""
    from pbias.errors import UserError
    from pbias.models.user_factory import use_factory

    if arch and model:
        raise UserError("--arch and --model both name a network; leave one of them out")
    if model:
        use_factory(model)
    return model or arch


def named(
    arch: str | None,
    model: str | None,
    model_args: str | None,
    targets: str | None = None,
    groups: str | None = None,
    image_size: int | None = None,
    resize: int | None = None,
    mean: str | None = None,
    std: str | None = None,
) -> Named:
    """What the options say, checked; code that --model names is imported."""
    from pbias.workflows.runs.networks import Look
    from pbias.models.network_files import Named
    from pbias.models.user_factory import parse_args

    looks = {"image-size": image_size, "resize": resize, "mean": mean, "std": std}
    look = Look.of(image_size, None, mean or "0.485,0.456,0.406", std or "0.229,0.224,0.225")
    preprocess = look.for_crop(image_size or IMAGE_SIZE).as_dict()
    return Named(
        architecture(arch, model),
        parse_args(model_args),
        names(targets),
        names(groups) or [],
        preprocess | ({"size": resize} if resize else {}),
        [option for option, value in {"targets": targets, **looks}.items() if value is not None],
    )
