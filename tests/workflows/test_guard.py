"""Protection of a training run: its output, its disk and its images."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from torch import nn

from pbias.errors import UserError
from pbias.files.checkpoint import load_checkpoint
from pbias.training.state import StateFile
from pbias.workflows.runs import guard
from pbias.workflows.runs import run as runs

Run = Callable[..., CompletedProcess[str]]
TRAIN = shlex.split(
    "train photos/labels.csv --batch-size 8 --image-size 16 --targets bright,red --epochs 2 -o a.pt"
)


def _free(monkeypatch: pytest.MonkeyPatch, num_bytes: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=num_bytes))


@pytest.mark.skipif(sys.platform != "linux", reason="outputs are locked on Linux alone")
def test_a_second_training_on_one_output_is_refused(tmp_path: Path) -> None:
    output = str(tmp_path / "a.pt")
    code = (
        "import sys\nfrom pbias.errors import UserError\n"
        "from pbias.workflows.runs.guard import hold\n"
        "try:\n    hold(sys.argv[1])\nexcept UserError as error:\n    print(error)\n"
    )

    def other() -> str:
        command = [sys.executable, "-c", code, output]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    guard.hold(output)
    try:
        assert other() == (
            f"another process is already training {output}; wait for it, or name another output\n"
        )
    finally:
        guard.release(output)
    assert other() == "" and list(tmp_path.iterdir()) == []


def test_a_disk_without_room_is_refused_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    network, output = nn.Linear(1024, 1024, bias=False), str(tmp_path / "a.pt")  # 4 MiB
    _free(monkeypatch, 4 * guard.MIB)
    with pytest.raises(UserError, match=r"has 4 MiB free but the network needs 5; make room"):
        guard.check_room(output, network)
    _free(monkeypatch, 44 * guard.MIB)
    guard.check_room(output, network)
    assert "has 44 MiB free; with less than 45 a run cannot be resumed" in caplog.text
    caplog.clear()
    _free(monkeypatch, 45 * guard.MIB)
    guard.check_room(output, network)
    assert not caplog.records


def test_a_network_that_cannot_be_written_is_kept_elsewhere(
    pbias: Run, photos: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(guard.tempfile, "tempdir", str(elsewhere))

    def full(made: object, path: str, *, packed: bool = False) -> None:
        raise UserError(f"cannot write {path}: no space left on device; nothing was changed there")

    monkeypatch.setattr(runs, "save_checkpoint", full)
    done = pbias(*TRAIN)
    kept = next(elsewhere.glob("*.pt"))
    assert done.returncode == 2 and not Path("a.pt").exists()
    assert f"nothing was changed there; the network was saved as {kept}; move it" in done.stderr
    assert load_checkpoint(str(kept)).targets == ["bright", "red"]


def test_changed_images_are_noticed(
    pbias: Run, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as kept:
        kept.setattr(StateFile, "remove", lambda self: None)
        assert pbias(*TRAIN).returncode == 0
    whole = Path("a.pt").read_bytes()
    Path("a.pt").unlink()
    changed = next(path for path in sorted(photos.rglob("*")) if path.suffix in (".png", ".jpg"))
    before = changed.read_bytes()
    with Image.open(changed) as image:
        pixels = np.asarray(image)
    Image.fromarray(255 - pixels).save(changed)
    done = pbias(*TRAIN, "--resume")
    assert done.returncode == 2 and "a.pt.state was trained on other images" in done.stderr
    changed.write_bytes(before)
    assert pbias(*TRAIN, "--resume").returncode == 0
    assert Path("a.pt").read_bytes() == whole and not Path("a.pt.state").exists()


def test_a_state_beside_a_finished_output_is_removed(
    pbias: Run, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as kept:
        kept.setattr(StateFile, "remove", lambda self: None)
        pbias(*TRAIN)
    assert Path("a.pt.state").exists()
    done = pbias(*TRAIN, "--resume")
    assert done.returncode == 0 and "a.pt is done already" in done.stderr
    assert not Path("a.pt.state").exists()


def test_another_number_of_threads_is_noted(
    pbias: Run, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as kept:
        kept.setattr(StateFile, "remove", lambda self: None)
        pbias(*TRAIN)
    Path("a.pt").unlink()
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    done = pbias(*TRAIN, "--resume")
    assert "threads is '1' there and '2' here; digits may differ" in done.stderr


def test_a_run_does_not_go_on_with_another_number_of_threads_than_was_asked_for(
    pbias: Run, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as kept:
        kept.setattr(StateFile, "remove", lambda self: None)
        pbias(*TRAIN, "--threads", "1")
    made = Path("a.pt").read_bytes()
    assert load_checkpoint("a.pt").environment["threads"] == "1"
    Path("a.pt").unlink()
    done = pbias(*TRAIN, "--resume", "--threads", "2")
    assert done.returncode == 2
    assert "a.pt.state was trained with --threads 1; give the same number, or" in done.stderr
    assert pbias(*TRAIN, "--resume", "--threads", "1").returncode == 0
    assert Path("a.pt").read_bytes() == made


def test_a_number_chosen_by_speed_is_in_the_checkpoint(
    pbias: Run, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("pbias.training.threads.num_cores", lambda: 2)
    monkeypatch.setattr("pbias.training.threads.FreeCores", lambda: lambda: 2.0)
    done = pbias(*TRAIN, "--epochs", "40")
    used = load_checkpoint("a.pt").environment["threads"]
    assert "1 in " in used and "2 in " in used and " steps" in used
    assert f"threads, chosen by speed: {used}; another run will differ in rounding" in done.stderr
