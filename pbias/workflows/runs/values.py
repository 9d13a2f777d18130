"""Sparsities that are asked for, and the files that the networks go to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pbias.errors import UserError

if TYPE_CHECKING:
    from pbias.pruning.method import Method

MAX_ROUNDING = 0.001  # 0.667 for 1:3


def asked_sparsity(sparsity: str | None, method: Method) -> str:
    """The sparsity that is asked for, or what the pattern means by itself."""
    implied = method.implied_sparsity
    if implied is None:
        if sparsity is None:
            raise UserError("Missing option '--sparsity'; give the share of zeros, as in 0.95")
        return sparsity
    given = parse_jobs(sparsity, "{sparsity}") if sparsity is not None else []
    if any(abs(target - implied) > MAX_ROUNDING for target, _ in given):
        raise UserError(
            f"--pattern {method.pattern} means sparsity {implied:g}, not {sparsity};"
            " leave --sparsity out"
        )
    return f"{implied:g}"


def parse_jobs(sparsity: str, output: str) -> list[tuple[float, str]]:
    """Each sparsity with its output, the lowest first."""
    words = [word.strip() for word in sparsity.split(",")]
    try:
        jobs = {float(word): output.replace("{sparsity}", word) for word in words}
    except ValueError as error:
        raise UserError(f"--sparsity {sparsity} is no number; give one, as in 0.95") from error
    if len(jobs) != 1 and "{sparsity}" not in output:
        raise UserError(
            f"{len(jobs)} sparsities go into one file {output}; write '{{sparsity}}' in its name,"
            " as in -o 's{sparsity}.pt'"
        )
    return sorted(jobs.items())


def folder(output: str) -> str | None:
    """Where a file beside the output goes; None for standard output."""
    return None if output == "-" else str(Path(output).parent)
