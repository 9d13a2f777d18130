"""Options of workflows match those of the commands, with the same defaults."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from pbias.cli.commands.models.predict import predict
from pbias.cli.commands.models.prune import prune
from pbias.cli.commands.models.train import train
from pbias.workflows.runs.options import PredictOptions, PruneOptions, TrainOptions

# The name of a field in the signature of a command.
NAMES = {
    "recipe": "recipe_name",
    "compile": "compile_",
    "factory": "model",
    "skip_bad_images": "on_bad_image",
}
# Parameters that are not fields: positional arguments, options for the command line itself, a
# second workflow.
OTHERS = {"labels", "output", "checkpoint", "print_config", "quiet", "verbose"}


@pytest.mark.parametrize(
    ("command", "options", "names", "others"),
    [
        (train, TrainOptions, NAMES, OTHERS),
        (prune, PruneOptions, NAMES, OTHERS),
        (predict, PredictOptions, {**NAMES, "factory": "own_model"}, OTHERS | {"model", "dry_run"}),
    ],
)
def test_commands_and_workflows_have_the_same_options(
    command: Callable[..., None], options: type[Any], names: dict[str, str], others: set[str]
) -> None:
    fields = {names.get(f.name, f.name): f.default for f in dataclasses.fields(options)}
    parameters = inspect.signature(command).parameters
    assert fields.keys() - {"resume_hint"} == parameters.keys() - others
    for name in fields.keys() - {"resume_hint", "on_bad_image", "pruning_schedule"}:
        assert parameters[name].default == fields[name], name
