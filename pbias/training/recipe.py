"""Recipes: everything that decides how a network is trained, but for data and network.

Imports no torch, so that help texts can name the defaults.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pbias.errors import UserError

OPTIMIZERS = ("sgd", "adam")
LR_SCHEDULES = ("constant", "linear", "cosine")


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; the defaults are for small networks on CPUs."""

    epochs: int = 10
    batch_size: int = 128
    optimizer: str = "adam"
    lr: float = 0.003
    momentum: float = 0.9  # of sgd
    weight_decay: float = 0.0
    lr_schedule: str = "cosine"
    warmup_epochs: float = 0.5
    augment: bool = True  # random crop and flip
    reset_momentum: bool = False  # before every epoch, as the paper's SGD
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what could not be trained with."""
        if self.optimizer not in OPTIMIZERS:
            raise UserError(f"no optimizer '{self.optimizer}'; use one of {', '.join(OPTIMIZERS)}")
        if self.lr_schedule not in LR_SCHEDULES:
            choices = ", ".join(LR_SCHEDULES)
            raise UserError(f"no learning-rate schedule '{self.lr_schedule}'; use one of {choices}")
        if self.epochs < 1 or self.batch_size < 1:
            raise UserError(
                f"{self.epochs} epochs of batches of {self.batch_size}; both must be at least 1"
            )
        if not (self.lr > 0 and self.weight_decay >= 0):
            raise UserError(
                f"learning rate {self.lr} and weight decay {self.weight_decay}; "
                "the first must be above 0, the second not below"
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """The recipe that a checkpoint holds; what this version does not know is left out."""
        names = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in names})

    def as_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return dataclasses.asdict(self)

    def replace(self, **changes: int | float | str | bool | None) -> Recipe:
        """The recipe with the changes that are not None."""
        given = {name: value for name, value in changes.items() if value is not None}
        return dataclasses.replace(self, **given)  # type: ignore[arg-type]

    def lr_at(self, epoch: float) -> float:
        """The learning rate at a time in epochs: linear warm-up, then the schedule, ending at 0."""
        if epoch < self.warmup_epochs:
            return self.lr * epoch / self.warmup_epochs
        if self.lr_schedule == "constant":
            return self.lr
        left = (self.epochs - epoch) / max(self.epochs - self.warmup_epochs, 1e-9)
        if self.lr_schedule == "linear":
            return self.lr * left
        return self.lr * (1 - math.cos(math.pi * left)) / 2
