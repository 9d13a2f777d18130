"""Two processes with torchrun: the same network, logits in order, messages once, one end."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
import torch
from PIL import Image

from pbias.errors import UserError
from pbias.files.checkpoint import load_checkpoint
from pbias.files.logits import read_logits
from pbias.training.processes import Processes

Run = Callable[..., CompletedProcess[str]]

# With Adam, rounding decides the direction of steps where almost nothing changes.
RECIPE = "--optimizer sgd --lr 0.05 --precision fp32"
TRAIN = f"train photos/labels.csv --epochs 2 --batch-size 15 {RECIPE}"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Draw 45, 11 and 9 images of 16 px to train, validate and test; some labels are unknown."""
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows = ["image,split,a,b"]
    for number in range(65):
        labels = rng.integers(0, 2, 2)
        pixels = rng.normal(90, 40, (16, 16, 3)) + 80 * labels[0]
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{number}.png")
        split = "train" if number < 45 else "valid" if number < 56 else "test"
        rows.append(f"{number}.png,{split},{labels[0]},{'' if number % 5 == 0 else labels[1]}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


def start(command: str, folder: Path) -> subprocess.Popen[str]:
    """Start a command in two processes, on a separate port, so that tests may run in parallel."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launch = f"-m torch.distributed.run --nproc-per-node 2 --master-port {port} -m pbias {command}"
    return subprocess.Popen(
        [sys.executable, *shlex.split(launch)],
        cwd=folder, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def two(command: str, folder: Path) -> str:
    """Return the standard error of two processes, which must succeed."""
    running = start(command, folder)
    _, said = running.communicate(timeout=240)
    assert running.returncode == 0, said
    return said


def numbers(said: str) -> list[list[str]]:
    """Return the messages on every epoch, without the speed."""
    return [line.split(", ")[:3] for line in said.splitlines() if "pbias: epoch" in line]


@pytest.mark.slow
def test_two_processes_train_and_prune_as_one(pbias: Run, photos: Path) -> None:
    whole = (photos / "3.png").read_bytes()
    (photos / "3.png").write_bytes(whole[: len(whole) // 2])  # only decoding notices this
    options = f"{TRAIN} --on-bad-image skip --sparsity 0.8 --steps 3 -o"
    one = pbias(*shlex.split(options), "one.pt").stderr
    said = two(f"{options} two.pt", photos.parent)
    here, there = load_checkpoint("one.pt"), load_checkpoint("two.pt")
    for name, tensor in here.state_dict.items():
        torch.testing.assert_close(there.state_dict[name], tensor, rtol=1e-4, atol=1e-5)
    assert here.recipe == there.recipe
    assert here.sparsity == there.sparsity
    assert here.data == there.data and said.count("skipped 3.png") == 1
    assert numbers(one) == numbers(said) and len(numbers(one)) == 2


@pytest.mark.slow
def test_two_processes_look_after_groups_as_one(pbias: Run, photos: Path) -> None:
    pbias(*shlex.split(f"{TRAIN} --targets b --groups a -o dense.pt"))
    options = (
        "prune dense.pt --sparsity 0.8 --steps 2 --epochs 2 --precision fp32 --distill"
        " --group-dro a --constrain 'ceag@a <= 0.01' --score fisher"
        " --score-groups a --score-batches 1 -o"
    )
    one = pbias(*shlex.split(options), "one.pt").stderr
    said = two(f"{options} two.pt", photos.parent)
    here, there = load_checkpoint("one.pt"), load_checkpoint("two.pt")
    for name, tensor in here.state_dict.items():
        torch.testing.assert_close(there.state_dict[name], tensor, rtol=1e-3, atol=1e-4)
    assert here.sparsity == there.sparsity
    for words in ("group DRO: weights", "ceag@a <= 0.01: "):
        lines = [[n for n in text.splitlines() if words in n] for text in (one, said)]
        assert lines[0] == lines[1] and len(lines[0]) == 2


@pytest.mark.slow
def test_two_processes_predict_in_order(pbias: Run, photos: Path) -> None:
    pbias(*shlex.split(TRAIN), "-o", "dense.pt")
    predict = "predict dense.pt photos/labels.csv --split all --batch-size 7 -o"
    pbias(*shlex.split(predict), "one.npz")
    assert two(f"{predict} two.npz", photos.parent).count("65 images predicted") == 1
    one, several = read_logits("one.npz"), read_logits("two.npz")
    np.testing.assert_array_equal(one.ids, several.ids)
    np.testing.assert_allclose(one.logits, several.logits, atol=1e-5)


@pytest.mark.slow
def test_a_signal_to_one_ends_both_and_resume_goes_on(pbias: Run, photos: Path) -> None:
    here = photos.parent
    command = TRAIN.replace("--epochs 2", "--epochs 60") + " -o long.pt"
    running = start(command, here)
    while not (here / "long.pt.state").exists() and running.poll() is None:
        time.sleep(0.02)
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
    os.kill(int(children[-1]), signal.SIGINT)
    _, said = running.communicate(timeout=120)
    assert running.returncode != 0 and said.count("go on with: pbias train photos") == 1, said
    assert not (here / "long.pt").exists()
    resumed = pbias(*shlex.split(command), "--resume")
    assert resumed.returncode == 0 and "of 60 epochs are done" in resumed.stderr


@pytest.mark.parametrize(("rank", "said"), [("0", 1), ("1", 0)])
def test_an_error_of_all_is_said_by_the_first(
    pbias: Run, monkeypatch: pytest.MonkeyPatch, rank: str, said: int
) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("RANK", rank)
    done = pbias("train", "none.csv", "-o", "a.pt")
    assert done.returncode == 2
    assert done.stderr.count("pbias: error: none.csv does not exist") == said


@pytest.mark.parametrize(("num", "size"), [(1, 1), (7, 3), (9, 3), (100, 8), (8, 8)])
def test_shares_are_near_equal_and_in_order(num: int, size: int) -> None:
    parts = [list(range(num)[Processes(rank, size).part(num)]) for rank in range(size)]
    assert [row for part in parts for row in part] == list(range(num))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_more_processes_than_images_are_refused() -> None:
    with pytest.raises(UserError, match="2 images for 3 processes; start fewer"):
        Processes(0, 3).part(2)
