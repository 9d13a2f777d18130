"""Recipes: all settings of training, except the data and the network.

The named recipes are the paper's (Iofinova et al., CVPR 2023; docs/recipes.md) and one for small
networks on CPUs. This module does not import torch, so that help texts can list names and defaults.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pbias.errors import UserError
from pbias.files.checkpoint import CROSS_ENTROPY
from pbias.files.checkpoint.metadata import MAX_SEED

OPTIMIZERS = ("sgd", "adam")
LR_SCHEDULES = ("constant", "linear", "cosine")
# For attributes that are each present or absent; or for classes, one per image.
LOSSES = ("binary-cross-entropy", CROSS_ENTROPY)
PRECISIONS = ("fp32", "bf16", "fp16")
MAX_EPOCHS = 100_000  # a typing error is more likely
MAX_TEMPERATURE = 1000.0  # float32 loses the differences of logits beyond it
MAX_STEP_SIZE = 1000.0  # of the weights of groups; far larger ones overflow


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; the defaults are for small networks on CPUs."""

    name: str = "small"  # the recipe from which values were taken, apart from changes
    loss: str = LOSSES[0]
    epochs: int = 10
    batch_size: int = 128
    optimizer: str = "adam"
    lr: float = 0.003
    momentum: float = 0.9  # for sgd
    weight_decay: float = 0.0
    lr_schedule: str = "cosine"
    warmup_epochs: float = 0.5
    lr_per_epoch: bool = False  # one learning rate per epoch, not per step
    augment: bool = True  # random crop and flip
    reset_momentum: bool = False  # before every epoch, as in the paper's SGD
    seed: int = 0
    precision: str = "fp32"  # in the layers; weights are always fp32
    compile: bool = False  # with torch.compile, which may round differently
    distill: bool = False  # also learn from a teacher's probabilities
    distill_weight: float = 0.5  # share of the teacher's loss; the rest is from labels
    temperature: float = 4.0  # divides logits before they are compared with the teacher's
    balance: str = ""  # groups whose values, by label value, count equally: "sex" or "sex,age"
    balance_max: float = 10.0  # the largest weight that it gives a label
    group_dro: str = ""  # groups whose worst values get the most weight: "sex" or "sex,age"
    group_dro_step_size: float = 0.01  # how fast the weights of groups follow their losses
    constrain: Sequence[str] = ()  # bounds on what groups lose: "ceag@sex <= 0.02"
    constrain_lr: float = 1.0  # step size of the multipliers of bounds

    def __post_init__(self) -> None:
        """Raise UserError for values that cannot be used in training."""
        if self.loss not in LOSSES:
            raise UserError(f"unknown loss '{self.loss}'; use one of {', '.join(LOSSES)}")
        if self.optimizer not in OPTIMIZERS:
            raise UserError(
                f"unknown optimizer '{self.optimizer}'; use one of {', '.join(OPTIMIZERS)}"
            )
        if self.lr_schedule not in LR_SCHEDULES:
            choices = ", ".join(LR_SCHEDULES)
            raise UserError(
                f"unknown learning-rate schedule '{self.lr_schedule}'; use one of {choices}"
            )
        if self.precision not in PRECISIONS:
            choices = ", ".join(PRECISIONS)
            raise UserError(f"unknown precision '{self.precision}'; use one of {choices}")
        if self.epochs < 1 or self.batch_size < 1:
            raise UserError(
                f"{self.epochs} epochs of batches of {self.batch_size}; both must be at least 1"
            )
        if self.epochs > MAX_EPOCHS:
            raise UserError(f"{self.epochs} epochs are too many; use at most {MAX_EPOCHS:,}")
        if not 0 <= self.seed <= MAX_SEED:
            raise UserError(f"seed {self.seed} is out of range; use 0 to {MAX_SEED}")
        if not (self.lr > 0 and self.weight_decay >= 0):
            raise UserError(
                f"learning rate {self.lr} and weight decay {self.weight_decay}; "
                "the first must be above 0, the second not below"
            )
        if not (0 <= self.momentum < 1 and self.warmup_epochs >= 0):
            raise UserError(
                f"momentum {self.momentum} and {self.warmup_epochs} warm-up epochs; the first must "
                "be in [0, 1), the second not below 0"
            )
        if not (0 < self.distill_weight <= 1):
            raise UserError(
                f"distillation weight {self.distill_weight:g} is out of range; use a number "
                "above 0, at most 1"
            )
        if not 1 / MAX_TEMPERATURE <= self.temperature <= MAX_TEMPERATURE:
            raise UserError(
                f"temperature {self.temperature:g} is out of range; use {1 / MAX_TEMPERATURE:g} to "
                f"{MAX_TEMPERATURE:g}"
            )
        if not 1 <= self.balance_max < math.inf:
            raise UserError(f"a largest balancing weight of {self.balance_max}; use 1 or more")
        for name, size in (
            ("group-dro-step-size", self.group_dro_step_size),
            ("constrain-lr", self.constrain_lr),
        ):
            if not 0 < size <= MAX_STEP_SIZE:
                raise UserError(
                    f"--{name} {size:g} is out of range; use a number above 0, at most "
                    f"{MAX_STEP_SIZE:g}"
                )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """Return the recipe of a checkpoint, without values that this version does not know."""
        names = {field.name for field in dataclasses.fields(cls)}
        known = {name: value for name, value in values.items() if name in names}
        return cls(**{**known, "constrain": tuple(known.get("constrain", ()))})

    def as_dict(self) -> dict[str, Any]:
        """Return the values for a checkpoint."""
        return {**dataclasses.asdict(self), "constrain": list(self.constrain)}

    def in_use(self) -> dict[str, Any]:
        """Return the values that have an effect in this recipe."""
        unused = [] if self.distill else ["distill", "distill_weight", "temperature"]
        unused += [] if self.balance else ["balance", "balance_max"]
        unused += [] if self.group_dro else ["group_dro", "group_dro_step_size"]
        unused += [] if self.constrain else ["constrain", "constrain_lr"]
        return {name: value for name, value in self.as_dict().items() if name not in unused}

    def replace(self, **changes: int | float | str | bool | Sequence[str] | None) -> Recipe:
        """Return the recipe with the changes that are not None."""
        given = {name: value for name, value in changes.items() if value is not None}
        return dataclasses.replace(self, **given)  # type: ignore[arg-type]

    def lr_at(self, epoch: float) -> float:
        """Return the learning rate at a time in epochs: linear warm-up, then the schedule.

        With `lr_per_epoch`, it is the rate at the start of the epoch; during warm-up, at its end.
        """
        if self.lr_per_epoch:
            epoch = math.floor(epoch)
            if epoch < self.warmup_epochs:
                epoch = min(epoch + 1, self.warmup_epochs)
        if epoch < self.warmup_epochs:
            return self.lr * epoch / self.warmup_epochs
        if self.lr_schedule == "constant":
            return self.lr
        left = (self.epochs - epoch) / max(self.epochs - self.warmup_epochs, 1e-9)
        if self.lr_schedule == "linear":
            return self.lr * left
        return self.lr * (1 - math.cos(math.pi * left)) / 2


