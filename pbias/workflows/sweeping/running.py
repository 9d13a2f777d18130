"""Run a sweep with Snakemake: one process at a time, resumed where it stopped."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shlex
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from pbias.cores import num_cores
from pbias.errors import UserError
from pbias.extras import load_extra
from pbias.workflows.sweeping.jobs import Job
from pbias.workflows.sweeping.plan import Plan

LOCK = ".pbias-sweep.lock"
OWN_EXECUTORS = ("local", "dryrun", "touch")
LAST_LINES = 200


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
    check_executor(given)
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", workflow, "--rerun-incomplete"),
        # The lock below ends with the processes that hold it; Snakemake's outlives a kill.
        *("--nolock", "--keep-going", *given),
    ]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    with _alone(plan.folder / plan.out) as lock:
        status, said = _wait(command, {**os.environ, "PATH": path}, lock)
    if status:
        raise UserError(explained(said, workflow) or _failed(plan, jobs, status))


def check_executor(arguments: Sequence[str]) -> None:
    """Refuse an executor whose plugin is not installed; Snakemake would list all its modules."""
    words = [part for word in arguments for part in word.split("=", 1)]
    for option, name in itertools.pairwise(words):
        if option not in ("--executor", "-e") or name in OWN_EXECUTORS:
            continue
        if find_spec(f"snakemake_executor_plugin_{name.replace('-', '_')}") is None:
            raise UserError(
                f"the executor '{name}' is not installed; install it with "
                f"pip install snakemake-executor-plugin-{name}, or leave {option} out"
            )


def explained(said: Sequence[str], workflow: str) -> str | None:
    """Return in a line what is wrong and what to do, for common errors of Snakemake."""
    text = "\n".join(said)
    if found := re.search(r"unrecognized arguments: (.*)", text):
        return f"Snakemake has no option {found[1]}; see 'snakemake -h'"
    if found := re.search(r"(?m)^\S+: error: (.*)", text):
        return f"Snakemake refuses its arguments: {found[1]}; see 'snakemake -h'"
    if "LockException" in text or "cannot be locked" in text:
        return (
            "Snakemake's folder is locked by another run or one that was killed; if none is "
            f"running, unlock it with: snakemake --unlock -s {shlex.quote(workflow)}"
        )
    if found := re.search(r"MissingInputException.*?(?:affected files:)\s+(\S+)", text, re.DOTALL):
        return f"no job makes {found[1]}, and it does not exist; restore it and run the sweep again"
    return None


def _wait(
    command: Sequence[str], environment: dict[str, str], lock: int
) -> tuple[int, Sequence[str]]:
    """Run Snakemake and end it with this process, so that no job is left alone.

    Its messages go to stderr; return its status and the last of them.
    """
    last: deque[str] = deque(maxlen=LAST_LINES)
    running = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, pass_fds=[lock], text=True, errors="replace",
    )  # fmt: skip
    assert running.stdout is not None
    try:
        for line in running.stdout:
            last.append(line)
            sys.stderr.write(line)
        return running.wait(), last
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
