"""What a run of training minimizes, of its recipe: balanced labels, and a teacher's logits."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import nn

from pbias.data.batches import ImageData
from pbias.errors import UserError, did_you_mean
from pbias.files.checkpoint import Checkpoint, load_checkpoint
from pbias.files.manifest import Int16, Int64, Labels
from pbias.models.network_files import network
from pbias.training.objectives.balance import Balance, balance
from pbias.training.objectives.distillation import Teacher
from pbias.training.objectives.group_dro import GroupDro
from pbias.training.objectives.groups import members_of
from pbias.training.objectives.objective import Objective
from pbias.training.recipe import Recipe
from pbias.workflows.runs.values import names


def check_groups(recipe: Recipe, labels: Labels) -> None:
    """Raise UserError for groups of the recipe that the run does not read."""
    for option, text in (("--balance", recipe.balance), ("--group-dro", recipe.group_dro)):
        for name in names(text) or []:
            if name not in labels.group_names:
                hint = did_you_mean(name, labels.group_names, "add it to --groups")
                read = ", ".join(labels.group_names) or "none"
                raise UserError(f"{option} names '{name}', but the groups are: {read}; {hint}")


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
    found = Objective(_balance(recipe, data, labels, rows), dro=_group_dro(recipe, labels, rows))
    if not recipe.distill:
        return found
    assert teacher is not None
    return dataclasses.replace(
        found,
        teacher=Teacher.of(
            _frozen(teacher), data, device, recipe.precision, once=not recipe.augment
        ),
        weight=recipe.distill_weight,
        temperature=recipe.temperature,
    )


def _balance(recipe: Recipe, data: ImageData, labels: Labels, rows: Int64) -> Balance | None:
    if not recipe.balance:
        return None
    groups, _ = _columns(recipe.balance, labels, rows)
    return balance(data.labels, groups, recipe.balance_max, len(labels.targets))


def _group_dro(recipe: Recipe, labels: Labels, rows: Int64) -> GroupDro | None:
    if not recipe.group_dro:
        return None
    members = members_of(*_columns(recipe.group_dro, labels, rows))
    if members.num < 2:
        raise UserError(
            f"--group-dro {recipe.group_dro} has {members.num} values among the training images, so"
            " none is the worst; name a group with two or more"
        )
    return GroupDro(members, recipe.group_dro_step_size)


def _columns(text: str, labels: Labels, rows: Int64) -> tuple[Int16, list[list[str]]]:
    """Return the codes [N, G] of the groups that a recipe names, and the names of their values."""
    columns = [labels.group_names.index(name) for name in names(text) or []]
    codes = np.asarray(labels.groups[rows][:, columns], np.int16)
    return codes, [labels.group_values[column] for column in columns]


def _frozen(teacher: Checkpoint) -> nn.Module:
    """Build the teacher's network with weights of its own."""
    weights = {name: tensor.clone() for name, tensor in teacher.state_dict.items()}
    return network(dataclasses.replace(teacher, state_dict=weights))
