"""Options that say how a network is trained and pruned meanwhile: declared once, merged in order.

What is given wins; then the recipe that --recipe names; then (`prune`) that of the checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from pbias.training.recipe import Recipe

NUM_STEPS = 20
FALLBACK = "[default: the recipe's]"

RecipeName = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar="NAME",
        help="paper-dense, paper-gmp-ri, paper-gmp-pt, paper-single or small.",
    ),
]
PrintConfig = Annotated[
    bool,
    typer.Option("--print-config", help="Print all settings, as --config reads them, and stop."),
]
Epochs = Annotated[
    int | None,
    typer.Option("--epochs", min=1, help=f"Passes over the training images {FALLBACK}."),
]
BatchSize = Annotated[
    int | None, typer.Option("--batch-size", min=1, help=f"Images a step {FALLBACK}.")
]
Optimizer = Annotated[
    str | None, typer.Option("--optimizer", metavar="sgd|adam", help=f"sgd or adam {FALLBACK}.")
]
Momentum = Annotated[
    float | None, typer.Option("--momentum", metavar="M", help=f"Momentum of sgd {FALLBACK}.")
]
ResetMomentum = Annotated[
    bool | None,
    typer.Option(
        "--reset-momentum/--no-reset-momentum",
        help=f"Forget the optimizer's state before every epoch {FALLBACK}.",
        show_default=False,
    ),
]
WeightDecay = Annotated[
    float | None,
    typer.Option("--weight-decay", metavar="W", help=f"L2 penalty of all weights {FALLBACK}."),
]
Lr = Annotated[
    float | None, typer.Option("--lr", metavar="RATE", help=f"Highest learning rate {FALLBACK}.")
]
LrSchedule = Annotated[
    str | None,
    typer.Option(
        "--lr-schedule",
        metavar="NAME",
        help=f"constant, linear or cosine, after a warm-up {FALLBACK}.",
    ),
]
WarmupEpochs = Annotated[
    float | None,
    typer.Option(
        "--warmup-epochs", metavar="E", help=f"Epochs in which the rate rises {FALLBACK}."
    ),
]
LrPerEpoch = Annotated[
    bool | None,
    typer.Option(
        "--lr-per-epoch/--lr-per-step",
        help=f"How often the learning rate changes {FALLBACK}.",
        show_default=False,
    ),
]
Augment = Annotated[
    bool | None,
    typer.Option(
        "--augment/--no-augment",
        help=f"Crop and flip training images at random {FALLBACK}.",
        show_default=False,
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(
        "--steps",
        "--pruning-steps",
        metavar="NUM",
        min=1,
        help="Pruning steps, evenly over part of the epochs [default: 20].",
    ),
]
PruningEpochs = Annotated[
    str | None,
    typer.Option(
        "--pruning-epochs",
        metavar="START,EVERY,END",
        help="Prune before epochs START, START + EVERY, ... below END.",
    ),
]
InitialSparsity = Annotated[
    float | None,
    typer.Option(
        "--initial-sparsity",
        metavar="S",
        help="Sparsity of the first pruning step [default: 0.05].",
    ),
]
PruningSchedule = Annotated[
    str | None,
    typer.Option(
        "--pruning-schedule",
        metavar="NAME",
        help="cubic, linear, constant, or paper (one step short) [default: cubic].",
    ),
]


@dataclass(frozen=True)
class Settings:
    """A recipe with what was changed in it."""

    recipe: Recipe
    image_size: int | None  # pixels; None: what the images have
    when: tuple[str, Any]  # the option that says when to prune, and its value
    times: list[float]  # in epochs from the start of training; empty for a dense network
    shape: str
    initial: float


def settings(
    name: str | None,
    use: str,
    training: Mapping[str, Any],
    pruning: Mapping[str, Any],
    *,
    before: Recipe | None = None,
) -> Settings:
    """The recipe `name` (None: `before`, or small) with the changes that are not None.

    `use` is one of `recipes.USES`: a recipe is refused for what it does not say how to do.
    """
    from pbias.pruning.one_shot import check_range
    from pbias.pruning.schedule import INITIAL_SPARSITY
    from pbias.training.recipes import find_recipe

    found = find_recipe(name or "small", use)
    base = before if before and name is None else found.recipe
    recipe = base.replace(**training)
    given = {option: value for option, value in pruning.items() if value is not None}
    when = _when(given, found.pruning_epochs)
    times = [] if use == "dense" else _times(*when, recipe.epochs, use)
    initial = given.get("initial-sparsity", INITIAL_SPARSITY)
    check_range(initial)
    shape = given.get("pruning-schedule", "cubic")
    return Settings(recipe, found.image_size, when, times, shape, initial)


def _when(given: Mapping[str, Any], by_recipe: Sequence[float] | None) -> tuple[str, Any]:
    from pbias.errors import UserError

    if {"steps", "pruning-epochs"} <= given.keys():
        raise UserError("--steps and --pruning-epochs both say when to prune; leave one out")
    if "pruning-epochs" in given:
        return "pruning-epochs", numbers("--pruning-epochs", given["pruning-epochs"], 3)
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


def required(value: str | None, name: str) -> str:
    """What may be left out with --print-config alone."""
    if value is None:
        from pbias.errors import UserError

        raise UserError(f"{name} is missing; see -h (only --print-config does without)")
    return value


def print_settings(command: str, chosen: Settings, others: Mapping[str, Any]) -> None:
    """What --config would have to say for this run, as TOML on standard output.

    `others` are options beside the recipe; None: not given.
    """
    from pbias.cli.app import tree

    known = {word for option in tree().commands[command].params for word in option.opts}
    recipe = {name.replace("_", "-"): value for name, value in chosen.recipe.as_dict().items()}
    del recipe["name"]
    pruning = {"pruning-schedule": chosen.shape, "initial-sparsity": chosen.initial}
    pruning = dict([chosen.when]) | pruning if chosen.times else {}
    values = {**others, **recipe, **pruning}
    lines = [
        f"{name} = {_toml(value)}"
        for name, value in values.items()
        if value is not None and f"--{name}" in known
    ]
    print("\n".join([f"[{command}]", *lines]))


def _toml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)
