"""The objective of a training run, from its recipe: balanced labels, and a teacher's logits."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable

import numpy as np
import torch
from torch import nn

from pbias.data.batches import ImageData
from pbias.errors import UserError, did_you_mean
from pbias.files.checkpoint import CROSS_ENTROPY, Checkpoint, load_checkpoint
from pbias.files.manifest import Int16, Int64, Labels
from pbias.models.network_files import network
from pbias.training.evaluation import judge
from pbias.training.objectives.balance import Balance, balance
from pbias.training.objectives.bounds import Bounds
from pbias.training.objectives.distillation import Teacher
from pbias.training.objectives.group_dro import GroupDro
from pbias.training.objectives.groups import members_of
from pbias.training.objectives.objective import Objective
from pbias.training.recipe import Recipe
from pbias.workflows.runs.bounds import READ, bound_of, check_bound
from pbias.workflows.runs.training_data import TrainingData
from pbias.workflows.runs.values import names

logger = logging.getLogger(__name__)


def check_groups(recipe: Recipe, labels: Labels, hint: str = READ) -> None:
    """Raise UserError for groups of the recipe that the run does not read.

    `hint` says how to make the run read a group.
    """
    for option, text in (("--balance", recipe.balance), ("--group-dro", recipe.group_dro)):
        check_read(option, names(text) or [], labels, hint)
    for text in recipe.constrain:
        check_bound(text, labels, hint, classes=recipe.loss == CROSS_ENTROPY)


def check_read(option: str, wanted: Iterable[str], labels: Labels, hint: str) -> None:
    """Raise UserError, which ends with a name like it or the hint, for a group that is not read."""
    for name in wanted:
        if name not in labels.group_names:
            end = did_you_mean(name, labels.group_names, hint)
            read = ", ".join(labels.group_names) or "none"
            raise UserError(f"{option} names '{name}', but the groups are: {read}; {end}")


def read_teacher(path: str, plan: Checkpoint) -> Checkpoint:
    """Read the checkpoint of a teacher; UserError unless its inputs and outputs match `plan`.

    Its loss must match too, because it says whether outputs are classes or independent attributes.
    """
    teacher = load_checkpoint(path)
    if teacher.targets != plan.targets:
        raise UserError(
            f"{path} predicts {', '.join(teacher.targets[:3])}, ... ({len(teacher.targets)} "
            f"targets), not the {len(plan.targets)} of this run; name a teacher with the same "
            "targets in the same order"
        )
    if teacher.preprocess != plan.preprocess:
        raise UserError(
            f"{path} prepares images as {teacher.preprocess}, not {plan.preprocess}; use the "
            "teacher's --image-size, --resize, --mean and --std"
        )
    theirs, ours = teacher.recipe.get("loss"), plan.recipe["loss"]
    if theirs not in (None, ours):
        raise UserError(
            f"{path} was trained with --loss {theirs}, and this run uses {ours}; name a teacher "
            "that was trained with the same loss"
        )
    return teacher


def objective_of(
    recipe: Recipe,
    data: TrainingData,
    labels: Labels,
    rows: tuple[Int64, Int64],
    teacher: Checkpoint | None,
    device: torch.device,
) -> Objective:
    """Return the objective of a recipe for images to train on and to validate.

    `rows` are their rows in the manifest. `teacher` is the network to learn from or compare with.
    """
    found = Objective(
        _balance(recipe, data[0], labels, rows[0]), dro=_group_dro(recipe, labels, rows[0])
    )
    if recipe.constrain:
        assert teacher is not None
        bounds = _bounds(recipe, data, labels, rows, _frozen(teacher), device)
        found = dataclasses.replace(found, bounds=bounds)
    if not recipe.distill:
        return found
    assert teacher is not None
    once = not recipe.augment
    return dataclasses.replace(
        found,
        teacher=Teacher.of(_frozen(teacher), data[0], device, recipe.precision, once=once),
        weight=recipe.distill_weight,
        temperature=recipe.temperature,
    )


def _bounds(
    recipe: Recipe,
    data: TrainingData,
    labels: Labels,
    rows: tuple[Int64, Int64],
    dense: nn.Module,
    device: torch.device,
) -> Bounds:
    """Return the bounds, with where the dense network is right."""
    dense.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    score, train = judge(dense, data[0], device, recipe.precision)
    valid = judge(dense, data[1], device, recipe.precision)[1] if data[1] else None
    logger.info("dense network to compare with: training accuracy %.4f", score.accuracy)
    bounds = [bound_of(text, labels, *rows) for text in recipe.constrain]
    return Bounds(bounds, recipe.constrain_lr, train, valid)


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
            f"--group-dro {recipe.group_dro} has fewer than two values among the training images; "
            "name a group with two or more"
        )
    return GroupDro(members, recipe.group_dro_step_size)


def _columns(text: str, labels: Labels, rows: Int64) -> tuple[Int16, list[list[str]]]:
    """Return the codes [N, G] of the groups that a recipe names, and the names of their values."""
    columns = [labels.group_names.index(name) for name in names(text) or []]
    codes = np.asarray(labels.groups[rows][:, columns], np.int16)
    return codes, [labels.group_values[column] for column in columns]


def _frozen(teacher: Checkpoint) -> nn.Module:
    """Build the teacher's network with its own copy of the weights."""
    weights = {name: tensor.clone() for name, tensor in teacher.state_dict.items()}
    return network(dataclasses.replace(teacher, state_dict=weights))
