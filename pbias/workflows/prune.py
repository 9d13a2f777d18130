"""Prune a checkpoint to an exact count of zeros, in one shot or during training."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pbias.data.bad_images import BadImages
from pbias.errors import UserError
from pbias.files.checkpoint import Checkpoint, load_network_file, save_checkpoint
from pbias.files.manifest import Manifest, select, train_counts
from pbias.files.streams import check_inputs, check_no_input, check_output, input_name
from pbias.models.network_files import network, read_network
from pbias.models.preprocess import Preprocess
from pbias.pruning.batch_norm import Reestimation, draw_pictures
from pbias.pruning.method import OF_DATA, Method
from pbias.pruning.one_shot import (
    check_method,
    check_range,
    prune_at_once,
    pruned_checkpoint,
    report,
)
from pbias.pruning.schedule import Ramp
from pbias.training.precision import choose_precision
from pbias.training.processes import join
from pbias.training.recipe import Recipe
from pbias.training.setup import check_compiler, choose_device
from pbias.training.threads import Threads
from pbias.workflows.progress import Watch, silent
from pbias.workflows.runs.classes import check_loss, default_loss, with_classes
from pbias.workflows.runs.gradual import planned, train_and_prune
from pbias.workflows.runs.importances import (
    check_score_groups,
    measure_of,
    one_shot_sample,
    sample_of,
)
from pbias.workflows.runs.networks import named
from pbias.workflows.runs.objectives import check_groups, objective_of, read_teacher
from pbias.workflows.runs.options import PruneOptions
from pbias.workflows.runs.print_config import config_text, one_shot_text
from pbias.workflows.runs.run import hold_outputs, say_what_would_be_done, unfinished
from pbias.workflows.runs.settings import TRAINING, method_of, settings
from pbias.workflows.runs.training_data import decode, find, image_root, manifest_of, valid_rows
from pbias.workflows.runs.values import asked_sparsity, first_given, parse_jobs, text_or_none

BN_BATCHES = 50
SCHEDULE = "cubic"

Jobs = Sequence[tuple[float, str]]  # sparsities and their outputs

logger = logging.getLogger(__name__)


def prune(
    checkpoint: str | Path,
    output: str | Path,
    options: PruneOptions | None = None,
    *,
    watch: Watch = silent,
    **changes: Any,
) -> list[Path]:
    """Prune a checkpoint to each sparsity and return the paths of the written checkpoints.

    The options are those of `pbias prune`. Pass them as fields of PruneOptions or as keywords, for
    example `prune("dense.pt", "s95.pt", sparsity=0.95)`. By default the network is trained while
    sparsity rises. With `one_shot=True`, weights are set to zero without training. For several
    sparsities, the name of the output must contain `{sparsity}`. A dry run writes nothing and
    returns an empty list. Raises UserError for invalid inputs and options.
    """
    options = dataclasses.replace(options or PruneOptions(), **changes)
    path, data = str(checkpoint), text_or_none(options.data)
    method = method_of(options)
    jobs = parse_jobs(asked_sparsity(options.sparsity, method), str(output))
    _check_options(options)
    check_inputs([path, *filter(None, [data, text_or_none(options.teacher)])])
    for _, name in jobs:
        no_clobber = options.no_clobber and not options.resume
        check_output(name, [path, data, text_or_none(options.teacher)], no_clobber=no_clobber)
    parent, model = _read(path, options, method, [sparsity for sparsity, _ in jobs])
    if options.one_shot:
        _prune_at_once(parent, model, path, jobs, method, options, watch)
    else:
        _prune_gradually(parent, path, jobs, method, options, watch)
    return [] if options.dry_run else [Path(name) for _, name in jobs]


def prune_config(checkpoint: str | None, options: PruneOptions) -> str:
    """Return all settings of a run as the TOML that `pbias prune --config` reads.

    The settings start from the named recipe, or else from the checkpoint's recipe.
    """
    method_of(options)  # raises an error for an impossible method
    if options.one_shot:
        _check_one_shot(options)
        return one_shot_text(options)
    before = None
    if checkpoint is not None and options.recipe is None:
        parent = load_network_file(checkpoint)
        before = Recipe.from_dict(parent.recipe) if isinstance(parent, Checkpoint) else None
    return config_text("prune", settings("pt", options, before), options)


def _check_options(options: PruneOptions) -> None:
    if options.one_shot:
        _check_one_shot(options)
    elif options.bn_batches:
        raise UserError(
            "--bn-batches is only for --one-shot (training estimates the statistics anyway); "
            "leave it out"
        )


def _num_batches(options: PruneOptions) -> int:
    """Return the number of batches for re-estimating batch norm after one-shot pruning; 0: none."""
    return options.bn_batches or (BN_BATCHES if options.data else 0)


def _check_one_shot(options: PruneOptions) -> None:
    """Raise UserError for training options, or for step options if there is only one step."""
    reads = _num_batches(options) or options.score in OF_DATA
    allowed = {"loss", "seed", "batch_size" if reads else ""}
    given = {name: getattr(options, name) for name in TRAINING if name not in allowed}
    given |= {
        "pruning_epochs": options.pruning_epochs,
        "initial_sparsity": options.initial_sparsity,
        "precision": None if options.precision == "auto" else options.precision,
        "compile": options.compile or None,
        "resume": options.resume or None,
        "teacher": options.teacher,
    }
    useless = "--recipe" if options.recipe else first_given(given)
    if useless:
        raise UserError(f"{useless} has no effect with --one-shot; leave one of them out")
    if options.pruning_schedule not in (None, SCHEDULE) and options.steps is None:
        raise UserError("--pruning-schedule has no effect with --one-shot in one step; add --steps")


def _read(
    path: str, options: PruneOptions, method: Method, sparsities: list[float]
) -> tuple[Checkpoint, nn.Module]:
    """Read the checkpoint and its network, and check that it can reach each of the sparsities."""
    said = named(options)
    for sparsity in sparsities:
        check_range(sparsity)
    parent = read_network(path, said)
    model = network(parent)
    check_method(method, parent, model, sparsities, path)
    return parent, model


def _prune_at_once(
    parent: Checkpoint,
    model: nn.Module,
    path: str,
    jobs: Jobs,
    method: Method,
    options: PruneOptions,
    watch: Watch,
) -> None:
    """Prune to each sparsity, always starting from the checkpoint's weights; write the files."""
    parent = _with_loss(parent, options)
    bad = BadImages(options.skip_bad_images)
    reestimation = _reestimation(parent, path, options, bad) if _num_batches(options) else None
    if options.dry_run:
        logger.info("would write %s without training", ", ".join(name for _, name in jobs))
        return
    size, device = _batch_size(parent, options), torch.device("cpu")
    Threads.of(options.threads, device, measure=False)
    sample = one_shot_sample(parent, path, method, options, size, bad, device)
    ramp = Ramp(options.pruning_schedule or SCHEDULE, range(options.steps or 1), method=method)
    steps = {"schedule": ramp.shape, "steps": len(ramp.times)} if len(ramp.times) > 1 else {}
    for sparsity, name in jobs:
        if len(jobs) > 1:
            weights = {key: tensor.clone() for key, tensor in parent.state_dict.items()}
            model = network(dataclasses.replace(parent, state_dict=weights))
        measure = measure_of(sample, model, method)
        prune_at_once(parent, model, method, _steps(ramp, sparsity), measure)
        record = {"method": "one-shot", **steps}
        if reestimation:
            record |= reestimation.apply(model, watch)
        child, counts = pruned_checkpoint(parent, model, method, sparsity, record, device="cpu")
        save_checkpoint(child, name, packed=options.pack)
        report(child, counts, name)


