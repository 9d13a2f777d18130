"""Train a network on a manifest of labeled images, dense or pruned during training."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pbias.data.bad_images import BadImages
from pbias.data.training_images import TrainingPictures
from pbias.errors import UserError, listed
from pbias.files.checkpoint import CROSS_ENTROPY, Checkpoint
from pbias.files.manifest import Labels, Manifest, read_manifest, select, train_counts
from pbias.files.manifest.classes import expand_classes
from pbias.files.manifest.row_filter import keep_where
from pbias.files.provenance import environment
from pbias.files.streams import check_inputs, check_output
from pbias.models.architectures import ARCHITECTURES, args_of_weights, new_args
from pbias.pruning.method import Method
from pbias.pruning.one_shot import check_method, check_range
from pbias.pruning.schedule import Ramp
from pbias.training.evaluation import check_input
from pbias.training.precision import choose_precision
from pbias.training.processes import join
from pbias.training.recipe import Recipe
from pbias.training.setup import (
    check_compiler,
    choose_device,
    describe,
    new_network,
    read_weights,
    start_from,
)
from pbias.workflows.progress import Watch, silent
from pbias.workflows.runs.gradual import planned, train_and_prune
from pbias.workflows.runs.importances import check_score_groups, sample_of
from pbias.workflows.runs.networks import (
    Look,
    architecture,
    arguments,
    look_of_library,
    with_size,
)
from pbias.workflows.runs.objectives import check_groups, objective_of, read_teacher
from pbias.workflows.runs.options import TrainOptions
from pbias.workflows.runs.print_config import config_text
from pbias.workflows.runs.run import Run, hold_outputs, say_what_would_be_done, unfinished
from pbias.workflows.runs.settings import METHOD, PRUNING, Settings, method_of, settings
from pbias.workflows.runs.training_data import decode, find, valid_rows
from pbias.workflows.runs.values import (
    asked_sparsity,
    each,
    first_given,
    names,
    parse_jobs,
    text_or_none,
)

SMALL_BELOW = 96  # pixels
LISTED = 60

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Task:
    """Options, checked and combined."""

    labels: str
    output: str
    options: TrainOptions
    arch: str | None
    args: dict[str, Any]
    recipe: Recipe
    look: Look
    jobs: Sequence[tuple[float, str]]  # sparsities and their outputs; none for a dense network
    ramp: Ramp | None
    bad: BadImages
    watch: Watch

    @property
    def init(self) -> str | None:
        """The file that training starts from."""
        return text_or_none(self.options.init)


@dataclass(frozen=True)
class _Found:
    """Data to train on."""

    manifest: Manifest
    labels: Labels
    pictures: TrainingPictures


def train(
    labels: str | Path,
    output: str | Path,
    options: TrainOptions | None = None,
    *,
    watch: Watch = silent,
    **changes: Any,
) -> list[Path]:
    """Train a network, or one per sparsity, and return the paths of the written checkpoints.

    `labels` is a manifest. The options are those of `pbias train`. Pass them as fields of
    TrainOptions or as keywords, for example
    `train("faces/labels.csv", "dense.pt", groups=["Male"], epochs=5)`. The best validation epoch is
    kept. With `resume=True`, an interrupted run continues, and finished networks are left
    unchanged. A dry run writes nothing and returns an empty list. Raises UserError for invalid
    inputs and options.
    """
    options = _with_classes(dataclasses.replace(options or TrainOptions(), **changes))
    task = _task(str(labels), str(output), options, watch)
    device = choose_device(options.device)
    found = _find(task)
    network, plan = _plan(task, found, device)
    teacher = None
    if options.teacher is not None:
        teacher = read_teacher(str(options.teacher), plan)
        plan = replace(plan, parents=[*plan.parents, teacher.sha256])
    if task.ramp:
        targets = [target for target, _ in task.jobs]
        check_method(task.ramp.method, plan, network, targets, task.init)
    runs = planned(plan, task.jobs, task.ramp) if task.ramp else [Run(plan, task.output)]
    outputs = [Path(run.output) for run in runs]
    runs = unfinished(runs, resume=options.resume, threads=options.threads)
    if options.dry_run:
        say_what_would_be_done(runs, found.pictures, task.ramp)
        return []
    join(device)
    if runs:
        hold_outputs(runs)
        _run(task, found, network, plan, teacher, runs, device)
    return outputs


def _with_classes(options: TrainOptions) -> TrainOptions:
    """Return the options with the loss for classes, unless another loss is given."""
    if options.classes is None:
        return options
    if options.targets is not None:
        raise UserError("--targets and --classes both name what to predict; leave one out")
    return dataclasses.replace(options, loss=options.loss or CROSS_ENTROPY)


def train_config(options: TrainOptions) -> str:
    """Return all settings of a run as the TOML that `pbias train --config` reads."""
    options = _with_classes(options)
    _, _, asked, look = _settings(options)
    return config_text("train", asked, options, look.as_options())


def _settings(options: TrainOptions) -> tuple[bool, Method, Settings, Look]:
    """Return whether and how to prune the network, how to train it, and on which images."""
    method = method_of(options)
    prunes = options.sparsity is not None or method.implied_sparsity is not None
    asked = settings("ri" if prunes else "dense", options)
    image_size = options.image_size or asked.image_size
    usual = look_of_library(architecture(options), arguments(options))
    look = Look.of(image_size, options.resize, options.mean, options.std, usual)
    return prunes, method, asked, look


def _task(labels: str, output: str, options: TrainOptions, watch: Watch) -> _Task:
    prunes, method, asked, look = _settings(options)
    arch, args = architecture(options), arguments(options)
    jobs, ramp = _pruning(output, options, method, asked) if prunes else ([], None)
    if not prunes:
        _refuse_pruning(options, method)
    task = _Task(
        labels, output, options, arch, args, asked.recipe, look, jobs, ramp,
        BadImages(skip=options.skip_bad_images), watch,
    )  # fmt: skip
    no_clobber = options.no_clobber and not options.resume
    inputs = [labels, *filter(None, [task.init, text_or_none(options.teacher)])]
    for path in [path for _, path in jobs] or [output]:
        check_output(path, inputs, no_clobber=no_clobber)
    check_inputs(inputs)
    return task


def _pruning(
    output: str, options: TrainOptions, method: Method, asked: Settings
) -> tuple[list[tuple[float, str]], Ramp]:
    """Return the sparsities with their outputs, and the pruning settings."""
    jobs = parse_jobs(asked_sparsity(options.sparsity, method), output)
    ramp = asked.ramp(method)
    for target, _ in jobs:
        check_range(target)
        ramp.schedule(target)  # raises for a schedule that cannot be, before any image is read
    return jobs, ramp


def _refuse_pruning(options: TrainOptions, method: Method) -> None:
    """Raise UserError for an option that has no effect on a dense network."""
    usual = Method()
    given = {name: getattr(options, name) for name in PRUNING}
    for name in METHOD:
        value = getattr(method, name)
        given[name] = None if value == getattr(usual, name) else value
    useless = first_given({**given, "pack": options.pack or None})
    if useless:
        raise UserError(f"{useless} has no effect without --sparsity; add --sparsity")


def _find(task: _Task) -> _Found:
    options = task.options
    manifest = read_manifest(
        task.labels,
        image_root=text_or_none(options.image_root),
        allow_outside=options.allow_outside,
        cluster=options.cluster,
    )
    manifest = keep_where(manifest, each(options.where))
    targets = names(options.targets) or None
    if options.classes:
        manifest, targets = expand_classes(manifest, options.classes)
    labels = select(
        manifest,
        targets=targets,
        groups=names(options.groups) or [],
        cluster=options.cluster,
    )
    check_groups(task.recipe, labels)
    if task.ramp:
        check_score_groups(task.ramp.method, labels)
    pictures = find(manifest, labels, task.recipe.loss, task.bad, options, task.watch)
    return _Found(manifest, labels, pictures)


def _plan(task: _Task, found: _Found, device: torch.device) -> tuple[nn.Module, Checkpoint]:
    """Return the network that training starts from, and its checkpoint."""
    options, manifest, labels = task.options, found.manifest, found.labels
    preprocess = task.look.for_pictures(found.pictures)
    arch = task.arch or ("resnet_small" if preprocess.crop < SMALL_BELOW else "resnet18")
    start = read_weights(task.init) if task.init else None
    if start:
        args = args_of_weights(arch, task.args, start.state_dict)
    else:
        args = new_args(arch, task.args)
    args = with_size(arch, args, preprocess.crop)
    # A dry run of a dense network looks at shapes alone; weights would take memory.
    blank = options.dry_run and not (start or task.ramp) and arch in ARCHITECTURES
    with torch.device("meta") if blank else nullcontext():
        network = new_network(arch, len(labels.targets), task.recipe.seed, args)
    check_input(network, preprocess.crop, len(labels.targets))
    if start:
        start_from(network, arch, start, args)
    _announce(arch, preprocess.crop, found)
    recipe = task.recipe.replace(precision=choose_precision(options.precision, device, network))
    if recipe.compile:
        check_compiler(device)
    return network, Checkpoint(
        model={"name": arch, "args": args},
        state_dict=network.state_dict(),
        targets=labels.targets,
        groups=labels.group_names,
        group_values=labels.group_values,
        preprocess=preprocess.as_dict(),
        data={
            "path": manifest.path,
            "sha256": manifest.sha256,
            "image_root": text_or_none(options.image_root),
            "cluster": options.cluster,
            "where": each(options.where),
            **({"classes": options.classes} if options.classes else {}),
        },
        train_counts=None,
        recipe=recipe.as_dict(),
        sparsity={},
        parents=[start.sha256] if start else [],
        environment=environment(describe(device)),
    )


def _announce(arch: str, crop: int, found: _Found) -> None:
    labels, pictures = found.labels, found.pictures
    logger.info(
        "%s at %d px; %d targets: %s; groups: %s; %s images to train on, %s to validate",
        *(arch, crop, len(labels.targets), listed(labels.targets, LISTED)),
        ", ".join(labels.group_names) or "none",
        *(f"{len(pictures.train):,}", f"{len(pictures.valid or ()):,}"),
    )


def _run(
    task: _Task,
    found: _Found,
    network: nn.Module,
    plan: Checkpoint,
    teacher: Checkpoint | None,
    runs: Sequence[Run],
    device: torch.device,
) -> None:
    options, pictures = task.options, found.pictures
    preprocess = task.look.for_pictures(pictures)
    data = decode(pictures, preprocess, task.output, task.bad, options, task.watch)
    kept = task.bad.kept(found.manifest.ids, found.manifest.rows("train"))
    plan = replace(
        plan,
        data={**plan.data, "skipped": len(task.bad.skipped)},
        train_counts=train_counts(found.labels, kept),
    )
    recipe = Recipe.from_dict(plan.recipe)
    rows = kept, valid_rows(task.bad, found.manifest)
    objective = objective_of(recipe, data, found.labels, rows, teacher, device)
    if task.ramp:
        sample = sample_of(task.ramp.method, data[0], found.labels, kept, recipe.batch_size, device)
        train_and_prune(plan, data, runs, task.ramp, device, objective, sample, options, task.watch)
        return
    result = runs[0].train(
        network,
        data,
        device,
        resume_hint=options.resume_hint,
        objective=objective,
        watch=task.watch,
    )
    logger.info("kept epoch %d", result.epoch + 1)
    runs[0].finish(replace(plan, state_dict=network.state_dict()), result)
    runs[0].say_never_predicted(network, data[1], device)
