"""`pbias train`: a network from a manifest of labelled images."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pbias.cli.options import (
    AllowOutside,
    BadImage,
    Cache,
    Cluster,
    Device,
    Groups,
    ImageRoot,
    NoClobber,
    OnBadImage,
    Output,
    Quiet,
    Seed,
    Targets,
    Verbose,
    Workers,
    names,
)
from pbias.training.recipe import Recipe

if TYPE_CHECKING:
    from pbias.cli.gradual import Ramp
    from pbias.data.preprocess import Preprocess
    from pbias.data.training import TrainingPictures
    from pbias.files.checkpoint import Checkpoint
    from pbias.files.manifest import Labels

SMALL_BELOW = 96  # pixels

logger = logging.getLogger(__name__)


def train(
    labels: Annotated[
        str, typer.Argument(metavar="LABELS.csv", help="Manifest; '-' is standard input.")
    ],
    output: Output,
    arch: Annotated[
        str | None,
        typer.Option(
            "--arch",
            metavar="NAME",
            help="resnet_small, resnet18, resnet50, mobilenet_v1, vit_b_16 or vit_l_16 "
            f"[default: resnet_small for images under {SMALL_BELOW} px, else resnet18].",
        ),
    ] = None,
    targets: Targets = None,
    groups: Groups = None,
    cluster: Cluster = None,
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
    epochs: Annotated[
        int, typer.Option("--epochs", min=1, help="Passes over the training images.")
    ] = Recipe.epochs,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, help="Images a step.")
    ] = Recipe.batch_size,
    optimizer: Annotated[
        str, typer.Option("--optimizer", metavar="sgd|adam", help="sgd (momentum 0.9) or adam.")
    ] = Recipe.optimizer,
    lr: Annotated[float, typer.Option("--lr", help="Highest learning rate.")] = Recipe.lr,
    lr_schedule: Annotated[
        str,
        typer.Option(
            "--lr-schedule", metavar="NAME", help="constant, linear or cosine, after a warm-up."
        ),
    ] = Recipe.lr_schedule,
    weight_decay: Annotated[
        float, typer.Option("--weight-decay", help="L2 penalty of all weights.")
    ] = Recipe.weight_decay,
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
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            "--pruning-steps",
            min=1,
            help="Pruning steps, from 1 to 8 tenths of the epochs [default: 20].",
        ),
    ] = None,
    pruning_schedule: Annotated[
        str | None,
        typer.Option(
            "--pruning-schedule",
            metavar="NAME",
            help="cubic, linear or constant [default: cubic].",
        ),
    ] = None,
    pack: Annotated[
        bool, typer.Option("--pack", help="Write a packed file: a bitmask and what is not zero.")
    ] = False,
    seed: Seed = 0,
    device: Device = "auto",
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
    from pbias.cli.progress import bar
    from pbias.data.bad import BadImages
    from pbias.data.training import find_training_pictures, load_training_pictures
    from pbias.files.checkpoint import Checkpoint, save_checkpoint
    from pbias.files.manifest import read_manifest, select, train_counts
    from pbias.files.provenance import environment
    from pbias.files.streams import check_inputs, check_output
    from pbias.training.evaluation import check_input
    from pbias.training.loop import fit
    from pbias.training.setup import choose_device, describe, new_network, start_from

    recipe = Recipe(
        epochs, batch_size, optimizer, lr,
        lr_schedule=lr_schedule, weight_decay=weight_decay, seed=seed,
    )  # fmt: skip
    pruning = {"steps": steps, "pruning-schedule": pruning_schedule, "pack": pack or None}
    jobs, ramp = _pruning(sparsity, output, recipe, pruning)
    for path in [path for _, path in jobs] or [output]:
        check_output(path, no_clobber=no_clobber)
    check_inputs([labels, *([init] if init else [])])
    chosen_device = choose_device(device)
    manifest = read_manifest(labels, image_root=image_root, allow_outside=allow_outside)
    chosen = select(
        manifest, targets=names(targets) or None, groups=names(groups) or (), cluster=cluster
    )
    bad = BadImages(skip=on_bad_image is BadImage.SKIP)
    with bar("checking images") as progress:
        pictures = find_training_pictures(
            manifest, chosen, bad=bad, workers=workers, progress=progress
        )
    preprocess = _preprocess(image_size, pictures)
    arch = arch or ("resnet_small" if preprocess.crop < SMALL_BELOW else "resnet18")
    model = new_network(arch, len(chosen.targets), seed)
    check_input(model, preprocess.crop)
    parents = [start_from(model, arch, init)] if init else []
    _announce(arch, preprocess, chosen, pictures)
    checkpoint = Checkpoint(
        model={"name": arch, "args": {}},
        state_dict=model.state_dict(),
        targets=chosen.targets,
        groups=chosen.group_names,
        group_values=chosen.group_values,
        preprocess=preprocess.as_dict(),
        data={
            "path": manifest.path,
            "sha256": manifest.sha256,
            "image_root": image_root,
            "cluster": cluster,
        },
        train_counts=None,
        recipe=recipe.as_dict(),
        sparsity={},
        parents=parents,
        environment=environment(describe(chosen_device)),
    )
    if init:
        _check_reachable(checkpoint, [target for target, _ in jobs], init)
    with bar("decoding images") as progress:
        data = load_training_pictures(
            pictures,
            preprocess,
            bad=bad,
            workers=workers,
            cache=cache or folder(output),
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

        train_and_prune(checkpoint, data, recipe, jobs, ramp, device=chosen_device, packed=pack)
        return
    with bar("training") as progress:
        result = fit(model, *data, recipe, device=chosen_device, progress=progress)
    logger.info("kept epoch %d", result.epoch + 1)
    save_checkpoint(replace(checkpoint, state_dict=model.state_dict()), output)


def _pruning(
    sparsity: str | None, output: str, recipe: Recipe, options: Mapping[str, Any]
) -> tuple[list[tuple[float, str]], Ramp | None]:
    """The sparsities with their outputs, and how to get there; nothing for a dense network."""
    from pbias.errors import UserError

    given = [name for name, value in options.items() if value is not None]
    if sparsity is None:
        if given:
            raise UserError(f"--{given[0]} has no effect without --sparsity; add it")
        return [], None
    from pbias.cli.gradual import Ramp
    from pbias.cli.prune import NUM_STEPS, parse_jobs
    from pbias.pruning.one_shot import check_range
    from pbias.pruning.schedule import SCRATCH_SHARES, pruning_times

    jobs = parse_jobs(sparsity, output)
    times = pruning_times(recipe.epochs, options["steps"] or NUM_STEPS, SCRATCH_SHARES)
    ramp = Ramp(options["pruning-schedule"] or "cubic", times)
    for target, _ in jobs:
        check_range(target)
        ramp.schedule(target)  # refuses what is wrong before any image is read
    return jobs, ramp


def _check_reachable(checkpoint: Checkpoint, sparsities: list[float], path: str) -> None:
    from pbias.pruning.networks import network
    from pbias.pruning.one_shot import check_reachable, measure

    for sparsity in sparsities:
        check_reachable(sparsity, measure(checkpoint, network(checkpoint)), path)


def folder(output: str) -> str | None:
    """Where a file beside the output goes; None for standard output."""
    from pathlib import Path

    return None if output == "-" else str(Path(output).parent)


def _preprocess(image_size: int | None, pictures: TrainingPictures) -> Preprocess:
    from pbias.data.dataset import default_size
    from pbias.data.preprocess import Preprocess

    return Preprocess.for_crop(image_size or default_size(pictures.sizes))


def _announce(
    arch: str, preprocess: Preprocess, labels: Labels, pictures: TrainingPictures
) -> None:
    logger.info(
        "%s at %d px; %d targets; groups: %s; %s images to train on, %s to validate",
        *(arch, preprocess.crop, len(labels.targets), ", ".join(labels.group_names) or "none"),
        *(f"{len(pictures.train):,}", f"{len(pictures.valid or ()):,}"),
    )
