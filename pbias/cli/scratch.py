"""Pruning from random weights on, for `pbias train`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbias.cli.jobs import parse_jobs
from pbias.cli.recipes import PRUNING, Settings, first_given
from pbias.errors import UserError
from pbias.files.checkpoint import Checkpoint
from pbias.pruning.method import Method
from pbias.pruning.networks import network
from pbias.pruning.one_shot import check_range, check_reachable, measure
from pbias.pruning.ramp import Ramp


def plan_pruning(
    sparsity: str | None, output: str, asked: Settings, options: Mapping[str, Any]
) -> tuple[list[tuple[float, str]], Ramp | None]:
    """The sparsities with their outputs, and how to get there; nothing for a dense network."""
    if sparsity is None:
        useless = first_given({**options, "pack": options["pack"] or None}, [*PRUNING, "pack"])
        if useless:
            raise UserError(f"{useless} has no effect without --sparsity; add it")
        return [], None
    jobs = parse_jobs(sparsity, output)
    ramp = asked.ramp(Method())
    for target, _ in jobs:
        check_range(target)
        ramp.schedule(target)  # refuses what is wrong before any image is read
    return jobs, ramp


def check_start(checkpoint: Checkpoint, sparsities: list[float], path: str) -> None:
    """Refuse a sparsity below that of the weights from `path`, which training starts from."""
    counts = measure(checkpoint, network(checkpoint))
    for sparsity in sparsities:
        check_reachable(sparsity, counts, path)
