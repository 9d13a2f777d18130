"""Gradual pruning for `pbias prune`: data, training and pruning put together."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from pbias.cli.jobs import folder
from pbias.cli.parent_data import image_root, manifest_of
from pbias.cli.progress import bar
from pbias.cli.recipes import Settings
from pbias.cli.running import Run, say_what_would_be_done, unfinished
from pbias.data.bad_images import BadImages
from pbias.data.batches import ImageData
from pbias.data.training_images import (
    TrainingPictures,
    find_training_pictures,
    load_training_pictures,
)
from pbias.errors import UserError
from pbias.files.checkpoint import Checkpoint
from pbias.files.manifest import Manifest, select, train_counts
from pbias.files.streams import check_no_input, input_name
from pbias.models import classifier_weight
from pbias.models.network_files import network
from pbias.models.preprocess import Preprocess
from pbias.pruning.gradual import GradualPruner
from pbias.pruning.method import Method
from pbias.pruning.one_shot import pruned_checkpoint, report
from pbias.pruning.ramp import Ramp
from pbias.training.loop import Hooks
from pbias.training.precision import choose_precision
from pbias.training.processes import join
from pbias.training.room import room
from pbias.training.setup import check_compiler, choose_device, describe

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Tuning:
    """What the options say about training; None is what the checkpoint says."""

    data: str | None
    image_root: str | None
    cache: str | None
    workers: int
    device: str
    settings: Settings
    method: Method
    bad: BadImages
    allow_outside: bool
    precision: str = "auto"
    resume: bool = False
    dry_run: bool = False


def prune_gradually(
    parent: Checkpoint,
    path: str,
    jobs: Sequence[tuple[float, str]],
    tuning: Tuning,
    *,
    packed: bool,
) -> None:
    """Prune a checkpoint to each sparsity on its own, training in between, and write the files."""
    recipe, ramp = tuning.settings.recipe, tuning.settings.ramp(tuning.method)
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
    for _, output in jobs:
        check_no_input(output, [manifest.path])
    _check_outputs(parent, path, manifest)
    labels = select(
        manifest, targets=parent.targets, groups=parent.groups, group_values=parent.group_values
    )
    device = choose_device(tuning.device)
    precision = choose_precision(tuning.precision, device, network(parent))
    recipe = recipe.replace(precision=precision)
    if recipe.compile:
        check_compiler(device)
    with bar("checking images") as progress:
        pictures = find_training_pictures(
            manifest,
            labels,
            one_class=recipe.loss == "cross-entropy",
            bad=tuning.bad,
            workers=tuning.workers,
            progress=progress,
        )
    parent = dataclasses.replace(
        parent,
        data={
            **parent.data,
            "path": manifest.path,
            "sha256": manifest.sha256,
            "image_root": image_root(parent, tuning.data, tuning.image_root),
        },
        recipe=recipe.as_dict(),
    )
    runs = unfinished(planned(parent, jobs, ramp), resume=tuning.resume)
    if tuning.dry_run:
        say_what_would_be_done(runs, pictures, ramp)
        return
    join(device)
    if not runs:
        return
    data = _load(pictures, parent, jobs[0][1], tuning)
    kept = tuning.bad.kept(manifest.ids, manifest.rows("train"))
    parent = dataclasses.replace(
        parent,
        data={**parent.data, "skipped": len(tuning.bad.skipped)},
        train_counts=train_counts(labels, kept),
    )
    train_and_prune(parent, data, runs, ramp, device=device, packed=packed)


def _check_outputs(parent: Checkpoint, path: str, manifest: Manifest) -> None:
    """Refuse outputs of a bare state dict that are no columns, which nobody may have named."""
    unknown = [name for name in parent.targets if name not in manifest.columns]
    if unknown and not parent.data:
        raise UserError(
            f"{manifest.path} has no column '{unknown[0]}', as an output of {input_name(path)} is "
            "called; name the outputs of a bare state dict as their columns are, with --targets A,B"
        )


def planned(parent: Checkpoint, jobs: Sequence[tuple[float, str]], ramp: Ramp) -> list[Run]:
    """One run for each sparsity and its output."""
    parents = [parent.sha256] if parent.sha256 else parent.parents
    plans = [{"asked": target, **ramp.method.record(), **ramp.record(target)} for target, _ in jobs]
    return [
        Run(dataclasses.replace(parent, parents=parents, sparsity=sparsity), output)
        for sparsity, (_, output) in zip(plans, jobs, strict=True)
    ]


def train_and_prune(
    parent: Checkpoint,
    data: tuple[ImageData, ImageData | None],
    runs: Sequence[Run],
    ramp: Ramp,
    *,
    device: torch.device,
    packed: bool,
) -> None:
    """Train the network of `parent` to each sparsity, always from its weights; write the files."""
    for run in runs:
        sparsity = run.plan.sparsity["asked"]
        ramp.announce(sparsity)
        model = _train(parent, data, run, ramp.schedule(sparsity), ramp.method, device)
        child, counts = pruned_checkpoint(
            parent, model, ramp.method, sparsity, ramp.record(sparsity), device=describe(device)
        )
        run.finish(child, packed=packed)
        report(child, counts, run.output)


def _train(
    parent: Checkpoint,
    data: tuple[ImageData, ImageData | None],
    run: Run,
    schedule: Mapping[float, float],
    method: Method,
    device: torch.device,
) -> nn.Module:
    """A copy of the parent's network, trained and pruned by the schedule."""
    weights = {name: tensor.clone() for name, tensor in parent.state_dict.items()}
    model = network(dataclasses.replace(parent, state_dict=weights))
    steps_per_epoch = -(-len(data[0]) // parent.recipe["batch_size"])
    classifier = classifier_weight(parent.model["name"], model)
    pruner = GradualPruner(model, schedule, steps_per_epoch, method, classifier)
    hooks = Hooks(
        pruner.start_epoch, pruner.after_step, pruner.eligible, pruner.state, pruner.restore
    )
    run.train(model, data, device, hooks=hooks, label=f"pruning to {max(schedule.values()):g}")
    return model


def _load(
    pictures: TrainingPictures, parent: Checkpoint, output: str, tuning: Tuning
) -> tuple[ImageData, ImageData | None]:
    with bar("decoding images") as progress:
        data = load_training_pictures(
            pictures,
            Preprocess.from_dict(parent.preprocess),
            bad=tuning.bad,
            workers=tuning.workers,
            cache=tuning.cache or folder(output),
            room=room(),
            progress=progress,
        )
    tuning.bad.report()
    return data
