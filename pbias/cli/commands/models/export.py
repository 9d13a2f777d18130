"""`pbias export`: write a network as an ONNX file."""

from __future__ import annotations

from typing import Annotated

import typer

from pbias.cli.options.common import NoClobber, Output, Quiet, Verbose
from pbias.cli.options.networks import (
    ForeignArch,
    ForeignMean,
    ForeignResize,
    ForeignSize,
    ForeignStd,
    ForeignTargets,
    Model,
    ModelArgs,
)


def export(
    checkpoint: Annotated[
        str,
        typer.Argument(metavar="CHECKPOINT", help="Checkpoint or state dict; '-': stdin."),
    ],
    output: Output,
    arch: ForeignArch = None,
    model: Model = None,
    model_args: ModelArgs = None,
    targets: ForeignTargets = None,
    image_size: ForeignSize = None,
    resize: ForeignResize = None,
    mean: ForeignMean = None,
    std: ForeignStd = None,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Write a network as ONNX for batches of any size, and check it against torch.

    Pruned weights stay exactly zero. The file contains the targets and the image preprocessing, so
    'pbias predict' needs no options. Needs pip install 'pbias[onnx]'.
    """
    from pbias.workflows.conversion import export as workflow
    from pbias.workflows.runs.options import ExportOptions

    options = ExportOptions(
        arch=arch, factory=model, model_args=model_args, targets=targets, image_size=image_size,
        resize=resize, mean=mean, std=std, no_clobber=no_clobber,
    )  # fmt: skip
    workflow.export(checkpoint, output, options)
