"""`pbias train`: a network from a manifest of labelled images."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from pbias.cli.foreign import Model, ModelArgs, architecture
from pbias.cli.options import (
    AllowOutside,
    BadImage,
    Cache,
    Cluster,
    Compile,
    Device,
    DryRun,
    Groups,
    ImageRoot,
    NoClobber,
    OnBadImage,
    OutputOrNone,
    PrecisionChoice,
    Quiet,
    Resume,
    Seed,
    Targets,
    Verbose,
    Workers,
    names,
)
from pbias.cli.recipes import (
    Augment,
    BatchSize,
    Epochs,
    InitialSparsity,
    Lr,
    LrPerEpoch,
    LrSchedule,
    Momentum,
    Optimizer,
    PrintConfig,
    PruningEpochs,
    PruningSchedule,
    RecipeName,
    ResetMomentum,
    Steps,
    WarmupEpochs,
    WeightDecay,
    required,
    settings,
)

if TYPE_CHECKING:
    from pbias.data.preprocess import Preprocess
    from pbias.data.training import TrainingPictures
    from pbias.files.manifest import Labels

SMALL_BELOW = 96  # pixels

logger = logging.getLogger(__name__)


def train(
    labels: Annotated[
        str | None, typer.Argument(metavar="LABELS.csv", help="Manifest; '-' is standard input.")
    ] = None,
    output: OutputOrNone = None,
    arch: Annotated[
        str | None,
        typer.Option(
            "--arch",
            metavar="NAME",
            help="resnet_small, resnet18, resnet50, mobilenet_v1, vit_b_16 or vit_l_16 "
            f"[default: resnet_small for images under {SMALL_BELOW} px, else resnet18].",
        ),
    ] = None,
    model: Model = None,
    model_args: ModelArgs = None,
    targets: Targets = None,
    groups: Groups = None,
    cluster: Cluster = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            metavar="COLUMN=VALUE",
            help="Train and validate on these rows alone; repeated: on those of all.",
        ),
    ] = None,
    image_root: ImageRoot = None,
    image_size: Annotated[
        int | None,
        typer.Option(
            "--image-size",
            metavar="PIXELS",
            min=8,
            help="Side of the network's input [default: the images' median short side, up to 224].",
        ),
    ] = None,
    resize: Annotated[
        int | None,
        typer.Option(
            "--resize",
            metavar="PIXELS",
            min=8,
            help="Short side before cropping [default: 8/7 of the input, under 96 px the same].",
        ),
    ] = None,
    mean: Annotated[
        str, typer.Option("--mean", metavar="R,G,B", help="Subtracted from pixels of 0 to 1.")
    ] = "0.5,0.5,0.5",
    std: Annotated[
        str, typer.Option("--std", metavar="R,G,B", help="By which pixels are divided then.")
    ] = "0.5,0.5,0.5",
    recipe_name: RecipeName = None,
    loss: Annotated[
        str | None,
        typer.Option(
            "--loss",
            metavar="NAME",
            help="binary-cross-entropy; or cross-entropy, where each image has one target"
            " [default: the recipe's].",
        ),
    ] = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    optimizer: Optimizer = None,
    lr: Lr = None,
    lr_schedule: LrSchedule = None,
    warmup_epochs: WarmupEpochs = None,
    lr_per_epoch: LrPerEpoch = None,
    momentum: Momentum = None,
    reset_momentum: ResetMomentum = None,
    weight_decay: WeightDecay = None,
    augment: Augment = None,
    init: Annotated[
        str | None,
        typer.Option("--init", metavar="FILE", help="Start from a checkpoint or state dict."),
    ] = None,
    sparsity: Annotated[
        str | None,
        typer.Option(
            "--sparsity",
            metavar="S[,S]",
            help="Prune while training, up to this share of zeros; several: '{sparsity}' in -o.",
        ),
    ] = None,
    steps: Steps = None,
    pruning_epochs: PruningEpochs = None,
    pruning_schedule: PruningSchedule = None,
    initial_sparsity: InitialSparsity = None,
    pack: Annotated[
        bool, typer.Option("--pack", help="Write a packed file: a bitmask and what is not zero.")
    ] = False,
    print_config: PrintConfig = False,
    seed: Seed = 0,
    device: Device = "auto",
    precision: PrecisionChoice = "auto",
    compile_: Compile = False,
    resume: Resume = False,
    dry_run: DryRun = False,
    workers: Workers = 0,
    cache: Cache = None,
    on_bad_image: OnBadImage = BadImage.ERROR,
    allow_outside: AllowOutside = False,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Train a network on the images and labels of a manifest; keep its best validation epoch.

    With --sparsity it is pruned by magnitude while it learns, from random weights on (gradual
    magnitude pruning), and the best epoch is one of those at the final sparsity.
    """
    options = dict(locals())
    from pbias.cli.look import Look
    from pbias.cli.progress import bar
    from pbias.cli.running import Run, say_what_would_be_done, unfinished
    from pbias.cli.scratch import check_start, plan_pruning
    from pbias.data.bad import BadImages
    from pbias.data.training import find_training_pictures, load_training_pictures
    from pbias.files.checkpoint import Checkpoint
    from pbias.files.manifest import read_manifest, select, train_counts
    from pbias.files.provenance import environment
    from pbias.files.streams import check_inputs, check_output
    from pbias.files.where import keep_where
    from pbias.models.own import parse_args
    from pbias.training.evaluation import check_input
    from pbias.training.precision import choose_precision
    from pbias.training.processes import join
    from pbias.training.room import room
    from pbias.training.setup import (
        check_compiler,
        choose_device,
        describe,
        new_network,
        start_from,
    )

    asked = settings("ri" if sparsity else "dense", options)
    look = Look.of(image_size or asked.image_size, resize, mean, std)
    if print_config:
        from pbias.cli.print_config import print_settings

        print_settings("train", asked, {**options, **look.as_options()})
        return
    labels, output = required(labels, "LABELS.csv"), required(output, "--output / -o")
    recipe = asked.recipe
    arch, args = architecture(arch, model), parse_args(model_args)
    jobs, ramp = plan_pruning(sparsity, output, asked, options)
    for path in [path for _, path in jobs] or [output]:
        check_output(path, no_clobber=no_clobber and not resume)
    check_inputs([labels, *([init] if init else [])])
    chosen_device = choose_device(device)
    manifest = read_manifest(labels, image_root=image_root, allow_outside=allow_outside)
    manifest = keep_where(manifest, where or [])
    chosen = select(
        manifest, targets=names(targets) or None, groups=names(groups) or (), cluster=cluster
    )
    bad = BadImages(skip=on_bad_image is BadImage.SKIP)
    with bar("checking images") as progress:
        pictures = find_training_pictures(
            manifest,
            chosen,
            one_class=recipe.loss == "cross-entropy",
            bad=bad,
            workers=workers,
            progress=progress,
        )
    preprocess = look.for_pictures(pictures)
    arch = arch or ("resnet_small" if preprocess.crop < SMALL_BELOW else "resnet18")
    network = new_network(arch, len(chosen.targets), seed, args)
    check_input(network, preprocess.crop, len(chosen.targets))
    parents = [start_from(network, arch, init)] if init else []
    _announce(arch, preprocess, chosen, pictures)
    recipe = recipe.replace(precision=choose_precision(precision, chosen_device, network))
    if recipe.compile:
        check_compiler(chosen_device)
    checkpoint = Checkpoint(
        model={"name": arch, "args": args},
        state_dict=network.state_dict(),
        targets=chosen.targets,
        groups=chosen.group_names,
        group_values=chosen.group_values,
        preprocess=preprocess.as_dict(),
        data={
            "path": manifest.path,
            "sha256": manifest.sha256,
            "image_root": image_root,
            "cluster": cluster,
            "where": where or [],
        },
        train_counts=None,
        recipe=recipe.as_dict(),
        sparsity={},
        parents=parents,
        environment=environment(describe(chosen_device)),
    )
    if init:
        check_start(checkpoint, [target for target, _ in jobs], init)
    runs = [Run(checkpoint, output)]
    if ramp is not None:
        from pbias.cli.gradual import planned

        runs = planned(checkpoint, jobs, ramp)
    runs = unfinished(runs, resume=resume)
    if dry_run:
        say_what_would_be_done(runs, pictures, ramp)
        return
    join(chosen_device)
    if not runs:
        return
    with bar("decoding images") as progress:
        data = load_training_pictures(
            pictures,
            preprocess,
            bad=bad,
            workers=workers,
            cache=cache or folder(output),
            room=room(),
            progress=progress,
        )
    bad.report()
    checkpoint = replace(
        checkpoint,
        data={**checkpoint.data, "skipped": len(bad.skipped)},
        train_counts=train_counts(chosen, bad.kept(manifest.ids, manifest.rows("train"))),
    )
    if ramp is not None:
        from pbias.cli.gradual import train_and_prune

        train_and_prune(checkpoint, data, runs, ramp, device=chosen_device, packed=pack)
        return
    result = runs[0].train(network, data, chosen_device)
    logger.info("kept epoch %d", result.epoch + 1)
    runs[0].finish(replace(checkpoint, state_dict=network.state_dict()))


def folder(output: str) -> str | None:
    """Where a file beside the output goes; None for standard output."""
    from pathlib import Path

    return None if output == "-" else str(Path(output).parent)


def _announce(
    arch: str, preprocess: Preprocess, labels: Labels, pictures: TrainingPictures
) -> None:
    logger.info(
        "%s at %d px; %d targets; groups: %s; %s images to train on, %s to validate",
        *(arch, preprocess.crop, len(labels.targets), ", ".join(labels.group_names) or "none"),
        *(f"{len(pictures.train):,}", f"{len(pictures.valid or ()):,}"),
    )
