"""Training for `pbias train`: data, network, training and pruning put together."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from pbias.cli.gradual import planned, train_and_prune
from pbias.cli.jobs import folder
from pbias.cli.look import Look
from pbias.cli.progress import bar
from pbias.cli.running import Run, say_what_would_be_done, unfinished
from pbias.data.bad_images import BadImages
from pbias.data.training_images import (
    TrainingPictures,
    find_training_pictures,
    load_training_pictures,
)
from pbias.files.checkpoint import Checkpoint
from pbias.files.manifest import Labels, Manifest, read_manifest, select, train_counts
from pbias.files.manifest.row_filter import keep_where
from pbias.files.provenance import environment
from pbias.pruning.one_shot import check_method
from pbias.pruning.ramp import Ramp
from pbias.training.evaluation import check_input
from pbias.training.precision import choose_precision
from pbias.training.processes import join
from pbias.training.recipe import Recipe
from pbias.training.room import room
from pbias.training.setup import (
    check_compiler,
    choose_device,
    describe,
    new_network,
    start_from,
)

SMALL_BELOW = 96  # pixels
LISTED = 60

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """What the options of `pbias train` say."""

    labels: str
    output: str
    jobs: Sequence[tuple[float, str]]  # sparsities and their outputs; none for a dense network
    ramp: Ramp | None
    recipe: Recipe
    look: Look
    arch: str | None
    args: dict[str, Any]
    targets: list[str] | None
    groups: list[str]
    cluster: str | None
    where: list[str]
    image_root: str | None
    allow_outside: bool
    bad: BadImages
    init: str | None
    device: str
    precision: str
    workers: int
    cache: str | None
    packed: bool
    resume: bool
    dry_run: bool


@dataclass(frozen=True)
class Found:
    """What there is to train on."""

    manifest: Manifest
    labels: Labels
    pictures: TrainingPictures


def train_network(task: Task) -> None:
    """Train the network, or one for each sparsity, and write the files."""
    device = choose_device(task.device)
    found = _find(task)
    network, plan = _plan(task, found, device)
    if task.ramp:
        targets = [target for target, _ in task.jobs]
        check_method(task.ramp.method, plan, network, targets, task.init)
    runs = planned(plan, task.jobs, task.ramp) if task.ramp else [Run(plan, task.output)]
    runs = unfinished(runs, resume=task.resume)
    if task.dry_run:
        say_what_would_be_done(runs, found.pictures, task.ramp)
        return
    join(device)
    if runs:
        _run(task, found, network, plan, runs, device)


def _find(task: Task) -> Found:
    manifest = read_manifest(
        task.labels, image_root=task.image_root, allow_outside=task.allow_outside
    )
    manifest = keep_where(manifest, task.where)
    labels = select(manifest, targets=task.targets, groups=task.groups, cluster=task.cluster)
    with bar("checking images") as progress:
        pictures = find_training_pictures(
            manifest,
            labels,
            one_class=task.recipe.loss == "cross-entropy",
            bad=task.bad,
            workers=task.workers,
            progress=progress,
        )
    return Found(manifest, labels, pictures)


def _listed(targets: Sequence[str]) -> str:
    return ", ".join(targets[:LISTED]) + (", ..." if len(targets) > LISTED else "")


def _plan(task: Task, found: Found, device: torch.device) -> tuple[nn.Module, Checkpoint]:
    """The network as training starts from it, and its checkpoint."""
    manifest, labels, pictures = found.manifest, found.labels, found.pictures
    preprocess = task.look.for_pictures(pictures)
    arch = task.arch or ("resnet_small" if preprocess.crop < SMALL_BELOW else "resnet18")
    network = new_network(arch, len(labels.targets), task.recipe.seed, task.args)
    check_input(network, preprocess.crop, len(labels.targets))
    parents = [start_from(network, arch, task.init)] if task.init else []
    logger.info(
        "%s at %d px; %d targets: %s; groups: %s; %s images to train on, %s to validate",
        *(arch, preprocess.crop, len(labels.targets), _listed(labels.targets)),
        ", ".join(labels.group_names) or "none",
        *(f"{len(pictures.train):,}", f"{len(pictures.valid or ()):,}"),
    )
    recipe = task.recipe.replace(precision=choose_precision(task.precision, device, network))
    if recipe.compile:
        check_compiler(device)
    return network, Checkpoint(
        model={"name": arch, "args": task.args},
        state_dict=network.state_dict(),
        targets=labels.targets,
        groups=labels.group_names,
        group_values=labels.group_values,
        preprocess=preprocess.as_dict(),
        data={
            "path": manifest.path,
            "sha256": manifest.sha256,
            "image_root": task.image_root,
            "cluster": task.cluster,
            "where": task.where,
        },
        train_counts=None,
        recipe=recipe.as_dict(),
        sparsity={},
        parents=parents,
        environment=environment(describe(device)),
    )


def _run(
    task: Task,
    found: Found,
    network: nn.Module,
    plan: Checkpoint,
    runs: Sequence[Run],
    device: torch.device,
) -> None:
    with bar("decoding images") as progress:
        data = load_training_pictures(
            found.pictures,
            task.look.for_pictures(found.pictures),
            bad=task.bad,
            workers=task.workers,
            cache=task.cache or folder(task.output),
            room=room(),
            progress=progress,
        )
    task.bad.report()
    ids, rows = found.manifest.ids, found.manifest.rows("train")
    plan = replace(
        plan,
        data={**plan.data, "skipped": len(task.bad.skipped)},
        train_counts=train_counts(found.labels, task.bad.kept(ids, rows)),
    )
    if task.ramp:
        train_and_prune(plan, data, runs, task.ramp, device=device, packed=task.packed)
        return
    result = runs[0].train(network, data, device)
    logger.info("kept epoch %d", result.epoch + 1)
    runs[0].finish(replace(plan, state_dict=network.state_dict()))
