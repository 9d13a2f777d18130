"""`pbias quantize`: write a network in int8."""

from __future__ import annotations

from typing import Annotated

import typer

from pbias.cli.options.common import (
    AllowOutside,
    BadImage,
    ImageRoot,
    NoClobber,
    OnBadImage,
    Output,
    Quiet,
    Seed,
    Verbose,
    Workers,
)
from pbias.cli.options.networks import (
    ForeignArch,
    ForeignMean,
    ForeignResize,
    ForeignSize,
    ForeignStd,
    ForeignTargets,
    Model,
    ModelArgs,
    OutputName,
)


def quantize(
    network: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="Checkpoint, state dict or ONNX; '-': stdin."),
    ],
    data: Annotated[
        str,
        typer.Option("--data", metavar="LABELS.csv", help="Calibrate on images of split 'train'."),
    ],
    output: Output,
    batches: Annotated[int, typer.Option("--batches", min=1, help="Batches to calibrate on.")] = 8,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Images per batch.")] = 32,
    per_channel: Annotated[
        bool, typer.Option("--per-channel", help="One scale for each output of a layer.")
    ] = False,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude", metavar="NAME", help="Do not quantize this layer or node; repeatable."
        ),
    ] = None,
    output_name: OutputName = None,
    arch: ForeignArch = None,
    model: Model = None,
    model_args: ModelArgs = None,
    targets: ForeignTargets = None,
    image_size: ForeignSize = None,
    resize: ForeignResize = None,
    mean: ForeignMean = None,
    std: ForeignStd = None,
    image_root: ImageRoot = None,
    seed: Seed = 0,
    workers: Workers = 0,
    on_bad_image: OnBadImage = BadImage.ERROR,
    allow_outside: AllowOutside = False,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Write a network as static int8 ONNX (QDQ) with ONNX Runtime's quantizer.

    Scales come from a few batches of training images. Pruned weights stay exactly zero. The file
    contains the targets, so 'pbias predict' needs no options.
    """
    from pbias.cli.progress import bar
    from pbias.workflows.conversion import quantize as workflow
    from pbias.workflows.runs.options import QuantizeOptions

    options = QuantizeOptions(
        data=data, batches=batches, batch_size=batch_size, per_channel=per_channel,
        exclude=exclude, output_name=output_name, arch=arch, factory=model,
        model_args=model_args, targets=targets,
        image_size=image_size, resize=resize, mean=mean, std=std, image_root=image_root,
        seed=seed, workers=workers, skip_bad_images=on_bad_image is BadImage.SKIP,
        allow_outside=allow_outside, no_clobber=no_clobber,
    )  # fmt: skip
    workflow.quantize(network, output, options, watch=bar)
