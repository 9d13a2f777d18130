"""`pbias calibrate`: writing thresholds, and the three commands that read them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from pbias.auditing.remedies.threshold_fitting import calibrate
from pbias.files.logits import Logits, read_logits, write_logits
from pbias.files.table import to_csv
from pbias.files.threshold_file import read_thresholds

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def valid(audit_files: Path, make_logits: Callable[..., Logits]) -> Logits:
    """Write `valid.npz` beside the files of the audit."""
    logits = make_logits(seed=7, noise=1.0, split="valid", path="valid.npz")
    write_logits(logits, str(audit_files / "valid.npz"))
    return logits


@pytest.mark.parametrize("objective", ["positive-rate", "f1", "balanced-accuracy"])
def test_the_table_is_that_of_the_room(pbias: Run, valid: Logits, objective: str) -> None:
    done = pbias("calibrate", "valid.npz", "--objective", objective)
    assert (done.returncode, done.stdout) == (0, to_csv(calibrate(valid, objective)))


def test_the_default_predicts_as_many_as_are_positive(pbias: Run, valid: Logits) -> None:
    rows = list(csv.DictReader(io.StringIO(pbias("calibrate", "valid.npz").stdout)))
    assert [row["attribute"] for row in rows] == list(valid.targets)
    for row in rows:
        assert row["n_positive"] == row["n_predicted_positive"] != row["n_predicted_before"]


@pytest.mark.usefixtures("valid")
def test_an_audit_with_the_thresholds_has_the_positive_rate(pbias: Run) -> None:
    assert pbias("calibrate", "valid.npz", "-o", "t.csv").returncode == 0
    command = ("metrics", "valid.npz", "--metrics", "underprediction", "--groups", "", "-f", "json")
    rows = json.loads(pbias(*command, "--thresholds", "t.csv").stdout)["rows"]
    assert [row["value"] for row in rows if row["attribute"]] == [1.0, 1.0, 1.0]
    before = json.loads(pbias(*command).stdout)["rows"]
    assert [row["value"] for row in before if row["attribute"]] != [1.0, 1.0, 1.0]


@pytest.mark.usefixtures("valid")
def test_flag_reads_them(pbias: Run) -> None:
    assert pbias("calibrate", "valid.npz", "-o", "t.csv").returncode == 0
    done = pbias("flag", "dense.npz", "--thresholds", "t.csv")
    assert done.returncode == 0 and done.stdout != pbias("flag", "dense.npz").stdout


@pytest.mark.usefixtures("valid")
def test_the_test_split_needs_a_word(pbias: Run, valid: Logits) -> None:
    write_logits(Logits(valid.logits, valid.labels, valid.targets, split="test"), "test.npz")
    done = pbias("calibrate", "test.npz")
    assert (done.returncode, done.stdout) == (2, "")
    assert "test.npz holds the test split" in done.stderr and "--allow-test" in done.stderr
    assert pbias("calibrate", "test.npz", "--allow-test").returncode == 0


def test_what_could_not_be_fitted_is_said(pbias: Run) -> None:
    z = np.array([[3, 1, 1], [1, 1, 0]], np.float32)
    y = np.array([[0, 1, -1], [0, 0, -1]], np.int8)
    write_logits(Logits(z, y, ("hat", "scarf", "veil")), "odd.npz")
    done = pbias("calibrate", "odd.npz", "-o", "odd.csv")
    assert done.stderr.splitlines() == [
        "pbias: warning: never predicted: 1 of 3 attributes (hat)",
        "pbias: warning: equal logits: not exactly as many; never predicted: "
        "1 of 3 attributes (scarf)",
        "pbias: warning: no known labels: 0 kept: 1 of 3 attributes (veil)",
    ]
    assert read_thresholds("odd.csv").of(["hat", "scarf", "veil"]).tolist() == [np.inf, np.inf, 0]


def test_labels_can_come_from_a_manifest(pbias: Run, valid: Logits) -> None:
    assert valid.ids is not None
    bare = Logits(valid.logits, np.full_like(valid.labels, -1), valid.targets, ids=valid.ids)
    write_logits(bare, "bare.npz")
    cells = [["" if y < 0 else str(y) for y in row] for row in valid.labels.tolist()]
    lines = [",".join([name, *row]) for name, row in zip(valid.ids, cells, strict=True)]
    Path("labels.csv").write_text("\n".join(["image,Smiling,Wearing_Hat,Young", *lines]) + "\n")
    found = pbias("calibrate", "bare.npz", "--labels", "labels.csv", "-q")
    assert found.stdout == pbias("calibrate", "valid.npz").stdout


@pytest.mark.usefixtures("valid")
def test_it_reads_a_pipe_and_writes_one(pbias: Run, shell: Run) -> None:
    audit = ("metrics", "s90.npz", "--metrics", "tpr", "-q", "-f", "json", "--thresholds")
    piped = shell(f"pbias calibrate - < valid.npz | pbias {' '.join(audit)} -")
    assert piped.returncode == 0, piped.stderr
    assert pbias("calibrate", "valid.npz", "-o", "t.csv").returncode == 0
    assert piped.stdout == pbias(*audit, "t.csv").stdout


def test_predict_stores_them(pbias: Run, photos: Path) -> None:
    train = ("train", "photos/labels.csv", "--targets", "bright,red", "--epochs", "1")
    assert pbias(*train, "--batch-size", "16", "-o", "dense.pt").returncode == 0
    Path("t.csv").write_text("attribute,threshold\nred,inf\nbright,0.25\nhat,1\n")
    command = ("predict", "dense.pt", "photos/labels.csv", "-o", "out.npz", "--thresholds")
    assert pbias(*command, "t.csv").returncode == 0
    found = read_logits("out.npz")
    assert found.thresholds is not None and found.thresholds.tolist() == [0.25, np.inf]
    assert "thresholds" in found.meta["sha256"]
    Path("short.csv").write_text("attribute,threshold\nred,inf\n")
    done = pbias(*command, "short.csv")
    assert done.returncode == 2 and "no threshold for 1 of 2 attributes" in done.stderr
