"""Options that describe a network from elsewhere: its code, its outputs, its images."""

from __future__ import annotations

from typing import Annotated

import typer

ForeignArch = Annotated[
    str | None,
    typer.Option(
        "--arch",
        metavar="NAME",
        help="Architecture of a state dict; also torchvision:NAME, timm:NAME.",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="MODULE:FACTORY",
        help="Your own network: package.module:function(num, ...).",
    ),
]
ModelArgs = Annotated[
    str | None,
    typer.Option(
        "--model-args", metavar="ARGS", help="Arguments of the network: key=value,... or JSON."
    ),
]
ForeignTargets = Annotated[
    str | None,
    typer.Option("--targets", metavar="A,B", help="Names of the outputs of a foreign network."),
]
ForeignGroups = Annotated[
    str | None,
    typer.Option("--groups", metavar="C,D", help="Groups, if the checkpoint names none."),
]
OutputName = Annotated[
    str | None,
    typer.Option("--output-name", metavar="NAME", help="ONNX output that contains the logits."),
]
ForeignSize = Annotated[
    int | None,
    typer.Option(
        "--image-size",
        metavar="PIXELS",
        min=1,
        help="Input size of a foreign network [default: 224].",
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
        "--mean", metavar="R,G,B", help="Mean of its training images [default: 0.485,0.456,0.406]."
    ),
]
ForeignStd = Annotated[
    str | None,
    typer.Option("--std", metavar="R,G,B", help="Standard deviation [default: 0.229,0.224,0.225]."),
]
