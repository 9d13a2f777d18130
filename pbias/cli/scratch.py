"""Pruning from random weights on, for `pbias train`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbias.cli.jobs import parse_jobs
from pbias.cli.recipes import Settings
from pbias.errors import UserError
from pbias.files.checkpoint import Checkpoint
from pbias.pruning.networks import network
from pbias.pruning.one_shot import check_range, check_reachable, measure
from pbias.pruning.ramp import Ramp


def plan_pruning(
    sparsity: str | None, output: str, asked: Settings, options: Mapping[str, Any]
) -> tuple[list[tuple[float, str]], Ramp | None]:
    """The sparsities with their outputs, and how to get there; nothing for a dense network."""
    given = [name for name, value in options.items() if value is not None]
    if sparsity is None:
        if given:
            raise UserError(f"--{given[0]} has no effect without --sparsity; add it")
        return [], None
    jobs = parse_jobs(sparsity, output)
    option, when = asked.when
    end = when[-1] if option == "pruning-epochs" else None
    ramp = Ramp(asked.shape, asked.times, asked.initial, end)
    for target, _ in jobs:
        check_range(target)
        ramp.schedule(target)  # refuses what is wrong before any image is read
    return jobs, ramp


def check_start(checkpoint: Checkpoint, sparsities: list[float], path: str) -> None:
    """Refuse a sparsity below that of the weights from `path`, which training starts from."""
    counts = measure(checkpoint, network(checkpoint))
    for sparsity in sparsities:
        check_reachable(sparsity, counts, path)
