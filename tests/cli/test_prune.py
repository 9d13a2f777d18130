"""`pbias prune`: streams, messages and printed settings; its workflow is tested elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import torch

from pbias.models import build
from pbias.workflows.prune import prune

Run = Callable[..., CompletedProcess[str]]

ADOPT = "pbias prune bare.pt --arch resnet_small --model-args width=4 --one-shot --sparsity"


@pytest.fixture(autouse=True)
def _bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write `bare.pt`, the weights of a small network, into the working directory."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    torch.save(build("resnet_small", 3, width=4).state_dict(), "bare.pt")


def test_standard_streams_are_files(shell: Run) -> None:
    network = {"arch": "resnet_small", "model_args": {"width": 4}}
    prune("bare.pt", "s90.pt", sparsity=0.9, one_shot=True, **network)
    done = shell(f"cat bare.pt | {ADOPT.replace('bare.pt', '-')} 0.9 -o - | cat > piped.pt")
    assert done.returncode == 0
    assert "pbias: standard output: asked for sparsity 0.9" in done.stderr
    assert Path("piped.pt").read_bytes() == Path("s90.pt").read_bytes()


def test_errors_are_one_line_and_status_2(shell: Run) -> None:
    done = shell(f"{ADOPT} -0.1 -o s.pt")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("pbias: error: sparsity -0.1 is not in [0, 1)")
    assert len(done.stderr.splitlines()) == 1


def test_without_a_recipe_it_is_trained_as_before(pbias: Run, photos: Path) -> None:
    pbias("train", "photos/labels.csv", "--epochs", "1", "--lr", "0.02", "-o", "one.pt")
    printed = pbias("prune", "one.pt", "--momentum", "0.5", "--print-config").stdout
    assert {"epochs = 1", "lr = 0.02", "momentum = 0.5"} <= set(printed.splitlines())
    assert "recipe" not in printed
