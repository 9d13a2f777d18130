"""What options say of a network that pbias did not make: its code, its outputs, its images."""

from __future__ import annotations

from typing import Annotated

import typer

ForeignArch = Annotated[
    str | None,
    typer.Option(
        "--arch", metavar="NAME", help="Network of a state dict; torchvision:NAME, timm:NAME."
    ),
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
OutputName = Annotated[
    str | None,
    typer.Option(
        "--output-name", metavar="NAME", help="Output of an ONNX network that holds the logits."
    ),
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
