"""Combine command-line options and a recipe into training and pruning settings.

An option takes precedence; then the named recipe; then, for pruning, the checkpoint's recipe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pbias.errors import UserError
from pbias.pruning.method import OF_DATA, Method
from pbias.pruning.one_shot import check_range
from pbias.pruning.schedule import (
    ACDC,
    INITIAL_SPARSITY,
    PRUNING_SHARE,
    SCRATCH_SHARES,
    Ramp,
    alternation_times,
    pruning_epochs,
    pruning_times,
)
from pbias.training.recipe import NamedRecipe, Recipe, find_recipe
from pbias.workflows.runs.bounds import parse_bound
from pbias.workflows.runs.options import PruneOptions, TrainOptions
from pbias.workflows.runs.values import (
    each,
    first_given,
    groups_of,
    joined,
    numbers,
    selectors,
    typed,
)

NUM_STEPS = 20
STRATEGIES = ("gradual", ACDC)

# Options that are fields of a recipe, that say when to prune, and that are fields of a method.
TRAINING = (
    "loss", "epochs", "batch_size", "optimizer", "lr", "lr_schedule", "warmup_epochs",
    "lr_per_epoch", "momentum", "reset_momentum", "weight_decay", "augment", "seed",
    "distill", "distill_weight", "temperature", "balance", "balance_max",
    "group_dro", "group_dro_step_size", "constrain", "constrain_lr",
)  # fmt: skip
# Options without which others have no effect.
NEEDED = {
    "distill": ("distill_weight", "temperature"),
    "balance": ("balance_max",),
    "group_dro": ("group_dro_step_size",),
    "constrain": ("constrain_lr",),
}
OF_ONE_RUN = ("distill", "constrain")
PRUNING = ("steps", "pruning_epochs", "pruning_schedule", "initial_sparsity")
OF_DATA_SCORES = ("score_batches", "score_groups", "score_reduce")
METHOD = (
    "score",
    *OF_DATA_SCORES,
    "scope",
    "pattern",
    "only",
    "exclude",
    "min_keep",
    "min_keep_row",
)


@dataclass(frozen=True)
class Settings:
    """A recipe with its changes, and when to prune."""

    recipe: Recipe
    image_size: int | None  # pixels; None: the size of the images
    when: tuple[str, Any]  # the option that says when to prune, and its value
    times: list[float]  # in epochs from the start of training; empty for a dense network
    shape: str
    initial: float

    def ramp(self, method: Method) -> Ramp:
        """Return how sparsity rises with this method."""
        option, value = self.when
        end = value[-1] if option == "pruning-epochs" else None
        return Ramp(self.shape, self.times, self.initial, end, method)


def settings(
    use: str, options: TrainOptions | PruneOptions, before: Recipe | None = None
) -> Settings:
    """Return the named recipe (without a name: `before`, or `small`) with the options' changes.

    `use` is one of `recipes.USES`: raises UserError for a recipe that is not for this use.
    """
    found = find_recipe(options.recipe or "small", use)
    base = before if before and options.recipe is None else found.recipe
    base = base.replace(**_forgotten(options))
    changes = {name: getattr(options, name, None) for name in TRAINING}
    changes["constrain"] = [parse_bound(text).text for text in each(options.constrain)] or None
    for name in ("balance", "group_dro"):
        if text := changes[name]:
            changes[name] = joined(groups_of(name, text))
    recipe = base.replace(**changes, compile=options.compile or None)
    _check_teacher(use, options, recipe)
    given = _given(options, PRUNING)
    strategy = _strategy(options, found, use)
    if strategy == ACDC:
        if useless := first_given(given):
            raise UserError(f"{useless} has no effect with --strategy acdc; leave one of them out")
        when, times = ("strategy", ACDC), alternation_times(recipe.epochs)
        return Settings(recipe, found.image_size, when, times, ACDC, 0.0)
    when = _when(given, found.pruning_epochs)
    times = [] if use == "dense" else _times(*when, recipe.epochs, use)
    initial = given.get("initial_sparsity", INITIAL_SPARSITY)
    check_range(initial)
    shape = given.get("pruning_schedule", "cubic")
    return Settings(recipe, found.image_size, when, times, shape, initial)


def _strategy(options: TrainOptions | PruneOptions, found: NamedRecipe, use: str) -> str:
    """Return how to prune the network during training, from the option or the recipe."""
    given: str | None = getattr(options, "strategy", None)
    if given is not None and given not in STRATEGIES:
        raise UserError(f"no strategy '{given}'; use one of {', '.join(STRATEGIES)}")
    if given is not None and use == "dense":
        raise UserError("--strategy has no effect without --sparsity; add --sparsity")
    return given or found.strategy


def _forgotten(options: TrainOptions | PruneOptions) -> dict[str, Any]:
    """Return the values of the checkpoint's recipe that pruning does not continue with.

    The dense network belongs to one run. An option that is given starts from its usual details.
    """
    usual = Recipe()
    new = [name for name in NEEDED if name in OF_ONE_RUN or getattr(options, name) is not None]
    changed = [*OF_ONE_RUN, *(detail for name in new for detail in NEEDED[name])]
    return {name: getattr(usual, name) for name in changed}


def _check_teacher(use: str, options: TrainOptions | PruneOptions, recipe: Recipe) -> None:
    """Raise UserError for options that need another one, such as distilling without a teacher.

    `recipe` says what the checkpoint's training continues with.
    """
    for needed, names_of in NEEDED.items():
        given = {name: getattr(options, name) for name in names_of}
        if not getattr(recipe, needed) and (useless := first_given(given)):
            raise UserError(f"{useless} has no effect without {typed(needed)}; add it")
    if options.teacher is not None and not (options.distill or options.constrain):
        raise UserError("--teacher has no effect without --distill or --constrain; add one of them")
    if options.distill and use != "pt" and options.teacher is None:
        raise UserError("--distill needs a teacher; name its checkpoint with --teacher")
    if options.constrain and use != "pt" and options.teacher is None:
        raise UserError("--constrain needs the dense network; name its checkpoint with --teacher")


def method_of(options: TrainOptions | PruneOptions) -> Method:
    """Return the pruning method that these options select."""
    layers = {name: selectors(getattr(options, name)) for name in ("only", "exclude")}
    given = {name: getattr(options, name) for name in (*METHOD, "seed")}
    of_data = {name: given.pop(name) for name in OF_DATA_SCORES}
    if options.score not in OF_DATA and (useless := first_given(of_data)):
        raise UserError(
            f"{useless} has no effect with --score {options.score}; use taylor or fisher"
        )
    if options.score_reduce is not None and not options.score_groups:
        raise UserError("--score-reduce has no effect without --score-groups; add it")
    if options.score_groups is not None:
        of_data["score_groups"] = tuple(groups_of("score_groups", options.score_groups))
    of_data = {name: value for name, value in of_data.items() if value is not None}
    return Method(**{**given, **of_data, **layers})


def _given(options: TrainOptions | PruneOptions, among: Sequence[str]) -> dict[str, Any]:
    values = {name: getattr(options, name) for name in among}
    return {name: value for name, value in values.items() if value is not None}


def _when(given: Mapping[str, Any], by_recipe: Sequence[float] | None) -> tuple[str, Any]:
    if {"steps", "pruning_epochs"} <= given.keys():
        raise UserError("--steps and --pruning-epochs both set when to prune; leave one out")
    if "pruning_epochs" in given:
        return "pruning-epochs", numbers("--pruning-epochs", given["pruning_epochs"], 3)
    if by_recipe and "steps" not in given:
        return "pruning-epochs", list(by_recipe)
    return "steps", given.get("steps", NUM_STEPS)


def _times(option: str, value: Any, num_epochs: int, use: str) -> list[float]:
    if option == "pruning-epochs":
        start, every, end = value
        return pruning_epochs(start, every, end, num_epochs)
    shares = SCRATCH_SHARES if use == "ri" else (0.0, PRUNING_SHARE)
    return pruning_times(num_epochs, value, shares)
