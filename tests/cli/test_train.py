"""`pbias train`: its files, messages and errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
import torch

from pbias.files.checkpoint import load_checkpoint
from pbias.files.manifest import read_manifest, select, train_counts
from pbias.files.provenance import sha256
from pbias.workflows import train
from pbias.workflows.runs.options import TrainOptions

Run = Callable[..., CompletedProcess[str]]

TRAIN = ("train", "photos/labels.csv", "--epochs", "2", "--batch-size", "16", "-o", "dense.pt")


def test_the_checkpoint_says_where_it_comes_from(pbias: Run, photos: Path) -> None:
    options = ("--groups", "male,band", "--cluster", "person", "--seed", "3", "--lr", "0.05")
    assert pbias(*TRAIN, *options).returncode == 0
    made = load_checkpoint("dense.pt")
    assert made.model == {"name": "resnet_small", "args": {"width": 48}}
    assert made.targets == ["bright", "red"]
    assert made.groups == ["male", "band"]
    assert made.group_values == [["0", "1"], ["old", "young"]]
    assert made.preprocess == {"size": 24, "crop": 24, "mean": [0.5] * 3, "std": [0.5] * 3}
    assert made.data == {
        "path": "photos/labels.csv",
        "sha256": sha256((photos / "labels.csv").read_bytes()),
        "image_root": None,
        "cluster": "person",
        "where": [],
        "skipped": 0,
    }
    assert (made.recipe["seed"], made.recipe["lr"], made.recipe["epochs"]) == (3, 0.05, 2)
    assert (made.sparsity, made.parents) == ({}, [])
    assert made.environment["device"] == "cpu" and "torch" in made.environment


def test_targets_are_counted_and_named(pbias: Run, photos: Path) -> None:
    assert "; 2 targets: bright, red; groups: male;" in pbias(*TRAIN, "--groups", "male").stderr


def test_training_counts_are_of_the_training_rows(pbias: Run, photos: Path) -> None:
    pbias(*TRAIN, "--groups", "male,band")
    manifest = read_manifest("photos/labels.csv")
    labels = select(manifest, targets=None, groups=["male", "band"])
    expected = train_counts(labels, manifest.rows("train"))
    np.testing.assert_array_equal(load_checkpoint("dense.pt").train_counts, expected)


def test_what_is_skipped_is_said_and_counts_nowhere(pbias: Run, photos: Path) -> None:
    whole = (photos / "2.png").read_bytes()
    (photos / "2.png").write_bytes(whole[: len(whole) // 2])
    (photos / "6.png").write_text("no picture")
    (photos / "10.png").unlink()  # in the split valid
    assert "1 of 44 images cannot be read" in pbias(*TRAIN).stderr
    skip = ("--groups", "male,band", "--on-bad-image", "skip")
    done = pbias(*TRAIN, *skip)
    assert done.returncode == 0
    assert "warning: 3 images were skipped" in done.stderr
    assert all(f"skipped {number}.png: " in done.stderr for number in (2, 6, 10))
    manifest, made = read_manifest("photos/labels.csv"), load_checkpoint("dense.pt")
    rows = [row for row in manifest.rows("train") if manifest.ids[row] not in ("2.png", "6.png")]
    labels = select(manifest, targets=None, groups=["male", "band"])
    np.testing.assert_array_equal(made.train_counts, train_counts(labels, np.array(rows)))
    prune = ("prune", "dense.pt", "--sparsity", "0.5", "--epochs", "1", "-o", "s50.pt")
    assert pbias(*prune).returncode == 2 and pbias(*prune, *skip[2:]).returncode == 0
    pruned = load_checkpoint("s50.pt")
    assert made.data["skipped"] == pruned.data["skipped"] == 3
    np.testing.assert_array_equal(pruned.train_counts, made.train_counts)


def test_by_default_every_attribute_is_a_target(pbias: Run, photos: Path) -> None:
    assert pbias(*TRAIN).returncode == 0
    assert load_checkpoint("dense.pt").targets == ["bright", "red", "male"]


def test_every_epoch_and_the_choices_are_said_on_standard_error(pbias: Run, photos: Path) -> None:
    done = pbias(*TRAIN)
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert all(line.startswith("pbias: ") for line in lines)
    assert lines[0] == "pbias: device cpu (the first of cuda, mps and cpu that is there)"
    assert lines[1] == (
        "pbias: resnet_small at 24 px; 3 targets: bright, red, male; groups: none; "
        "44 images to train on, 10 to validate"
    )
    assert lines[2].startswith("pbias: precision ")
    assert lines[3].startswith("pbias: epoch 1 of 2: loss ")
    assert lines[5].startswith("pbias: kept epoch ")


def test_the_same_seed_gives_the_same_bytes_wherever_it_is_written(
    pbias: Run, photos: Path
) -> None:
    pbias(*TRAIN)
    pbias(*TRAIN[:-1], "other name.pt", "--workers", "3")
    assert Path("dense.pt").read_bytes() == Path("other name.pt").read_bytes()
    pbias(*TRAIN[:-1], "seed1.pt", "--seed", "1")
    assert Path("dense.pt").read_bytes() != Path("seed1.pt").read_bytes()


def test_large_images_get_resnet18_and_small_ones_resnet_small(pbias: Run, photos: Path) -> None:
    said = [pbias(*TRAIN, "--epochs", "1", "--image-size", size).stderr for size in ("95", "96")]
    assert "resnet_small at 95 px" in said[0] and "resnet18 at 96 px" in said[1]


def test_training_starts_from_a_checkpoint_with_other_outputs(pbias: Run, photos: Path) -> None:
    pbias(*TRAIN)
    parent = sha256(Path("dense.pt").read_bytes())
    done = pbias(*TRAIN[:-1], "next.pt", "--targets", "red", "--init", "dense.pt")
    assert "dense.pt: the classifier has 3 outputs, not 1" in done.stderr
    assert load_checkpoint("next.pt").parents == [parent]


@pytest.mark.parametrize("bare", [False, True])
def test_weights_of_a_former_default_network_keep_their_width(
    pbias: Run, photos: Path, bare: bool
) -> None:
    from pbias.models import build

    content = {"state_dict": build("resnet_small", 3).state_dict(), "epoch": 3}
    torch.save(content["state_dict"] if bare else content, "old.pth")
    assert pbias(*TRAIN, "--init", "old.pth").returncode == 0
    assert load_checkpoint("dense.pt").model == {"name": "resnet_small", "args": {}}


def test_what_was_trained_predicts_better_than_chance(pbias: Run, photos: Path) -> None:
    said = pbias(*TRAIN, "--epochs", "12", "--targets", "bright", "--lr", "0.05").stderr
    last = next(line for line in said.splitlines() if "epoch 12 of 12" in line)
    assert float(last.split("valid accuracy ")[1].split(",")[0]) > 0.8


def test_a_manifest_from_a_pipe_names_images_in_the_working_folder(
    shell: Run, photos: Path
) -> None:
    command = "cd photos && pbias train - --epochs 1 -o dense.pt < labels.csv"
    assert shell(command).returncode == 0
    assert load_checkpoint(str(photos / "dense.pt")).data["path"] == "standard input"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--targets", "brigt"], "no column 'brigt' (did you mean 'bright'?"),
        (["--groups", "femal"], "no column 'femal' (did you mean 'male'?"),
        (["--arch", "resnet_smal"], "did you mean 'resnet_small'?"),
        (["--optimizer", "sdg"], "unknown optimizer 'sdg'; use one of sgd, adam"),
        (["--device", "cuda:77"], "device 'cuda:77' is not available"),
        (["--momentum", "1"], "momentum 1.0 and 0.5 warm-up epochs; the first must be in [0, 1)"),
        (["--mean", "0.5"], "--mean 0.5 is not 3 numbers"),
        (["--std", "0,1,1"], "--std 0,1,1 is used as a divisor"),
        (
            ["--resize", "20", "--image-size", "24"],
            "--resize 20 is smaller than the network's input of 24 px",
        ),
        (["--init", "absent.pt"], "absent.pt does not exist"),
        (["--image-root", "elsewhere"], "44 of 44 images of photos/labels.csv are not there"),
        (["-o", "no/such/folder.pt"], "the folder no/such does not exist"),
        (["--lr", "1e38"], "lower the learning rate"),
    ],
)
def test_errors_are_one_line_and_nothing_is_written(
    pbias: Run, photos: Path, options: list[str], message: str
) -> None:
    failed = pbias(*TRAIN, *options)
    assert failed.returncode == 2
    errors = [line for line in failed.stderr.splitlines() if "error: " in line]
    assert len(errors) == 1 and message in errors[0]
    assert not list(Path().glob("*.pt"))


def change(photos: Path, old: str, new: str) -> None:
    path = photos / "labels.csv"
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",train,", ",test,", "has no rows of split 'train'"),
        ("image,", "file,", "has no 'image' column"),
        (",train,0,", ",train,2,", "row "),
    ],
)
def test_a_manifest_that_cannot_be_learned_from_is_refused(
    pbias: Run, photos: Path, old: str, new: str, message: str
) -> None:
    change(photos, old, new)
    failed = pbias(*TRAIN, "--targets", "bright")
    assert failed.returncode == 2 and message in failed.stderr


def test_a_broken_image_is_named(pbias: Run, photos: Path) -> None:
    (photos / "7.png").write_bytes((photos / "7.png").read_bytes()[:400])
    failed = pbias(*TRAIN)
    assert failed.returncode == 2
    assert "1 of 44 images cannot be read (first: photos/7.png: " in failed.stderr


def test_a_target_without_known_labels_is_refused_and_a_constant_one_noted(
    pbias: Run, photos: Path
) -> None:
    change(photos, ",train,0,", ",train,1,")
    assert "all training labels are the same for bright" in pbias(*TRAIN).stderr
    change(photos, ",train,1,", ",train,,")
    failed = pbias(*TRAIN)
    assert failed.returncode == 2 and "'bright' has no known training label" in failed.stderr


def test_without_validation_rows_the_last_epoch_is_kept(pbias: Run, photos: Path) -> None:
    change(photos, ",valid,", ",train,")
    assert "the last epoch is kept" in pbias(*TRAIN).stderr
    assert load_checkpoint("dense.pt").recipe["epochs"] == 2


def test_an_existing_output_is_kept_with_no_clobber(pbias: Run, photos: Path) -> None:
    Path("dense.pt").write_text("precious")
    assert pbias(*TRAIN, "--no-clobber").returncode == 2
    assert Path("dense.pt").read_text() == "precious"


def test_the_weights_load_into_the_plain_network(pbias: Run, photos: Path) -> None:
    from pbias.models import build

    pbias(*TRAIN)
    content = torch.load("dense.pt", weights_only=True)
    build("resnet_small", 3, width=48).load_state_dict(content["state_dict"])


def test_attributes_that_are_never_predicted_are_named(pbias: Run, photos: Path) -> None:
    """After one epoch so rare an attribute is never predicted; a hint says how it could be."""
    rows = (photos / "labels.csv").read_text().splitlines()
    header, *body = rows
    rare = [f"{row},{int(number in (0, 4))}" for number, row in enumerate(body)]
    (photos / "labels.csv").write_text("\n".join([f"{header},rare", *rare]) + "\n")
    done = pbias(
        "train", "photos/labels.csv", "--targets", "bright,rare", "--epochs", "4", "-o", "a.pt"
    )
    assert done.returncode == 0
    (line,) = [line for line in done.stderr.splitlines() if "never predicted" in line]
    first = "`pbias predict a.pt photos/labels.csv --split valid -o valid.npz`"
    assert "a.pt: never predicted: rare; to make" in line
    assert f": {first}, then `pbias calibrate valid.npz -o thresholds.csv`" in line
    # The same line after predicting, and only the second command once validation data are there.
    predict = ("predict", "a.pt", "photos/labels.csv")
    assert first in pbias(*predict, "--split", "train", "-o", "train.npz").stderr
    done = pbias(*predict, "--split", "valid", "-o", "v.npz")
    assert ": `pbias calibrate v.npz -o thresholds.csv`, then give" in done.stderr
    done = pbias("metrics", "v.npz", "--report", "-", "-o", "t.csv")
    assert "pbias predict NET LABELS.csv" in done.stdout


def test_epochs_that_must_be_a_typing_error_are_refused(pbias: Run, photos: Path) -> None:
    done = pbias(*TRAIN, "--epochs", "1000000000")
    assert done.returncode == 2
    assert done.stderr == "pbias: error: 1000000000 epochs are too many; use at most 100,000\n"


def test_a_dry_run_of_a_wide_network_draws_no_weights(
    photos: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    devices = []
    found = train.new_network

    def seen(*arguments: object) -> torch.nn.Module:
        network = found(*arguments)
        devices.append({weights.device.type for weights in network.parameters()})
        return network

    monkeypatch.setattr(train, "new_network", seen)
    monkeypatch.chdir(photos.parent)
    caplog.set_level("INFO")
    options = TrainOptions(dry_run=True, model_args="width=2048", epochs=3)
    assert train.train("photos/labels.csv", "wide.pt", options) == []
    assert devices == [{"meta"}] and "would write wide.pt after 3 epochs" in caplog.text
