"""`pbias backdoor`: a mark that correlates with an attribute reaches training and logits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from pbias.files.logits import read_logits
from pbias.files.manifest import read_manifest

Run = Callable[..., CompletedProcess[str]]
BACKDOOR = ("backdoor", "photos/labels.csv", "--attribute", "bright", "--kind", "grayscale")


def test_a_marked_manifest_trains_and_predicts_with_its_group(pbias: Run, photos: Path) -> None:
    done = pbias(*BACKDOOR, "--train-fractions", "0", "1", "-o", "photos/grey.csv")
    assert (done.returncode, done.stdout) == (0, "")
    assert "train: 0 of " in done.stderr and "positives get the mark" in done.stderr
    manifest = read_manifest("photos/grey.csv")
    train = ("photos/grey.csv", "--targets", "bright", "--groups", "backdoor")
    assert pbias("train", *train, "--epochs", "1", "-o", "dense.pt").returncode == 0
    assert pbias("predict", "dense.pt", "photos/grey.csv", "-o", "grey.npz").returncode == 0
    logits = read_logits("grey.npz")
    marks = [manifest.transforms[row] == "grayscale" for row in manifest.rows("test")]
    assert logits.groups[:, 0].tolist() == marks and any(marks)
    assert pbias("predict", "dense.pt", "photos/labels.csv", "-o", "plain.npz").returncode == 0
    same = np.isclose(logits.logits, read_logits("plain.npz").logits, atol=1e-6)[:, 0]
    assert same.tolist() == [not mark for mark in marks]


def test_splits_that_were_drawn_by_name_are_written_down(pbias: Run, photos: Path) -> None:
    rows = [line.split(",") for line in (photos / "labels.csv").read_text().splitlines()]
    text = "\n".join(",".join([row[0], *row[2:]]) for row in rows)
    (photos / "labels.csv").write_text(text + "\n")
    assert pbias(*BACKDOOR, "-o", "marked.csv").returncode == 0
    before, after = read_manifest("photos/labels.csv"), read_manifest("marked.csv")
    assert after.splits == before.splits and after.ids == [f"photos/{name}" for name in before.ids]


def test_the_same_seed_writes_the_same_bytes(pbias: Run, photos: Path) -> None:
    texts = [pbias(*BACKDOOR, "--seed", seed).stdout for seed in "889"]
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--attribute", "brigt"), "no column 'brigt' (did you mean 'bright'?"),
        (("--attribute", "band"), "column 'band' holds 'young'; a target"),
        (("--train-fractions", "5", "95"), "--train-fractions 5 95 are not shares; give two"),
        (("--train-fractions", "0.5"), "requires 2 arguments"),
        (("--kind", "blue"), "'blue' is not one of 'grayscale', 'yellow_square'"),
        (("-o", "absent/x.csv"), "the folder absent does not exist"),
    ],
)
def test_errors_are_one_line(
    pbias: Run, photos: Path, options: tuple[str, ...], message: str
) -> None:
    done = pbias(*BACKDOOR, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr and done.stderr.count("\n") == 1
