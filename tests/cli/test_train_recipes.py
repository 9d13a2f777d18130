"""`pbias train`: named recipes, groups without other options, classes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from pbias.files.checkpoint import load_checkpoint
from pbias.files.logits import read_logits
from pbias.files.manifest import read_manifest

Run = Callable[..., CompletedProcess[str]]

TRAIN = ("train", "photos/labels.csv", "--epochs", "2", "--batch-size", "16", "-o", "dense.pt")


def test_what_is_printed_is_read_back_the_same(pbias: Run) -> None:
    asked = ("--recipe", "paper-gmp-ri", "--sparsity", "0.95", "--lr", "0.1", "--where", "Male=1")
    printed = pbias("train", *asked, "--print-config")
    assert printed.returncode == 0 and "lr = 0.1\n" in printed.stdout
    Path("printed.toml").write_text(printed.stdout)
    again = pbias("train", "--config", "printed.toml", "--print-config")
    assert again.stdout == printed.stdout


def test_what_is_printed_for_prune_is_read_back_the_same(pbias: Run) -> None:
    asked = ("--recipe", "paper-gmp-pt", "--sparsity", "0.9", "--scope", "erk", "--exclude", "fc")
    printed = pbias("prune", *asked, "--print-config").stdout
    assert {'scope = "erk"', "pruning-epochs = [1.0, 4.0, 60.0]"} <= set(printed.splitlines())
    Path("printed.toml").write_text(printed)
    assert pbias("prune", "--config", "printed.toml", "--print-config").stdout == printed


def test_the_recipe_and_its_name_are_stored(pbias: Run, photos: Path) -> None:
    small = ("--recipe", "paper-single", "--image-size", "24", "--lr", "0.05")
    assert pbias(*TRAIN, *small).returncode == 0
    made = load_checkpoint("dense.pt")
    given = {"name": "paper-single", "lr": 0.05, "epochs": 2, "optimizer": "sgd"}
    assert {name: made.recipe[name] for name in given} == given
    assert "name: paper-single" in pbias("info", "dense.pt", "--format", "table").stdout


def test_sizes_and_colours_are_stored(pbias: Run, photos: Path) -> None:
    look = ("--image-size", "16", "--resize", "20", "--mean", "0.4,0.5,0.6", "--std", "0.2,0.2,0.3")
    assert pbias(*TRAIN, *look).returncode == 0
    expected = {"size": 20, "crop": 16, "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.2, 0.3]}
    assert load_checkpoint("dense.pt").preprocess == expected


def test_nothing_is_left_out_but_with_print_config(pbias: Run, photos: Path) -> None:
    said = "pbias: error: Missing {}; see 'pbias {} -h'\n"
    labels, output = "argument 'LABELS.csv'", "option '--output' / '-o'"
    assert pbias("train").stderr == said.format(labels, "train")
    assert pbias("prune").stderr == said.format("argument 'CHECKPOINT'", "prune")
    for command in ("train", "prune", "pack"):  # the parser reports the last of them
        done = pbias(command, "photos/labels.csv")
        assert (done.returncode, done.stderr) == (2, said.format(output, command))


def test_only_the_rows_asked_for_are_trained_on(pbias: Run, photos: Path) -> None:
    manifest = read_manifest("photos/labels.csv")
    columns = zip(manifest.splits, manifest.columns["male"], manifest.columns["band"], strict=True)
    rows = [split for split, male, band in columns if (male, band) == ("1", "old")]
    done = pbias(*TRAIN, "--targets", "red", "--where", "male=1", "--where", "band=old")
    assert (
        f"male=1 and band=old: {rows.count('train')} of 44 rows of split train are left"
        in done.stderr
    )
    assert f"{rows.count('train')} images to train on, {rows.count('valid')} to" in done.stderr
    made = load_checkpoint("dense.pt")
    assert made.data["where"] == ["male=1", "band=old"]
    assert made.train_counts is not None and made.train_counts.sum() == rows.count("train")


def test_pruning_goes_on_with_those_rows(pbias: Run, photos: Path) -> None:
    pbias(*TRAIN, "--targets", "red", "--where", "band=old")
    done = pbias("prune", "dense.pt", "--sparsity", "0.5", "-o", "s50.pt")
    assert "band=old: 22 of 44 rows of split train are left" in done.stderr
    assert load_checkpoint("s50.pt").data["where"] == ["band=old"]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (["femal=1"], "no column 'femal' (did you mean 'male'?"),
        (["male=2"], "column 'male' holds no '2' (but (empty), 0, 1); correct --where male=2"),
        (["male"], "--where male is not a condition; write COLUMN=VALUE"),
        (["person=p0", "person=p1"], "no training row matches person=p0 and person=p1"),
    ],
)
def test_conditions_that_cannot_hold_are_refused(
    pbias: Run, photos: Path, where: list[str], message: str
) -> None:
    failed = pbias(*TRAIN, *(word for each in where for word in ("--where", each)))
    assert failed.returncode == 2 and message in failed.stderr


@pytest.fixture
def classes(photos: Path) -> Path:
    """Write the photos with one column per class: dark, bright, and red at any brightness."""
    path = photos / "labels.csv"
    header, *rows = path.read_text().splitlines()
    lines = [f"{header},c_dark,c_bright,c_red"]
    for row in rows:
        bright, red = (int(cell) for cell in row.split(",")[2:4])
        lines.append(f"{row},{int(not bright and not red)},{int(bright and not red)},{red}")
    path.write_text("\n".join(lines) + "\n")
    return path


CLASSES = ("--targets", "c_dark,c_bright,c_red", "--loss", "cross-entropy")


def test_one_of_several_classes_is_learned(pbias: Run, classes: Path) -> None:
    said = pbias(*TRAIN, *CLASSES, "--groups", "male", "--epochs", "14").stderr
    last = next(line for line in said.splitlines() if "epoch 14 of 14" in line)
    assert float(last.split("accuracy ")[1].split(",")[0]) > 0.8
    assert pbias("predict", "dense.pt", str(classes), "-o", "dense.npz").returncode == 0
    logits = read_logits("dense.npz")
    assert logits.activation == "softmax"
    assert ((logits.labels == 1).sum(axis=1) == 1).all()
    done = pbias("metrics", "dense.npz", "--metrics", "predicted_positive_rate", "--no-intervals")
    rates = [row.split(",")[4] for row in done.stdout.splitlines() if ",c_" in row][:3]
    assert sum(map(float, rates)) == pytest.approx(1.0)


def test_pruning_goes_on_with_classes(pbias: Run, classes: Path) -> None:
    pbias(*TRAIN, *CLASSES)
    assert pbias("prune", "dense.pt", "--sparsity", "0.5", "-o", "s50.pt").returncode == 0
    assert load_checkpoint("s50.pt").recipe["loss"] == "cross-entropy"


def test_images_of_several_classes_or_none_are_refused(pbias: Run, photos: Path) -> None:
    manifest = read_manifest("photos/labels.csv")
    columns = zip(manifest.columns["bright"], manifest.columns["red"], strict=True)
    first = next(
        name for name, pair in zip(manifest.ids, columns, strict=True) if len(set(pair)) < 2
    )
    failed = pbias(*TRAIN, "--targets", "bright,red", "--loss", "cross-entropy")
    assert failed.returncode == 2
    assert f"images are not of exactly one class (first: {first}, of " in failed.stderr


def test_one_attribute_alone_is_trained_and_audited(pbias: Run, photos: Path) -> None:
    assert pbias(*TRAIN, "--targets", "bright", "--groups", "male").returncode == 0
    assert load_checkpoint("dense.pt").targets == ["bright"]
    pbias("predict", "dense.pt", "photos/labels.csv", "--split", "all", "-o", "dense.npz")
    assert pbias("metrics", "dense.npz").returncode == 0
