"""Run a sweep with Snakemake: one process at a time, resumed where it stopped."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pbias.cores import num_cores
from pbias.errors import UserError
from pbias.extras import load_extra
from pbias.workflows.sweeping.jobs import Job
from pbias.workflows.sweeping.plan import Plan

LOCK = ".pbias-sweep.lock"


def run_sweep(plan: Plan, jobs: Sequence[Job], workflow: str, more: Sequence[str]) -> None:
    """Run the workflow; `more` are arguments of Snakemake, such as `--executor slurm`.

    Finished jobs are not repeated. Raises UserError if a job fails, with the name of its log, and
    if the same sweep is already running.
    """
    load_extra("snakemake", "sweep", "running a sweep")
    given = list(more)
    if not {"--cores", "-c", "--jobs", "-j"} & {word.partition("=")[0] for word in given}:
        given = ["--cores", str(num_cores()), *given]
    if plan.resources.get("gpus") and "--executor" not in given and "--resources" not in given:
        given += ["--resources", f"gpu={plan.resources['gpus']}"]  # one job per GPU
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", workflow, "--rerun-incomplete"),
        # The lock below ends with the processes that hold it; Snakemake's outlives a kill.
        *("--nolock", "--keep-going", *given),
    ]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    with _alone(plan.folder / plan.out) as lock:
        status = _wait(command, {**os.environ, "PATH": path}, lock)
    if status:
        raise UserError(_failed(plan, jobs, status))


def _wait(command: Sequence[str], environment: dict[str, str], lock: int) -> int:
    """Run Snakemake and end it with this process, so that no job is orphaned."""
    running = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=2, pass_fds=[lock]
    )
    try:
        return running.wait()
    finally:
        if running.poll() is None:
            running.terminate()
            running.wait()


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[int]:
    """Hold the sweep's lock; jobs inherit it, so it is released when the last one has ended."""
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(
                f"{folder} is in use by another sweep; wait for it, or end its processes"
            ) from None
        yield file.fileno()


def _failed(plan: Plan, jobs: Sequence[Job], status: int) -> str:
    """Name the jobs that have a log and no results."""
    folder = plan.folder
    open_jobs = [
        job
        for job in jobs
        if (folder / job.log).exists() and not all((folder / r).exists() for r in job.results)
    ]
    logs = ", ".join(str(folder / job.log) for job in open_jobs[:3])
    more = f", and {len(open_jobs) - 3} more" if len(open_jobs) > 3 else ""
    if not open_jobs:
        return f"Snakemake ended with status {status}, and no job failed; its messages stand above"
    return f"not all jobs succeeded; read {logs}{more}, and run the sweep again"
