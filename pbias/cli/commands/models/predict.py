"""`pbias predict`: run a network on images and write logits."""

from __future__ import annotations

from typing import Annotated

import typer

from pbias.cli.options.common import (
    AllowOutside,
    BadImage,
    Classes,
    Cluster,
    Device,
    DryRun,
    ImageRoot,
    LabelsFile,
    NoClobber,
    OnBadImage,
    Output,
    Quiet,
    Threads,
    Verbose,
    Workers,
)
from pbias.cli.options.networks import (
    ForeignArch,
    ForeignGroups,
    ForeignMean,
    ForeignResize,
    ForeignSize,
    ForeignStd,
    ForeignTargets,
    Model,
    ModelArgs,
    OutputName,
)


def predict(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="Checkpoint, state dict, ONNX network or program; '-': stdin."
        ),
    ],
    labels: LabelsFile,
    output: Output,
    split: Annotated[
        str, typer.Option("--split", metavar="SPLIT", help="train, valid, test or all.")
    ] = "test",
    arch: ForeignArch = None,
    own_model: Model = None,
    model_args: ModelArgs = None,
    trust_program: Annotated[
        bool,
        typer.Option(
            "--trust-program", help="Open an exported program (.pt2), which can run any code."
        ),
    ] = False,
    output_name: OutputName = None,
    targets: ForeignTargets = None,
    classes: Classes = None,
    activation: Annotated[
        str | None,
        typer.Option(
            "--activation",
            metavar="NAME",
            help="softmax (classes) or sigmoid [default: by the training loss].",
        ),
    ] = None,
    groups: ForeignGroups = None,
    cluster: Cluster = None,
    image_size: ForeignSize = None,
    resize: ForeignResize = None,
    mean: ForeignMean = None,
    std: ForeignStd = None,
    image_root: ImageRoot = None,
    thresholds: Annotated[
        str | None,
        typer.Option("--thresholds", metavar="CSV", help="Logit thresholds to store: 'calibrate'."),
    ] = None,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, help="Images per batch; affects only rounding.")
    ] = 256,
    fast_decode: Annotated[
        bool,
        typer.Option(
            "--fast-decode", help="Decode JPEG at a reduced scale: faster; changes logits a little."
        ),
    ] = False,
    device: Device = "auto",
    precision: Annotated[
        str,
        typer.Option(
            "--precision", metavar="NAME", help="fp32 (auto, for comparable files), bf16 or fp16."
        ),
    ] = "auto",
    dry_run: DryRun = False,
    threads: Threads = 0,
    workers: Workers = 0,
    on_bad_image: OnBadImage = BadImage.ERROR,
    allow_outside: AllowOutside = False,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Run a network on the images of a manifest; write logits, labels, groups and clusters.

    Labels, groups and clusters come from the manifest if it has the columns that the network was
    trained with; otherwise they are unknown. A state dict from elsewhere needs --targets and
    --arch, or --model with your own code. Programs of torch.export need --trust-program.
    """
    from pbias.cli.progress import bar
    from pbias.workflows import predict as workflow
    from pbias.workflows.runs.options import PredictOptions

    options = PredictOptions(
        split=split, classes=classes, activation=activation,
        groups=groups, cluster=cluster, thresholds=thresholds, image_root=image_root,
        allow_outside=allow_outside, skip_bad_images=on_bad_image is BadImage.SKIP,
        workers=workers, arch=arch, factory=own_model, model_args=model_args,
        trust_program=trust_program, output_name=output_name, targets=targets,
        image_size=image_size, resize=resize, mean=mean, std=std, batch_size=batch_size,
        fast_decode=fast_decode, device=device, precision=precision, threads=threads,
        no_clobber=no_clobber,
    )  # fmt: skip
    if dry_run:
        workflow.say_what_would_be_predicted(model, labels, output, options)
        return
    workflow.predict(model, labels, output, options, watch=bar)