USES = {
    "dense": "training without --sparsity",
    "ri": "train --sparsity",
    "pt": "prune",
}


@dataclass(frozen=True)
class NamedRecipe:
    """A recipe with the image size and the pruning steps that belong to it."""

    recipe: Recipe
    image_size: int | None = None  # crop size in pixels; None: the size of the images
    pruning_epochs: tuple[float, float, float] | None = None  # start, every, end (not included)
    uses: Collection[str] = tuple(USES)
    strategy: str = "gradual"  # or "acdc"


_DENSE = Recipe(
    name="paper-dense", epochs=100, batch_size=256, optimizer="sgd", lr=0.256, momentum=0.875,
    weight_decay=3.0518e-5, lr_schedule="cosine", warmup_epochs=5.0, lr_per_epoch=True,
    reset_momentum=True,
)  # fmt: skip
_GMP_PT = Recipe(
    name="paper-gmp-pt", epochs=80, batch_size=256, optimizer="adam", lr=1e-4,
    lr_schedule="constant", warmup_epochs=0.0,
)  # fmt: skip
_SINGLE = Recipe(
    name="paper-single", epochs=20, batch_size=256, optimizer="sgd", lr=0.1, momentum=0.9,
    weight_decay=1e-4, lr_schedule="constant", warmup_epochs=0.0, reset_momentum=True,
)  # fmt: skip

# Dense and pruned networks share one recipe, apart from pruning.
RECIPES: Mapping[str, NamedRecipe] = {
    "paper-dense": NamedRecipe(_DENSE, 224, uses=["dense"]),
    "paper-gmp-ri": NamedRecipe(
        _DENSE.replace(name="paper-gmp-ri"), 224, (10.0, 10.0, 81.0), uses=["ri"]
    ),
    "paper-acdc": NamedRecipe(_DENSE.replace(name="paper-acdc"), 224, uses=["ri"], strategy="acdc"),
    "paper-gmp-pt": NamedRecipe(_GMP_PT, 224, (1.0, 4.0, 60.0), uses=["pt"]),
    "paper-single": NamedRecipe(_SINGLE, 224, (2.0, 1.0, 16.0)),
    "small": NamedRecipe(Recipe()),
}


def find_recipe(name: str, use: str) -> NamedRecipe:
    """Return the recipe with this name; UserError unless it serves this one of `USES`."""
    if name not in RECIPES:
        raise UserError(f"unknown recipe '{name}'; use one of {', '.join(RECIPES)}")
    recipe = RECIPES[name]
    if use not in recipe.uses:
        others = ", ".join(other for other, found in RECIPES.items() if use in found.uses)
        uses = " and ".join(USES[each] for each in recipe.uses)
        raise UserError(f"recipe {name} is for {uses}, not for {USES[use]}; use one of {others}")
    return recipe
