"""The two ways of `pbias prune`, and options that have no effect in one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbias.cli.options.pruning import PruningSchedule
from pbias.workflows.runs.settings import TRAINING, first_given
from pbias.errors import UserError


def check_one_shot(options: Mapping[str, Any], num_batches: int) -> None:
    """Refuse what is about training, or about steps where there is one; `options` by parameter."""
    allowed = {"loss", "seed", "batch_size" if num_batches else ""}
    names = [name for name in TRAINING if name not in allowed]
    names += ["pruning_epochs", "initial_sparsity", "precision", "compile", "resume"]
    running = {
        "precision": None if options["precision"] == "auto" else options["precision"],
        "compile": options["compile_"] or None,
        "resume": options["resume"] or None,
    }
    useless = "--recipe" if options["recipe_name"] else first_given({**options, **running}, names)
    if useless:
        raise UserError(f"{useless} has no effect with --one-shot; leave one of them out")
    if options["pruning_schedule"] != PruningSchedule.CUBIC and options["steps"] is None:
        raise UserError("--pruning-schedule has no effect with --one-shot in one step; add --steps")


def check_gradual(bn_batches: int | None) -> None:
    """Refuse what is about pruning without training."""
    if bn_batches:
        raise UserError("--bn-batches is for --one-shot, for training estimates them; leave it out")
