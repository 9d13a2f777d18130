"""How a network is trained and pruned meanwhile, of what the options say and a recipe.

What is given wins; then the recipe that --recipe names; then (`prune`) that of the checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pbias.cli.options.pruning import selectors
from pbias.training.recipe import Recipe

if TYPE_CHECKING:
    from pbias.pruning.method import Method
    from pbias.pruning.schedule import Ramp

NUM_STEPS = 20


# Parameters of commands: as the fields of a recipe, on when to prune, as the fields of a method.
TRAINING = (
    "loss", "epochs", "batch_size", "optimizer", "lr", "lr_schedule", "warmup_epochs",
    "lr_per_epoch", "momentum", "reset_momentum", "weight_decay", "augment", "seed",
)  # fmt: skip
PRUNING = ("steps", "pruning_epochs", "pruning_schedule", "initial_sparsity")
METHOD = ("score", "scope", "pattern", "only", "exclude", "min_keep", "min_keep_row")


@dataclass(frozen=True)
class Settings:
    """A recipe with what was changed in it."""

    recipe: Recipe
    image_size: int | None  # pixels; None: what the images have
    when: tuple[str, Any]  # the option that says when to prune, and its value
    times: list[float]  # in epochs from the start of training; empty for a dense network
    shape: str
    initial: float

    def ramp(self, method: Method) -> Ramp:
        """How sparsity rises, by this method."""
        from pbias.pruning.schedule import Ramp

        option, value = self.when
        end = value[-1] if option == "pruning-epochs" else None
        return Ramp(self.shape, self.times, self.initial, end, method)


def settings(use: str, options: Mapping[str, Any], before: Recipe | None = None) -> Settings:
    """The recipe that a command's options name (none: `before`, or small), changed as they say.

    `use` is one of `recipes.USES`: a recipe is refused for what it does not say how to do.
    """
    from pbias.pruning.one_shot import check_range
    from pbias.pruning.schedule import INITIAL_SPARSITY
    from pbias.training.recipe import find_recipe

    name = options["recipe_name"]
    found = find_recipe(name or "small", use)
    base = before if before and name is None else found.recipe
    changes = {field: options[field] for field in TRAINING if field in options}
    recipe = base.replace(**changes, compile=options["compile_"] or None)
    given = {option: options[option] for option in PRUNING if options[option] is not None}
    when = _when(given, found.pruning_epochs)
    times = [] if use == "dense" else _times(*when, recipe.epochs, use)
    initial = given.get("initial_sparsity", INITIAL_SPARSITY)
    check_range(initial)
    shape = given.get("pruning_schedule", "cubic")
    return Settings(recipe, found.image_size, when, times, shape, initial)


def method_of(options: Mapping[str, Any]) -> Method:
    """Which weights go, as the options of a command say it."""
    from pbias.pruning.method import Method

    layers = {name: selectors(options[name]) for name in ("only", "exclude")}
    given = {name: options[name] for name in (*METHOD, "seed")}
    return Method(**{**given, **layers})


def first_given(options: Mapping[str, Any], among: Sequence[str]) -> str | None:
    """The first option that was given, as it is typed."""
    names = (name for name in among if options[name] is not None)
    return next(("--" + name.replace("_", "-") for name in names), None)


def _when(given: Mapping[str, Any], by_recipe: Sequence[float] | None) -> tuple[str, Any]:
    from pbias.errors import UserError

    if {"steps", "pruning_epochs"} <= given.keys():
        raise UserError("--steps and --pruning-epochs both say when to prune; leave one out")
    if "pruning_epochs" in given:
        return "pruning-epochs", numbers("--pruning-epochs", given["pruning_epochs"], 3)
    if by_recipe and "steps" not in given:
        return "pruning-epochs", list(by_recipe)
    return "steps", given.get("steps", NUM_STEPS)


def _times(option: str, value: Any, num_epochs: int, use: str) -> list[float]:
    from pbias.pruning.schedule import (
        PRUNING_SHARE,
        SCRATCH_SHARES,
        pruning_epochs,
        pruning_times,
    )

    if option == "pruning-epochs":
        start, every, end = value
        return pruning_epochs(start, every, end, num_epochs)
    shares = SCRATCH_SHARES if use == "ri" else (0.0, PRUNING_SHARE)
    return pruning_times(num_epochs, value, shares)


def numbers(option: str, text: str, count: int) -> list[float]:
    """`a,b,c` as numbers, `count` of them."""
    from pbias.errors import UserError

    try:
        found = [float(word) for word in text.split(",")]
    except ValueError:
        found = []
    if len(found) != count:
        raise UserError(f"{option} {text} is not {count} numbers; give them as in 10,10,81")
    return found


def required(value: str | None, name: str, command: str) -> str:
    """What may be left out with --print-config alone; else refused in the parser's own words."""
    if value is None:
        from pbias.errors import UserError

        raise UserError(f"Missing {name}; see 'pbias {command} -h'")
    return value
