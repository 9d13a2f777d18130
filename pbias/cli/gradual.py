"""Gradual pruning for `pbias prune`: data, training and pruning put together."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from pbias.cli.parent_data import image_root, manifest_of
from pbias.cli.progress import bar
from pbias.cli.train import folder
from pbias.data.bad import BadImages
from pbias.data.batches import ImageData
from pbias.data.preprocess import Preprocess
from pbias.data.training import find_training_pictures, load_training_pictures
from pbias.files.checkpoint import Checkpoint, save_checkpoint
from pbias.files.manifest import Labels, Manifest, select, train_counts
from pbias.models import classifier_weight
from pbias.pruning.gradual import GradualPruner
from pbias.pruning.method import Method
from pbias.pruning.networks import network
from pbias.pruning.one_shot import pruned_checkpoint, report
from pbias.pruning.ramp import Ramp
from pbias.pruning.schedule import pruning_times
from pbias.training.loop import Hooks, fit
from pbias.training.recipe import Recipe
from pbias.training.setup import choose_device, describe

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Tuning:
    """What the options say about training; None is what the checkpoint says."""

    data: str | None
    image_root: str | None
    cache: str | None
    workers: int
    device: str
    steps: int
    pruning_schedule: str
    method: Method
    recipe: dict[str, Any]  # changes to the checkpoint's recipe
    bad: BadImages
    allow_outside: bool


def prune_gradually(
    parent: Checkpoint,
    path: str,
    jobs: Sequence[tuple[float, str]],
    tuning: Tuning,
    *,
    packed: bool,
) -> None:
    """Prune a checkpoint to each sparsity on its own, training in between, and write the files."""
    recipe = Recipe.from_dict(parent.recipe).replace(**tuning.recipe)
    times = pruning_times(recipe.epochs, tuning.steps)
    ramp = Ramp(tuning.pruning_schedule, times, method=tuning.method)
    for sparsity, _ in jobs:
        ramp.schedule(sparsity)  # refuses what is wrong before any image is read
    manifest = manifest_of(
        parent,
        path,
        tuning.data,
        tuning.image_root,
        "prune without training with --one-shot",
        allow_outside=tuning.allow_outside,
    )
    labels = select(
        manifest, targets=parent.targets, groups=parent.groups, group_values=parent.group_values
    )
    device = choose_device(tuning.device)
    one_class = recipe.loss == "cross-entropy"
    pictures = _pictures(manifest, labels, parent, jobs[0][1], tuning, one_class=one_class)
    parent = dataclasses.replace(
        parent,
        data={
            **parent.data,
            "path": manifest.path,
            "sha256": manifest.sha256,
            "image_root": image_root(parent, tuning.data, tuning.image_root),
            "skipped": len(tuning.bad.skipped),
        },
        train_counts=train_counts(labels, tuning.bad.kept(manifest.ids, manifest.rows("train"))),
        recipe=recipe.as_dict(),
    )
    train_and_prune(parent, pictures, recipe, jobs, ramp, device=device, packed=packed)


def train_and_prune(
    parent: Checkpoint,
    pictures: tuple[ImageData, ImageData | None],
    recipe: Recipe,
    jobs: Sequence[tuple[float, str]],
    ramp: Ramp,
    *,
    device: torch.device,
    packed: bool,
) -> None:
    """Train the network of `parent` to each sparsity, always from its weights; write the files."""
    for sparsity, output in jobs:
        ramp.announce(sparsity)
        model = _train(parent, pictures, recipe, ramp.schedule(sparsity), ramp.method, device)
        child, counts = pruned_checkpoint(
            parent, model, ramp.method, sparsity, ramp.record(sparsity), device=describe(device)
        )
        save_checkpoint(child, output, packed=packed)
        report(child, counts, output)


def _train(
    parent: Checkpoint,
    pictures: tuple[ImageData, ImageData | None],
    recipe: Recipe,
    schedule: Mapping[float, float],
    method: Method,
    device: torch.device,
) -> nn.Module:
    """A copy of the parent's network, trained and pruned by the schedule."""
    weights = {name: tensor.clone() for name, tensor in parent.state_dict.items()}
    model = network(dataclasses.replace(parent, state_dict=weights))
    steps_per_epoch = -(-len(pictures[0]) // recipe.batch_size)
    classifier = classifier_weight(parent.model["name"])
    pruner = GradualPruner(model, schedule, steps_per_epoch, method, classifier)
    hooks = Hooks(pruner.start_epoch, pruner.after_step, pruner.eligible)
    with bar(f"pruning to {max(schedule.values()):g}") as progress:
        fit(model, *pictures, recipe, device=device, hooks=hooks, progress=progress)
    return model


def _pictures(
    manifest: Manifest,
    labels: Labels,
    parent: Checkpoint,
    output: str,
    tuning: Tuning,
    *,
    one_class: bool,
) -> tuple[ImageData, ImageData | None]:
    with bar("checking images") as progress:
        pictures = find_training_pictures(
            manifest,
            labels,
            one_class=one_class,
            bad=tuning.bad,
            workers=tuning.workers,
            progress=progress,
        )
    with bar("decoding images") as progress:
        data = load_training_pictures(
            pictures,
            Preprocess.from_dict(parent.preprocess),
            bad=tuning.bad,
            workers=tuning.workers,
            cache=tuning.cache or folder(output),
            progress=progress,
        )
    tuning.bad.report()
    return data
