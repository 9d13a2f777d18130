"""A column of classes, and networks whose outputs are classes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pbias.errors import UserError
from pbias.files.logits import read_logits
from pbias.files.manifest import read_manifest
from pbias.files.manifest.classes import expand_classes

Run = Callable[..., subprocess.CompletedProcess[str]]
NAMES = ("red", "green", "blue")
FOREIGN = ("--model", "colors:make", "--image-size", "8", "--resize", "8",
           "--mean", "0,0,0", "--std", "1,1,1")  # fmt: skip


@pytest.fixture
def colors(tmp_path: Path) -> Path:
    """Draw squares of three colors, columns of names and numbers, and a network of channels."""
    lines = ["image,split,color,number,red_,green_,blue_"]
    for index in range(24):
        code = index % 3
        Image.new("RGB", (8, 8), tuple(200 * (c == code) for c in range(3))).save(
            tmp_path / f"{index}.png"
        )
        split = ("train", "valid", "test")[index % 4 % 3]
        name, number = ("", "nan") if index == 20 else (NAMES[code], f"{code}.0")
        one_hot = ",".join("01"[c == code] for c in range(3))
        lines.append(f"{index}.png,{split},{name},{number},{one_hot}")
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "colors.py").write_text(
        "from torch import nn\n\n\ndef make(num):\n"
        "    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, num))\n"
    )
    torch.save({"2.weight": 9 * torch.eye(3), "2.bias": torch.zeros(3)}, tmp_path / "net.pth")
    return tmp_path


def test_classes_are_sorted_by_name_and_an_empty_cell_is_unknown(colors: Path) -> None:
    manifest, classes = expand_classes(read_manifest(str(colors / "labels.csv")), "color")
    assert classes == ["blue", "green", "red"]
    assert [manifest.columns[name][4] for name in classes] == ["0", "1", "0"]
    assert [manifest.columns[name][20] for name in classes] == ["", "", ""]


def test_numbers_are_outputs_of_a_named_network(colors: Path) -> None:
    manifest = read_manifest(str(colors / "labels.csv"))
    found, _ = expand_classes(manifest, "number", NAMES)
    assert [found.columns[name][2] for name in NAMES] == ["0", "0", "1"]
    with pytest.raises(UserError, match="holds class 2 but the network has 2 outputs"):
        expand_classes(manifest, "number", ["a", "b"])
    with pytest.raises(UserError, match="none of the network's classes"):
        expand_classes(manifest, "color", ["cat", "dog", "cow"])
    with pytest.raises(UserError, match="holds 3 classes but the network has 4 outputs"):
        expand_classes(manifest, "color", num_outputs=4)


def test_a_class_called_like_a_column_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("image,kind,a\n1.png,a,x\n2.png,b,y\n")
    with pytest.raises(UserError, match="class 'a' of column 'kind' has the name of another"):
        expand_classes(read_manifest(str(tmp_path / "labels.csv")), "kind")


def test_train_prune_and_predict_know_the_classes(pbias: Run, colors: Path) -> None:
    done = pbias("train", "labels.csv", "--classes", "color", "--epochs", "1", "--image-size", "8",
                 "-o", "dense.pt")  # fmt: skip
    assert done.returncode == 0, done.stderr
    done = pbias("prune", "dense.pt", "--sparsity", "0.5", "--epochs", "1", "--steps", "1",
                 "-o", "s50.pt")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert pbias("predict", "s50.pt", "labels.csv", "-o", "s50.npz").returncode == 0
    logits = read_logits("s50.npz")
    assert (logits.activation, logits.targets) == ("softmax", ("blue", "green", "red"))
    assert sorted(logits.labels.sum(axis=1).tolist())[0] in (-3, 1)


def test_a_foreign_classifier_is_a_softmax_when_classes_are_named(pbias: Run, colors: Path) -> None:
    done = pbias("predict", "net.pth", "labels.csv", *FOREIGN, "--classes", "number",
                 "--split", "all", "-o", "x.npz")  # fmt: skip
    assert done.returncode == 0, done.stderr
    logits = read_logits("x.npz")
    assert (logits.activation, logits.targets) == ("softmax", ("0", "1", "2"))
    known = (logits.labels >= 0).all(axis=1)
    right = logits.logits.argmax(axis=1) == logits.labels.argmax(axis=1)
    assert known.sum() == 23 and np.all(right[known])


@pytest.mark.parametrize(
    ("options", "activation", "warns"),
    [([], "sigmoid", True), (["--activation", "softmax"], "softmax", False),
     (["--activation", "sigmoid"], "sigmoid", False)],
)  # fmt: skip
def test_outputs_that_may_be_classes_are_warned_of(
    pbias: Run, colors: Path, options: list[str], activation: str, warns: bool
) -> None:
    done = pbias("predict", "net.pth", "labels.csv", *FOREIGN, "--targets", "red_,green_,blue_",
                 *options, "-o", "x.npz")  # fmt: skip
    assert done.returncode == 0 and ("--activation softmax" in done.stderr) == warns
    assert read_logits("x.npz").activation == activation


def test_pruning_a_foreign_classifier_asks_for_its_loss(pbias: Run, colors: Path) -> None:
    command = ("prune", "net.pth", *FOREIGN, "--targets", "red_,green_,blue_", "--data",
               "labels.csv", "--sparsity", "0.7", "--epochs", "1", "--steps", "1",
               "-o", "s.pt")  # fmt: skip
    done = pbias(*command)
    assert done.returncode == 2 and "--loss cross-entropy" in done.stderr
    assert pbias(*command, "--loss", "cross-entropy").returncode == 0
    done = pbias("predict", "s.pt", "labels.csv", "--model", "colors:make", "-o", "s.npz")
    assert read_logits("s.npz").activation == "softmax"