def _steps(ramp: Ramp, target: float) -> list[float]:
    """Return the sparsity of each step; the last is the target."""
    if len(ramp.times) == 1:
        return [target]
    ramp.announce(target)
    return list(ramp.schedule(target).values())


def _batch_size(parent: Checkpoint, options: PruneOptions) -> int:
    return options.batch_size or Recipe.from_dict(parent.recipe).batch_size


def _reestimation(
    parent: Checkpoint, path: str, options: PruneOptions, bad: BadImages
) -> Reestimation:
    batch_size = _batch_size(parent, options)
    manifest = manifest_of(parent, path, options, "leave --bn-batches out")
    pictures = draw_pictures(manifest, _num_batches(options) * batch_size, options.seed, bad)
    return Reestimation(
        pictures,
        Preprocess.from_dict(parent.preprocess),
        batch_size,
        options.workers,
        choose_device(options.device),
        bad,
        manifest.sha256,
    )


def _prune_gradually(
    parent: Checkpoint,
    path: str,
    jobs: Jobs,
    method: Method,
    options: PruneOptions,
    watch: Watch,
) -> None:
    """Prune to each sparsity separately during training; write the files."""
    ramp = settings("pt", options, Recipe.from_dict(parent.recipe)).ramp(method)
    for sparsity, _ in jobs:
        ramp.schedule(sparsity)  # fails before any file is read
    manifest = _training_manifest(parent, path, jobs, options)
    parent, manifest = with_classes(parent, manifest, options.classes)
    _check_columns(parent, manifest, path)
    options = dataclasses.replace(options, loss=default_loss(options.loss, parent))
    recipe = settings("pt", options, Recipe.from_dict(parent.recipe)).recipe
    labels = select(
        manifest, targets=parent.targets, groups=parent.groups, group_values=parent.group_values
    )
    check_loss(options.loss, parent, labels.labels, input_name(path))
    device = choose_device(options.device)
    recipe = recipe.replace(precision=choose_precision(options.precision, device, network(parent)))
    if recipe.compile:
        check_compiler(device)
    bad = BadImages(options.skip_bad_images)
    pictures = find(manifest, labels, recipe.loss, bad, options, watch)
    check_groups(recipe, labels, "prune reads the groups that the checkpoint was trained with")
    check_score_groups(method, labels)
    parent = _with_data(parent, manifest, recipe, options)
    teacher = parent
    if options.teacher is not None:
        teacher = read_teacher(str(options.teacher), parent)
    runs = planned(parent, jobs, ramp)
    runs = unfinished(runs, resume=options.resume, threads=options.threads)
    if options.dry_run:
        say_what_would_be_done(runs, pictures, ramp)
        return
    join(device)
    if not runs:
        return
    hold_outputs(runs)
    preprocess = Preprocess.from_dict(parent.preprocess)
    data = decode(pictures, preprocess, jobs[0][1], bad, options, watch)
    kept = bad.kept(manifest.ids, manifest.rows("train"))
    parent = dataclasses.replace(
        parent,
        data={**parent.data, "skipped": len(bad.skipped)},
        train_counts=train_counts(labels, kept),
    )
    rows = kept, valid_rows(bad, manifest)
    objective = objective_of(recipe, data, labels, rows, teacher, device)
    sample = sample_of(method, data[0], labels, kept, recipe.batch_size, device)
    train_and_prune(parent, data, runs, ramp, device, objective, sample, options, watch)


