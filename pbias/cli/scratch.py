"""Pruning from random weights on, for `pbias train`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbias.cli.jobs import parse_jobs
from pbias.cli.recipes import METHOD, PRUNING, Settings, first_given
from pbias.errors import UserError
from pbias.pruning.method import Method
from pbias.pruning.one_shot import check_range
from pbias.pruning.schedule import Ramp


def plan_pruning(
    sparsity: str | None, output: str, asked: Settings, method: Method, options: Mapping[str, Any]
) -> tuple[list[tuple[float, str]], Ramp | None]:
    """The sparsities with their outputs, and how to get there; nothing for a dense network."""
    if sparsity is None:
        given = {**options, "pack": options["pack"] or None, **_changed(method)}
        useless = first_given(given, [*PRUNING, *METHOD, "pack"])
        if useless:
            raise UserError(f"{useless} has no effect without --sparsity; add it")
        return [], None
    jobs = parse_jobs(sparsity, output)
    ramp = asked.ramp(method)
    for target, _ in jobs:
        check_range(target)
        ramp.schedule(target)  # refuses what is wrong before any image is read
    return jobs, ramp


def _changed(method: Method) -> dict[str, Any]:
    """The parameters of the method, None where they are as they always are."""
    usual = Method()
    values = {name: getattr(method, name) for name in METHOD}
    return {
        name: None if value == getattr(usual, name) else value for name, value in values.items()
    }
