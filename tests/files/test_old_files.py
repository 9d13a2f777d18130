"""Files that version 0.1 wrote can be read, and give the same numbers as then.

`tests/data/v0.1` contains what 0.1 made of 120 drawn faces: a dense and a packed pruned network,
their logits, logits with clusters and thresholds, flags, thresholds, and an interrupted training
run.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest

from pbias.files.checkpoint import load_checkpoint
from pbias.files.flag_list import read_flags
from pbias.files.logits import read_logits
from pbias.files.manifest import read_manifest
from pbias.files.threshold_file import read_thresholds
from pbias.models.network_files import network

Run = Callable[..., CompletedProcess[str]]
OLD = Path(__file__).resolve().parent.parent / "data" / "v0.1"
TARGETS = ["Smiling", "Blond_Hair", "Eyeglasses"]
TRAIN = (
    "train", "faces/labels.csv", "--groups", "Male,Young", "--arch", "resnet_small",
    "--image-size", "32", "--precision", "fp32", "--batch-size", "16", "--model-args", "width=1",
    "--epochs", "2", "-o", "run.pt",
)  # fmt: skip


def rows(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_checkpoints_dense_and_packed() -> None:
    dense, pruned = (load_checkpoint(str(OLD / name)) for name in ("dense.pt", "s80.packed.pt"))
    assert dense.targets == pruned.targets == TARGETS and dense.groups == ["Male", "Young"]
    assert pruned.parents == [dense.sha256]
    assert pruned.sparsity["reached"] == pytest.approx(0.8, abs=1e-3)
    kept = [pruned.state_dict[name] != 0 for name in dense.state_dict]
    for name, mask in zip(dense.state_dict, kept, strict=True):
        assert (pruned.state_dict[name] == dense.state_dict[name])[mask].all()
    assert sum(map(len, network(pruned).state_dict())) > 0


def test_logits_flags_and_thresholds() -> None:
    dense, cut = (read_logits(str(OLD / name)) for name in ("dense.npz", "thresholds.npz"))
    assert dense.targets == tuple(TARGETS) and dense.labels.shape == (120, 3)
    assert dense.train_counts is not None and dense.thresholds is None
    assert cut.clusters is not None and len(set(cut.clusters.tolist())) == 60
    fitted = read_thresholds(str(OLD / "thresholds.csv"))
    np.testing.assert_array_equal(cut.thresholds, fitted.of(TARGETS))
    flags = read_flags(str(OLD / "flags.csv"))
    assert len(flags) == 18 and flags.pairs[0] == ("images/000111.jpg", "Smiling")
    manifest = read_manifest(str(OLD / "labels.csv"))
    assert manifest.ids == dense.ids.tolist()  # type: ignore[union-attr]
    assert manifest.sha256 == dense.meta["sha256"]["manifest"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (
            "metrics s80.npz --ref dense.npz --metrics accuracy,tpr,auc,churn,bias_amplification",
            "expected.csv",
        ),
        (
            "metrics thresholds.npz --metrics accuracy,predicted_positive_rate",
            "thresholds-expected.csv",
        ),
    ],
)
def test_the_numbers_of_an_audit_are_those_of_then(
    pbias: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str, expected: str
) -> None:
    monkeypatch.chdir(OLD)
    done = pbias(*command.split(), "-q", "-o", str(tmp_path / "now.csv"))
    assert done.returncode == 0, done.stderr
    found, then = rows(tmp_path / "now.csv"), rows(OLD / expected)
    assert len(found) == len(then)
    for now, before in zip(found, then, strict=True):
        for name, cell in before.items():
            if name in ("value", "reference", "change") and cell:
                assert float(now[name]) == pytest.approx(float(cell), rel=1e-9, abs=1e-12), before
            elif name == "status" and cell == "ok":
                # Newer versions may improve uncertain values; the others stay.
                assert now[name] in ("ok", "low_power"), before
            else:
                assert now[name] == cell, before


def test_an_interrupted_run_goes_on(pbias: Run, tmp_path: Path) -> None:
    assert pbias("synth", "-o", "faces", "--num", "120", "--seed", "3", "-q").returncode == 0
    shutil.copy(OLD / "labels.csv", tmp_path / "faces" / "labels.csv")
    shutil.copy(OLD / "run.pt.state", tmp_path)
    done = pbias(*TRAIN, "--resume")
    assert done.returncode == 0 and "1 of 2 epochs are done" in done.stderr, done.stderr
    assert load_checkpoint("run.pt").targets == TARGETS
    assert not Path("run.pt.state").exists()
