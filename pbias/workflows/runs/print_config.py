"""Write the settings of a run as a file that --config reads."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from pbias.files.escaping import json_text
from pbias.pruning.method import OF_DATA
from pbias.pruning.schedule import ACDC
from pbias.workflows.runs.options import PruneOptions, TrainOptions
from pbias.workflows.runs.settings import METHOD, OF_DATA_SCORES, Settings, method_of

# Settings outside of the recipe that determine the network.
OTHERS = (
    "arch", "factory", "model_args", "targets", "groups", "cluster", "where", "image_size",
    "resize", "mean", "std", "precision", "sparsity",
    "teacher",
)  # fmt: skip
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
    given = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    given |= changes or {}
    method = method_of(options)
    if method.score in OF_DATA:
        given |= {name: getattr(method, name) for name in OF_DATA_SCORES}
        given["score_groups"] = ",".join(method.score_groups) or None
        given["score_reduce"] = method.score_reduce if method.score_groups else None
    wanted = (*OTHERS, *METHOD) if chosen.times else OTHERS
    others = {name: given[name] for name in wanted if name in given}
    recipe = {name: value for name, value in chosen.recipe.in_use().items() if name in given}
    values = {
        "recipe": options.recipe,
        **others,
        **{name: value for name, value in recipe.items() if name not in others},
    }
    if chosen.times:
        values |= dict([chosen.when])
        if chosen.shape != ACDC:
            values |= {"pruning_schedule": chosen.shape, "initial_sparsity": chosen.initial}
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
    # TOML has no surrogate pairs, which JSON writes for characters beyond 16 bits.
    return json_text(json.dumps(value, ensure_ascii=False))