def _training_manifest(
    parent: Checkpoint, path: str, jobs: Jobs, options: PruneOptions
) -> Manifest:
    """Read the manifest to train on.

    Raises UserError if the manifest is one of the outputs.
    """
    manifest = manifest_of(parent, path, options, "prune without training with --one-shot")
    for _, name in jobs:
        check_no_input(name, [manifest.path])
    return manifest


def _check_columns(parent: Checkpoint, manifest: Manifest, path: str) -> None:
    """Raise UserError if the manifest lacks a column for a target of a bare state dict."""
    unknown = [name for name in parent.targets if name not in manifest.columns]
    if unknown and not parent.data.get("path"):
        raise UserError(
            f"{manifest.path} has no column '{unknown[0]}', which is the name of an output of "
            f"{input_name(path)}; name the outputs after their columns with --targets A,B"
        )


def _with_loss(parent: Checkpoint, options: PruneOptions) -> Checkpoint:
    """Return the checkpoint with the loss that --loss names for a foreign network."""
    if options.loss is None:
        return parent
    recipe = Recipe.from_dict(parent.recipe).replace(loss=options.loss).as_dict()
    return dataclasses.replace(parent, recipe=recipe if parent.recipe else {"loss": options.loss})


def _with_data(
    parent: Checkpoint, manifest: Manifest, recipe: Recipe, options: PruneOptions
) -> Checkpoint:
    """Return the checkpoint with the data and recipe that the run starts from."""
    root = image_root(parent, options)
    data = {"path": manifest.path, "sha256": manifest.sha256, "image_root": root}
    return dataclasses.replace(parent, data={**parent.data, **data}, recipe=recipe.as_dict())
