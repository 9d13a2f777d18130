"""`pbias manifest`: from a data set's own layout to a manifest for training, and its errors."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from PIL import Image

from pbias.files.manifest import read_manifest

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    """Draw class folders without splits in the working directory of `pbias` and `shell`."""
    for number in range(40):
        name = ("cat", "dog", "sea cow")[number % 3]
        path = tmp_path / "pets" / name / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (24, 24), (80 * (number % 3), 90, 6 * number)).save(path)
    return tmp_path / "pets"


def test_folders_become_a_manifest_that_trains(pbias: Run, animals: Path) -> None:
    done = pbias("manifest", "folder", "pets", "-o", "pets/labels.csv")
    assert (done.returncode, done.stdout) == (0, "")
    assert "split 70/10/20" in done.stderr and "40 images, 3 columns" in done.stderr
    train = ("train", "pets/labels.csv", "--epochs", "1", "-o", "dense.pt")
    assert pbias(*train).returncode == 0


def test_a_manifest_on_standard_output_goes_through_a_pipe(shell: Run, animals: Path) -> None:
    done = shell("pbias manifest folder pets | pbias manifest check - --groups dog -f json")
    assert done.returncode == 0
    rows = json.loads(done.stdout)["rows"]
    assert {row["n"] for row in rows if row["check"] == "images"} < set(range(1, 40))


def test_images_elsewhere_need_an_image_root_which_is_said(pbias: Run, animals: Path) -> None:
    Path("out").mkdir()
    done = pbias("manifest", "folder", "pets", "-o", "out/labels.csv")
    assert "warning: image paths are relative to pets; read them with --image-root pets" in (
        done.stderr
    )
    assert pbias("manifest", "check", "out/labels.csv").returncode == 2
    assert pbias("manifest", "check", "out/labels.csv", "--image-root", "pets").returncode == 0


def test_the_seed_draws_other_splits(pbias: Run, animals: Path) -> None:
    texts = [pbias("manifest", "folder", "pets", "--seed", seed).stdout for seed in "001"]
    assert texts[0] == texts[1] != texts[2]


def test_a_check_of_sound_photographs_finds_nothing(pbias: Run, photos: Path) -> None:
    done = pbias("manifest", "check", "photos/labels.csv", "--groups", "band", "-f", "csv")
    assert (done.returncode, done.stderr) == (0, "")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    counts = {row["split"]: int(row["n"]) for row in rows if row["check"] == "images"}
    manifest = read_manifest("photos/labels.csv")
    assert counts == {split: manifest.splits.count(split) for split in ("train", "valid", "test")}


def test_bad_images_are_listed_and_an_input_error(pbias: Run, photos: Path) -> None:
    (photos / "3.png").write_text("no picture")
    (photos / "9.png").unlink()
    done = pbias("manifest", "check", "photos/labels.csv", "-f", "table")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "2 of 64 images of photos/labels.csv cannot be used (first: photos/3.png" in done.stderr
    assert "--image-root" in done.stderr and "--on-bad-image" not in done.stderr
    assert "9.png  missing" in done.stdout and "3.png  not a picture of a known" in done.stdout
    done = pbias("manifest", "check", "photos/labels.csv", "--no-images")
    assert "1 of 64 images" in done.stderr and "photos/9.png: missing" in done.stderr


def test_what_was_not_decoded_is_not_called_sound(pbias: Run, photos: Path) -> None:
    (photos / "3.png").write_text("no picture")
    shown = pbias("manifest", "check", "photos/labels.csv", "--no-images", "-f", "md").stdout
    row = next(line for line in shown.splitlines() if line.startswith("| train | "))
    assert [cell.strip() for cell in row.split("|")[3:5]] == ["0", ""]
    assert "not decoded" in shown
    shown = pbias("manifest", "check", "photos/labels.csv", "-f", "md").stdout
    assert "| 0 | 1 |" in shown and "not decoded" not in shown


def test_people_in_training_and_test_are_said(pbias: Run, photos: Path) -> None:
    shown = pbias("manifest", "check", "photos/labels.csv", "--cluster", "person", "-f", "md")
    assert "of them also in train" in shown.stdout and shown.returncode == 0


def test_groups_too_small_for_amplification_are_named(pbias: Run, photos: Path) -> None:
    done = pbias("manifest", "check", "photos/labels.csv", "--groups", "male", "-f", "table")
    assert "Bias amplification will be undefined" in done.stdout
    assert "fewer than 10 positives in a group" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("celeba", "pets"), "pets has no list_attr_celeba.csv or list_attr_celeba.txt; name"),
        (("awa2", "pets"), "pets has no predicate-matrix-binary.txt; name"),
        (("folder", "absent"), "absent is not a folder; name"),
        (("folder", "pets", "-o", "absent/labels.csv"), "the folder absent does not exist"),
        (("check", "absent.csv"), "absent.csv does not exist"),
        (("check",), "Missing argument 'LABELS.csv'"),
        (("cheque",), "No such command 'cheque'"),
    ],
)
def test_errors_are_one_line(
    pbias: Run, animals: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = pbias("manifest", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr and done.stderr.count("\n") == 1
