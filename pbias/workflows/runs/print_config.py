"""Write the settings of a run as a file that --config reads."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pbias.files.escaping import json_text
from pbias.pruning.method import OF_DATA
from pbias.pruning.schedule import ACDC
from pbias.workflows.runs.options import PruneOptions, TrainOptions
from pbias.workflows.runs.settings import METHOD, OF_DATA_SCORES, Settings, method_of
from pbias.workflows.runs.values import joined

# Settings outside of the recipe that determine the network.
OTHERS = (
    "arch", "factory", "model_args", "init", "data", "image_root", "targets", "classes", "groups",
    "cluster", "where", "image_size", "resize", "mean", "std", "precision", "sparsity", "teacher",
)  # fmt: skip
ONE_SHOT = (
    "one_shot", "steps", "pruning_schedule", "bn_batches", "batch_size", "loss", "seed",
)  # fmt: skip
SWITCHED_OFF = ("balance", "group_dro")  # by an empty text, if the checkpoint was trained with them
OPTIONS = {"factory": "model"}  # options whose name differs from the field


def config_text(
    command: str,
    chosen: Settings,
    options: TrainOptions | PruneOptions,
    changes: Mapping[str, Any] | None = None,
) -> str:
    """Return the --config file of this run, as TOML.

    `changes` replace values of the options. Settings without an option of the command are left out.
    """
    given = _given(options) | dict(changes or {})
    wanted = (*OTHERS, *METHOD) if chosen.times else OTHERS
    others = {name: given[name] for name in wanted if name in given}
    recipe = {name: value for name, value in chosen.recipe.in_use().items() if name in given}
    recipe |= {name: "" for name in SWITCHED_OFF if given[name] == ""}
    values = {
        "recipe": options.recipe,
        **others,
        **{name: value for name, value in recipe.items() if name not in others},
    }
    if chosen.times:
        values |= dict([chosen.when])
        if chosen.shape != ACDC:
            values |= {"pruning_schedule": chosen.shape, "initial_sparsity": chosen.initial}
    return _table(command, values)


def one_shot_text(options: PruneOptions) -> str:
    """Return the --config file of pruning without training, as TOML."""
    given = _given(options)
    wanted = [name for name in (*OTHERS, *METHOD, *ONE_SHOT) if name != "precision"]
    if options.steps is None:
        wanted.remove("pruning_schedule")
    return _table("prune", {name: given[name] for name in wanted if name in given})


def _given(options: TrainOptions | PruneOptions) -> dict[str, Any]:
    """Return the values of all options, with the usual ones of scores that need images."""
    given = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    method = method_of(options)
    if method.score in OF_DATA:
        given |= {name: getattr(method, name) for name in OF_DATA_SCORES}
        given["score_groups"] = joined(method.score_groups) or None
        given["score_reduce"] = method.score_reduce if method.score_groups else None
    return given


def _table(command: str, values: Mapping[str, Any]) -> str:
    lines = [
        f"{OPTIONS.get(name, name).replace('_', '-')} = {_toml(value)}"
        for name, value in values.items()
        if value is not None
    ]
    return "\n".join([f"[{command}]", *lines])


def _toml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    value = json.dumps(value) if isinstance(value, Mapping) else value
    value = str(value) if isinstance(value, Path) else value
    # TOML has no surrogate pairs, which JSON writes for characters beyond 16 bits.
    return json_text(json.dumps(value, ensure_ascii=False))
