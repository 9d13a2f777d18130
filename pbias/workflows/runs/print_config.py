"""`--print-config`: the settings of a run, as the file that --config reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pbias.workflows.runs.settings import METHOD, Settings

# Beside the recipe: what decides which network it becomes.
OTHERS = (
    "arch", "model", "model_args", "targets", "groups", "cluster", "where", "image_size", "resize",
    "mean", "std", "precision", "sparsity",
)  # fmt: skip


def print_settings(command: str, chosen: Settings, options: Mapping[str, Any]) -> None:
    """What --config would have to say for this run, as TOML on standard output.

    `options` are the command's, by parameter; None: not given.
    """
    from pbias.cli.app import tree

    known = {word for option in tree().commands[command].params for word in option.opts}
    wanted = (*OTHERS, *METHOD) if chosen.times else OTHERS
    others = {name: options[name] for name in wanted if name in options}
    values = {
        "recipe": options["recipe_name"],
        **others,
        **{name: value for name, value in chosen.recipe.as_dict().items() if name not in others},
    }
    del values["name"]
    if chosen.times:
        values |= dict([chosen.when])
        values |= {"pruning_schedule": chosen.shape, "initial_sparsity": chosen.initial}
    lines = [
        f"{name.replace('_', '-')} = {_toml(value)}"
        for name, value in values.items()
        if value is not None and "--" + name.replace("_", "-") in known
    ]
    print("\n".join([f"[{command}]", *lines]))


def _toml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)
