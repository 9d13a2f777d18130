"""Behavior of synth, train, prune, predict, pack and info in a real shell."""

from __future__ import annotations

import hashlib
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Run = Callable[..., CompletedProcess[str]]
PBIAS = Path(sys.executable).with_name("pbias")
SMALL = "--epochs 1 --batch-size 16 --workers 1 -q"
PRUNE = "--sparsity 0.9 --one-shot -q"


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, quick_pbias: str) -> Path:
    """Create a folder with drawn faces and a network trained on them for one epoch."""
    folder = tmp_path_factory.mktemp("trained")
    draw = "pbias synth -o faces --num 48 --size 16 -q"
    train = f"pbias train faces/labels.csv --groups Male --targets Smiling,Young {SMALL}"
    command = f"{draw} && {train} -o dense.pt && pbias predict dense.pt faces/labels.csv -qo d.npz"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": quick_pbias}
    subprocess.run(["bash", "-c", command], cwd=folder, env=environment, check=True)
    return folder


@pytest.fixture
def here(trained: Path, tmp_path: Path) -> Path:
    """Copy those files into the working directory of `shell`."""
    for name in ("faces", "dense.pt", "d.npz"):
        (tmp_path / name).symlink_to(trained / name)
    return tmp_path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_pipeline_of_all_stages_gives_what_files_give(quick_shell: Run, here: Path) -> None:
    piped = quick_shell(
        f"pbias prune - {PRUNE} -o - < dense.pt | pbias predict - faces/labels.csv -qo - "
        "| pbias metrics - --ref d.npz -q"
    )
    files = quick_shell(
        f"pbias prune dense.pt {PRUNE} -o s.pt && pbias predict s.pt faces/labels.csv -qo s.npz "
        "&& pbias metrics s.npz --ref d.npz -q"
    )
    assert piped.returncode == files.returncode == 0, piped.stderr
    assert piped.stdout == files.stdout and piped.stdout.startswith("metric,")


def test_the_labels_may_come_from_a_pipe(quick_shell: Run, here: Path) -> None:
    done = quick_shell("pbias predict dense.pt - --image-root faces -qo p.npz < faces/labels.csv")
    assert done.returncode == 0, done.stderr
    compared = quick_shell(
        "pbias metrics p.npz --ref d.npz --metrics churn -q | sed -n 2p | cut -d, -f5"
    )
    assert float(compared.stdout) == 0


def test_a_packed_file_goes_through_pipes_and_back(quick_shell: Run, here: Path) -> None:
    done = quick_shell("pbias pack - -o - < dense.pt | pbias unpack - -o back.pt")
    assert done.returncode == 0, done.stderr
    assert digest(here / "back.pt") == digest(here / "dense.pt")


def test_a_full_disk_is_one_line_and_leaves_nothing(shell: Run, here: Path) -> None:
    for output in ("/dev/full", "s.pt"):
        limit = "ulimit -f 8; trap '' XFSZ; " if output == "s.pt" else ""
        done = shell(f"{limit}pbias prune dense.pt {PRUNE} -o {output}")
        assert done.returncode == 2 and done.stderr.count("\n") == 1
        assert "no space left" in done.stderr or "file too large" in done.stderr
    assert sorted(p.name for p in here.iterdir()) == ["d.npz", "dense.pt", "faces"]


def test_a_network_never_replaces_itself(quick_shell: Run, here: Path) -> None:
    before = digest(here / "dense.pt")
    for command in (
        f"prune dense.pt {PRUNE}",
        "predict dense.pt faces/labels.csv",
        "pack dense.pt",
    ):
        done = quick_shell(f"pbias {command} -o dense.pt")
        assert done.returncode == 2
        assert done.stderr.endswith("dense.pt is an input; name another output\n")
    assert digest(here / "dense.pt") == before


def test_two_processes_that_write_one_file_leave_a_whole_one(shell: Run, here: Path) -> None:
    done = shell(f"for i in 1 2; do pbias prune dense.pt {PRUNE} -o s.pt & done; wait")
    assert done.stderr == ""
    assert shell("pbias info s.pt --expect-sparsity 0.9 -q").returncode == 0
    assert sorted(p.name for p in here.iterdir()) == ["d.npz", "dense.pt", "faces", "s.pt"]


def test_networks_are_never_written_to_a_terminal(here: Path) -> None:
    ours, theirs = pty.openpty()
    command = [PBIAS, "pack", "dense.pt", "-o", "-"]
    done = subprocess.run(
        command, cwd=here, stdout=theirs, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 2 and "terminal" in done.stderr


@pytest.mark.parametrize(
    "environment",
    [{"HOME": "/nonexistent"}, {"GITHUB_ACTIONS": "1"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}],
    ids=["no home", "GitHub", "C locale"],
)
def test_surroundings_change_no_result(shell: Run, here: Path, environment: dict[str, str]) -> None:
    done = shell("pbias predict dense.pt faces/labels.csv -qo e.npz", **environment)
    assert (done.returncode, done.stdout) == (0, "")
    assert all("never predicted" in line for line in done.stderr.splitlines())
    assert digest(here / "e.npz") == digest(here / "d.npz")
