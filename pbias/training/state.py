"""Training states: all that an interrupted run needs to end with the same result.

Random draws need no state, because they follow from the seed and the epoch.
"""

from __future__ import annotations

import dataclasses
import io
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pbias.errors import UserError
from pbias.files.checkpoint import Checkpoint
from pbias.files.checkpoint.archive import read_archive
from pbias.files.checkpoint.weights import plain
from pbias.files.streams import is_regular, is_replaceable, read_bytes, write_bytes
from pbias.models.architectures import old_args
from pbias.training.recipe import Recipe
from pbias.training.threads import how_many

FORMAT = "pbias-training-state"
SCHEMA = 1
SUFFIX = ".state"
# The exceptions caused by values of unexpected types or shapes.
WRONG = (RuntimeError, ValueError, KeyError, TypeError, AttributeError, AssertionError)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingState:
    """The state of a run after a whole epoch."""

    epochs: int  # number of completed epochs
    model: dict[str, Tensor]
    optimizer: dict[int, dict[str, Any]]
    scaler: dict[str, Any]  # for gradients in fp16
    kept: dict[str, Tensor]  # the weights of the best epoch; empty before an eligible one
    kept_epoch: int
    best: list[float]  # its validation accuracy and negative loss; empty without validation
    hooks: dict[str, Any]  # state of the hooks
    images: str = ""  # a checksum of the training images; empty in files before 0.2
    objective: dict[str, Any] = field(default_factory=dict)  # state of the objective
    threads: dict[str, int] = field(default_factory=dict)  # steps by number of threads

    def restore(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
        restore_hooks: Callable[[dict[str, Any]], None],
        restore_objective: Callable[[dict[str, Any]], None] = lambda state: None,
    ) -> None:
        """Restore everything that is trained; UserError if that is impossible."""
        groups = optimizer.state_dict()["param_groups"]
        try:
            model.load_state_dict(self.model)
            optimizer.load_state_dict({"state": self.optimizer, "param_groups": groups})
            scaler.load_state_dict(self.scaler)
            restore_hooks(self.hooks)
            restore_objective(self.objective)
        except WRONG as error:
            raise UserError("the training state is damaged; start without --resume") from error
        # Optimizers read a moment in step with its weight, so both need the same memory layout.
        for weight, moments in optimizer.state.items():
            for name, value in moments.items():
                if isinstance(value, Tensor) and value.shape == weight.shape:
                    moments[name] = torch.empty_like(weight).copy_(value)


class StateFile:
    """The file with the state of one run, beside its output; it is removed when the run is done."""

    def __init__(self, path: str, plan: Checkpoint, asked_threads: int = 0) -> None:
        """Identify a run by `plan`, the checkpoint to be made, without the results of training.

        `asked_threads` is the requested number of threads; 0 means that it is chosen.
        """
        self.path = path
        self.run = identity(plan)
        self.asked_threads = asked_threads
        self.environment = {**plan.environment, "threads": how_many(asked_threads)}

    def exists(self) -> bool:
        """Return whether an interrupted run left a state."""
        return Path(self.path).exists()

    def read(self) -> TrainingState:
        """Read the state; UserError if it is damaged or from another run, naming the difference."""
        if not is_regular(self.path):  # a FIFO would block
            raise UserError(f"{self.path} is not a file; remove it, or start without --resume")
        content = read_archive(read_bytes(self.path), self.path)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise UserError(f"{self.path} is not a training state; start without --resume")
        if content.get("schema") != SCHEMA:
            raise UserError(
                f"{self.path} has schema {content.get('schema')!r} and this pbias reads {SCHEMA};"
                " start without --resume"
            )
        try:
            state = TrainingState(**content["state"])
            there = {**content["run"], "recipe": _completed(content["run"]["recipe"])}
            there["model"] = _with_args(there["model"])
            differing = differences(self.run, there)
            versions = differences(self.environment, content["environment"])
            asked = int(content.get("asked_threads", 0))
            num_epochs = self.run["recipe"]["epochs"]
            if not differing and not 0 < int(state.epochs) <= num_epochs:
                raise ValueError(f"{state.epochs} of {num_epochs} epochs")
        except WRONG as error:
            raise UserError(f"{self.path} is damaged; start without --resume") from error
        if differing:
            raise UserError(
                f"{self.path} belongs to another run: {'; '.join(differing)}; use the options of "
                "that run, or start again without --resume"
            )
        if asked and self.asked_threads and asked != self.asked_threads:
            raise UserError(
                f"{self.path} was trained with --threads {asked}; give the same number, or start"
                " again without --resume"
            )
        if versions:
            logger.warning("%s: %s; digits may differ", self.path, "; ".join(versions))
        return state

    def write(self, state: TrainingState) -> None:
        """Replace the file; if the disk is full, warn and continue training."""
        content = {
            "format": FORMAT,
            "schema": SCHEMA,
            "run": self.run,
            "environment": self.environment,
            "asked_threads": self.asked_threads,
            "state": {f.name: getattr(state, f.name) for f in dataclasses.fields(state)},
        }
        buffer = io.BytesIO()
        torch.save(plain(content), buffer)
        try:
            write_bytes(self.path, buffer.getvalue())
        except UserError as error:
            logger.warning("%s; this epoch cannot be resumed from", error)

    def remove(self) -> None:
        """Remove the file, because the run is done."""
        Path(self.path).unlink(missing_ok=True)


def state_path(output: str) -> str | None:
    """Return the path of a run's state; None if the output is not a file, such as a pipe."""
    return output + SUFFIX if is_replaceable(output) else None


def _completed(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe of any version of pbias, with defaults for missing values."""
    return Recipe.from_dict(recipe).as_dict()


def _with_args(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return a network from any version of pbias, with the arguments that it did not name."""
    return {**model, "args": old_args(model["name"], model["args"])}


def identity(plan: Checkpoint) -> dict[str, Any]:
    """Return the values that two runs share if they give the same network."""
    return {
        "model": plan.model,
        "targets": plan.targets,
        "groups": plan.groups,
        "preprocess": plan.preprocess,
        "data": {name: plan.data.get(name) for name in ("sha256", "cluster", "where")},
        "recipe": _completed(plan.recipe),
        "sparsity": plan.sparsity,
        "parents": plan.parents,
    }


def differences(here: object, there: object, name: str = "") -> list[str]:
    """List the values that differ there from here, by dotted name.

    >>> differences({"recipe": {"lr": 0.1, "epochs": 5}}, {"recipe": {"lr": 0.2, "epochs": 5}})
    ['recipe.lr is 0.2 there and 0.1 here']
    """
    if isinstance(here, Mapping) and isinstance(there, Mapping):
        inner = (
            differences(value, there.get(key), f"{name}.{key}".lstrip("."))
            for key, value in here.items()
        )
        return [difference for found in inner for difference in found]
    if plain(here) == plain(there):
        return []
    return [f"{name} is {_short(there)} there and {_short(here)} here"]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:36] + " ..."
