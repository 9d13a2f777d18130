"""The work of `pbias sweep`: print the command lines, write the workflow, run it."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Sequence

from pbias.errors import UserError
from pbias.files.streams import check_inputs, check_output, input_name, write_text
from pbias.workflows.sweeping.checks import (
    Check,
    check_columns,
    check_jobs,
    check_libraries,
    check_recipes,
    columns_of,
)
from pbias.workflows.sweeping.jobs import Job, jobs_of
from pbias.workflows.sweeping.plan import Plan, check_data, read_plan
from pbias.workflows.sweeping.running import run_sweep
from pbias.workflows.sweeping.snakefile import snakefile

logger = logging.getLogger(__name__)


def command_lines(path: str, check: Check) -> list[str]:
    """Return the command lines of a plan, in an executable order; needs no data.

    `check` raises UserError for options that a command does not take.
    """
    return [shlex.join(job.argv) for job in _jobs(path, check)[1]]


def _jobs(path: str, check: Check) -> tuple[Plan, list[Job]]:
    """Read a plan, and check all that needs neither data nor packages."""
    check_inputs([path])
    plan, name = read_plan(path), input_name(path)
    jobs = jobs_of(plan)
    check_jobs(name, jobs, check)
    check_recipes(name, plan)
    return plan, jobs


def sweep(
    path: str,
    check: Check,
    output: str | None = None,
    more: Sequence[str] = (),
    *,
    run: bool = False,
    no_clobber: bool = False,
) -> None:
    """Write the workflow of a plan, and run it if requested, with more arguments for Snakemake.

    `check` raises UserError for options that a command does not take. Raises UserError for an
    invalid plan, for missing data, and if a job fails.
    """
    plan, jobs = _jobs(path, check)
    if more and not run:
        raise UserError(f"{more[0]} is an option of Snakemake; add --run")
    target = output or str(plan.folder / plan.out / "Snakefile")
    if run and target == "-":
        raise UserError("--run needs a file; name it with -o, or leave -o out")
    check_data(plan, input_name(path))
    check_libraries(input_name(path), plan)
    if (columns := columns_of(plan)) is not None:
        check_columns(input_name(path), plan, columns)
    if output is None:
        (plan.folder / plan.out).mkdir(parents=True, exist_ok=True)
    check_output(target, [path], no_clobber=no_clobber, binary=False)
    write_text(target, snakefile(plan, jobs, target))
    logger.info("%s: %d jobs", target, len(jobs))
    if run:
        run_sweep(plan, jobs, target, more)
