"""What a run of training minimizes, of its recipe: balanced labels, and a teacher's logits."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import nn

from pbias.data.batches import ImageData
from pbias.errors import UserError, did_you_mean
from pbias.files.checkpoint import Checkpoint, load_checkpoint
from pbias.files.manifest import Int64, Labels
from pbias.models.network_files import network
from pbias.training.balance import Balance, balance
from pbias.training.distillation import Teacher
from pbias.training.objective import Objective
from pbias.training.recipe import Recipe
from pbias.workflows.runs.values import names


def check_balance(recipe: Recipe, labels: Labels) -> None:
    """Raise UserError for groups to balance that the run does not read."""
    for name in names(recipe.balance) or []:
        if name not in labels.group_names:
            hint = did_you_mean(name, labels.group_names, "add it to --groups")
            read = ", ".join(labels.group_names) or "none"
            raise UserError(f"--balance names '{name}', but the groups are: {read}; {hint}")


def read_teacher(path: str, plan: Checkpoint) -> Checkpoint:
    """Read the checkpoint of a teacher; UserError unless it takes and gives what `plan` does."""
    teacher = load_checkpoint(path)
    if teacher.targets != plan.targets:
        raise UserError(
            f"{path} predicts {', '.join(teacher.targets[:3])}, ... ({len(teacher.targets)} "
            f"targets), not the {len(plan.targets)} of this run; name a teacher with the same "
            "targets in the same order"
        )
    if teacher.preprocess != plan.preprocess:
        raise UserError(
            f"{path} takes images prepared as {teacher.preprocess}, not {plan.preprocess}; set "
            "--image-size, --resize, --mean and --std as for the teacher"
        )
    return teacher


def objective_of(
    recipe: Recipe,
    data: ImageData,
    labels: Labels,
    rows: Int64,
    teacher: Checkpoint | None,
    device: torch.device,
) -> Objective:
    """Return the objective of a recipe for these training images, the manifest's `rows`."""
    weights: Balance | None = None
    if recipe.balance:
        columns = [labels.group_names.index(name) for name in names(recipe.balance) or []]
        groups = np.asarray(labels.groups[rows][:, columns], np.int16)
        weights = balance(data.labels, groups, recipe.balance_max, len(labels.targets))
    if not recipe.distill:
        return Objective(weights)
    assert teacher is not None
    return Objective(
        weights,
        Teacher.of(_frozen(teacher), data, device, recipe.precision, once=not recipe.augment),
        recipe.distill_weight,
        recipe.temperature,
    )


def _frozen(teacher: Checkpoint) -> nn.Module:
    """Build the teacher's network with weights of its own."""
    weights = {name: tensor.clone() for name, tensor in teacher.state_dict.items()}
    return network(dataclasses.replace(teacher, state_dict=weights))
