"""Train and prune networks gradually, from random weights or a checkpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from pbias.files.checkpoint import Checkpoint
from pbias.files.logits.network_facts import RANDOM, TRAINED
from pbias.models import classifier_weight
from pbias.models.network_files import network
from pbias.pruning.gradual import GradualPruner
from pbias.pruning.importance import Sample
from pbias.pruning.one_shot import pruned_checkpoint, report
from pbias.pruning.schedule import Ramp
from pbias.training.loop import Hooks
from pbias.training.objectives.objective import Objective
from pbias.training.setup import describe
from pbias.workflows.progress import Watch
from pbias.workflows.runs.importances import measure_of
from pbias.workflows.runs.options import PruneOptions, TrainOptions
from pbias.workflows.runs.run import Run
from pbias.workflows.runs.training_data import TrainingData


def planned(parent: Checkpoint, jobs: Sequence[tuple[float, str]], ramp: Ramp) -> list[Run]:
    """Return one run for each sparsity and its output."""
    parents = [parent.sha256] if parent.sha256 else parent.parents
    plans = [{"asked": target, **ramp.method.record(), **ramp.record(target)} for target, _ in jobs]
    return [
        Run(dataclasses.replace(parent, parents=parents, sparsity=sparsity), output)
        for sparsity, (_, output) in zip(plans, jobs, strict=True)
    ]


def train_and_prune(
    parent: Checkpoint,
    data: TrainingData,
    runs: Sequence[Run],
    ramp: Ramp,
    device: torch.device,
    objective: Objective,
    sample: Sample | None,
    options: TrainOptions | PruneOptions,
    watch: Watch,
) -> None:
    """Train the parent's network to each sparsity, always from its weights; write the files.

    `sample` contains the images for scores that need them.
    """
    for run in runs:
        sparsity = run.plan.sparsity["asked"]
        ramp.announce(sparsity)
        model = _copy(parent)
        schedule = ramp.schedule(sparsity)
        result = run.train(
            model,
            data,
            device,
            resume_hint=options.resume_hint,
            objective=objective,
            hooks=_hooks(parent, model, len(data[0]), schedule, ramp, sample),
            watch=watch,
            label=f"pruning to {max(schedule.values()):g}",
        )
        how = {**ramp.record(sparsity), "start": start_of(parent, options)}
        child, counts = pruned_checkpoint(
            parent, model, ramp.method, sparsity, how, device=describe(device)
        )
        run.finish(child, result, packed=options.pack)
        report(child, counts, run.output)
        run.say_never_predicted(model, data[1], device)


def start_of(parent: Checkpoint, options: TrainOptions | PruneOptions) -> str:
    """Return the starting point of training: the weights of a file, or random ones."""
    init = options.init if isinstance(options, TrainOptions) else None
    return TRAINED if parent.sha256 or init is not None else RANDOM


def _copy(parent: Checkpoint) -> nn.Module:
    """Build the parent's network with its own copy of the weights."""
    weights = {name: tensor.clone() for name, tensor in parent.state_dict.items()}
    return network(dataclasses.replace(parent, state_dict=weights))


def _hooks(
    parent: Checkpoint,
    model: nn.Module,
    num_images: int,
    schedule: Mapping[float, float],
    ramp: Ramp,
    sample: Sample | None,
) -> Hooks:
    steps_per_epoch = -(-num_images // parent.recipe["batch_size"])
    named = parent.model
    classifier = classifier_weight(named["name"], model, len(parent.targets), named["args"])
    measure = measure_of(sample, model, ramp.method)
    pruner = GradualPruner(model, schedule, steps_per_epoch, ramp.method, classifier, measure)
    return Hooks(
        pruner.start_epoch, pruner.after_step, pruner.eligible, pruner.state, pruner.restore
    )
