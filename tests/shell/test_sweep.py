"""`pbias sweep --run` with Snakemake: killed in the middle, continued, and with failed jobs."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.conftest import needs

Run = Callable[..., CompletedProcess[str]]
PLAN = """
out = "o"
architectures = ["resnet_small"]
seeds = [3]
sparsities = [0.5]
ways = ["from-dense"]
[data]
labels = "photos/labels.csv"
groups = ["male"]
[train]
epochs = 1
workers = 1
[from-dense]
epochs = 1
workers = 1
[audit]
gates = ["churn/mean <= 0"]
"""


@pytest.fixture(autouse=True)
def snakemake() -> None:
    """Require the packages that run a sweep."""
    needs("snakemake")
    needs("vl_convert")


def kill_after(folder: Path, flag: str) -> None:
    """Start a sweep and kill all its processes as soon as a file exists."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with subprocess.Popen(
        ["pbias", "sweep", "plan.toml", "--run", "-q"],
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as running:
        until = time.monotonic() + 120
        while not (folder / flag).exists():
            assert running.poll() is None and time.monotonic() < until
            time.sleep(0.05)
        os.killpg(running.pid, signal.SIGKILL)


@pytest.mark.slow
def test_a_sweep_that_was_killed_goes_on_where_it_was(
    shell: Run, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "plan.toml").write_text(PLAN)
    kill_after(tmp_path, "o/networks/resnet_small-3-dense.pt")
    made = (tmp_path / "o/networks/resnet_small-3-dense.pt").stat().st_mtime_ns
    done = shell("pbias sweep plan.toml --run -- --quiet")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "o/networks/resnet_small-3-dense.pt").stat().st_mtime_ns == made
    with (tmp_path / "o/runs.csv").open() as file:
        rows = list(csv.DictReader(file))
    facts = [(r["architecture"], r["strategy"], r["seed"]) for r in rows]
    assert facts == [("resnet_small", "dense", "3"), ("resnet_small", "from-dense", "3")]
    assert (tmp_path / "o/curves.svg").exists() and (tmp_path / "o/reports").is_dir()
    assert (tmp_path / "o/selected/resnet_small-from-dense.json").exists()


@pytest.mark.slow
def test_a_failed_job_names_its_log(shell: Run, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(
        PLAN.replace("epochs = 1", 'precision = "fp16"\ndevice = "cpu"', 1)
    )
    done = shell("pbias sweep plan.toml --run -- --quiet")
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("pbias: error: not all jobs succeeded; read o/logs/resnet_small-3-dense")
    assert "fp16 needs a CUDA device" in (tmp_path / "o/logs/resnet_small-3-dense.log").read_text()
