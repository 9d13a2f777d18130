"""The jobs of a sweep as a Snakemake workflow, one rule for each command line."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from pbias.workflows.sweeping.jobs import Job
from pbias.workflows.sweeping.plan import Plan

HEAD = """# Made by `pbias sweep`. Run it with: snakemake --cores all --rerun-incomplete -s {name}
# Every rule is one command line of pbias; what a job says is in its log.
import os

workdir: {folder}

os.makedirs({networks}, exist_ok=True)  # Snakemake makes folders of what it tracks alone

rule all:
    input: {wanted}
"""


def snakefile(plan: Plan, jobs: Sequence[Job], output: str) -> str:
    """Return the workflow's text, for a file at `output`; `-` uses the absolute folder."""
    folder = os.path.abspath(plan.folder)  # noqa: PTH100
    if output == "-":
        place = _quoted(folder)
    else:
        beside = os.path.relpath(folder, Path(output).resolve().parent)
        place = f"os.path.join(workflow.basedir, {_quoted(beside)})"
    wanted = [result for job in jobs for result in job.results]
    networks = _quoted(f"{plan.out}/networks")
    head = HEAD.format(
        name=Path(output).name, folder=place, networks=networks, wanted=_listed(wanted)
    )
    return "\n".join([head, *(_rule(plan, job) for job in jobs)])


def _rule(plan: Plan, job: Job) -> str:
    done = f"touch({_quoted(job.done)})" if job.done else _listed(job.outputs)
    lines = [
        f"rule {re.sub(r'[^A-Za-z0-9]+', '_', job.name)}:",
        f"    input: {_listed(job.inputs)}" if job.inputs else "",
        f"    output: {done}",
        f"    log: {_quoted(job.log)}",
        f"    threads: {plan.resources.get('threads', 1) if job.heavy else 1}",
        *_resources(plan, job),
        f"    group: {_quoted(job.group)}" if job.group else "",
        f"    shell: {_quoted(_shell(job))}",
    ]
    return "\n".join(filter(None, lines)) + "\n"


def _resources(plan: Plan, job: Job) -> list[str]:
    r = plan.resources
    asked = {
        "gpu": r.get("gpus", 0) if job.heavy else 0,
        "mem_mb": r.get("memory_mb", 0),
        "runtime": r.get("minutes", 0),
    }
    return [f"    resources: {', '.join(f'{k}={v}' for k, v in asked.items() if v)}"] * any(
        asked.values()
    )


def _shell(job: Job) -> str:
    """Return the command line with its log, doubling braces, which Snakemake would fill in."""
    line = shlex.join(job.argv).replace("{", "{{").replace("}", "}}") + " > {log:q} 2>&1"
    if job.accepted:
        statuses = "|".join(map(str, job.accepted))
        line += f" || case $? in {statuses}) ;; *) exit 1 ;; esac"
    return line


def _listed(paths: Sequence[str]) -> str:
    return ", ".join(map(_quoted, paths))


def _quoted(text: str) -> str:
    return json.dumps(text)
