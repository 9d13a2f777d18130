"""`--resume` and `--dry-run` of train and prune, interrupted by real signals."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from pbias.files.checkpoint import load_checkpoint

Run = Callable[..., CompletedProcess[str]]

PBIAS = str(Path(sys.executable).with_name("pbias"))
TRAIN = "train photos/labels.csv --batch-size 8 --image-size 16 --targets bright,red"
PRUNE = "prune dense.pt --batch-size 8 --steps 6"


def interrupt(command: str, folder: Path, state: str, number: int) -> tuple[int, str]:
    """Start a command, send a signal once it has a state; return its exit status and messages."""
    done = subprocess.Popen(
        [sys.executable, "-m", "pbias", *shlex.split(command)],
        cwd=folder, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    end = time.monotonic() + 120
    while not (folder / state).exists() and done.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    done.send_signal(number)
    _, said = done.communicate(timeout=120)
    return done.returncode, said


@pytest.mark.slow
def test_train_ends_after_a_step_and_goes_on_to_the_same_bytes(pbias: Run, photos: Path) -> None:
    options = f"{TRAIN} --epochs 16 -o"
    code, said = interrupt(f"{options} a.pt", photos.parent, "a.pt.state", signal.SIGINT)
    assert code == 130 and "Traceback" not in said, said
    assert sorted(path.name for path in Path().iterdir()) == ["a.pt.state", "photos"]
    command = said.splitlines()[-1].partition("go on with: ")[2]
    assert command == f"pbias {options} a.pt --resume"
    resumed = pbias(*shlex.split(command)[1:])
    assert "of 16 epochs are done" in resumed.stderr and "epoch 1 of 16" not in resumed.stderr
    pbias(*shlex.split(f"{options} whole.pt"))
    assert Path("a.pt").read_bytes() == Path("whole.pt").read_bytes()
    assert not list(Path().glob("*.state"))


@pytest.mark.slow
def test_gradual_pruning_goes_on_to_the_same_bytes(pbias: Run, photos: Path) -> None:
    pbias(*shlex.split(TRAIN), "--epochs", "1", "-o", "dense.pt")
    options = f"{PRUNE} --epochs 12 --sparsity"
    several = f"{options} 0.5,0.9 -o 'a{{sparsity}}.pt'"
    code, said = interrupt(several, photos.parent, "a0.9.pt.state", signal.SIGTERM)
    assert code == 143 and Path("a0.5.pt").exists() and not Path("a0.9.pt").exists(), said
    resumed = pbias(*shlex.split(several), "--resume")
    assert resumed.returncode == 0 and "a0.5.pt is done already" in resumed.stderr
    pbias(*shlex.split(f"{options} 0.9 -o whole.pt"))
    assert Path("a0.9.pt").read_bytes() == Path("whole.pt").read_bytes()


def test_a_run_that_is_done_is_left_as_it_is(pbias: Run, photos: Path) -> None:
    options = (*shlex.split(TRAIN), "--epochs", "1", "-o", "a.pt")
    pbias(*options)
    before = Path("a.pt").stat()
    done = pbias(*options, "--resume", "--no-clobber")
    assert done.returncode == 0 and "a.pt is done already" in done.stderr
    assert Path("a.pt").stat().st_mtime_ns == before.st_mtime_ns


def test_the_output_of_another_run_is_not_replaced(pbias: Run, photos: Path) -> None:
    options = (*shlex.split(TRAIN), "-o", "a.pt", "--epochs")
    pbias(*options, "1")
    done = pbias(*options, "2", "--resume")
    assert done.returncode == 2
    assert "a.pt belongs to another run: recipe.epochs is 1 there and 2 here; name" in done.stderr
    assert load_checkpoint("a.pt").recipe["epochs"] == 1


def test_with_nothing_to_resume_training_starts(pbias: Run, photos: Path) -> None:
    done = pbias(*shlex.split(TRAIN), "--epochs", "1", "-o", "a.pt", "--resume")
    assert done.returncode == 0 and "there is no a.pt.state: a.pt is trained" in done.stderr


def test_standard_output_has_no_state(pbias: Run, photos: Path) -> None:
    done = pbias(*shlex.split(TRAIN), "-o", "-", "--resume")
    assert done.returncode == 2
    assert "-o - is not a file, so there is no saved state" in done.stderr


def test_a_dry_run_says_what_would_be_done_and_does_nothing(pbias: Run, photos: Path) -> None:
    done = pbias(
        *shlex.split(TRAIN), "--epochs", "3", "--sparsity", "0.9", "-o", "a.pt", "--dry-run"
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert "would train on 44 images and validate on 10" in done.stderr
    assert "targets: bright, red" in done.stderr and "lr 0.003" in done.stderr
    assert "sparsity, and at which epoch: 0.05 at 0.3," in done.stderr
    assert "would write a.pt after 3 epochs" in done.stderr
    assert sorted(path.name for path in Path().iterdir()) == ["photos"]


def test_dry_runs_of_prune_and_predict_write_nothing(pbias: Run, photos: Path) -> None:
    pbias(*shlex.split(TRAIN), "--epochs", "1", "-o", "dense.pt")
    for command, said in (
        (f"{PRUNE} --sparsity 0.9 -o b.pt", "would write b.pt after 1 epochs"),
        ("prune dense.pt --one-shot --sparsity 0.9 -o b.pt", "would write b.pt without training"),
        ("predict dense.pt photos/labels.csv -o b.npz", "would predict 2 targets of 10 images"),
    ):
        done = pbias(*shlex.split(command), "--dry-run")
        assert done.returncode == 0 and said in done.stderr, done.stderr
    assert sorted(path.name for path in Path().iterdir()) == ["dense.pt", "photos"]


def test_a_dry_run_finds_what_is_wrong(pbias: Run, photos: Path) -> None:
    (photos / "3.png").unlink()
    done = pbias(*shlex.split(TRAIN), "-o", "a.pt", "--dry-run")
    assert done.returncode == 2 and "1 of 44 images" in done.stderr
