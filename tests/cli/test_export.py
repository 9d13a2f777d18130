"""`pbias export`: the same logits from an ONNX file that describes its own predictions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest

from pbias.files.checkpoint import load_checkpoint
from pbias.files.logits import read_logits

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def pruned(pbias: Run, photos: Path, onnx: Any) -> str:
    """Write `s90.pt`, and `s90.onnx` exported from it."""
    groups = ("--targets", "bright,red", "--groups", "male,band", "--cluster", "person")
    for command in (
        ("train", "photos/labels.csv", *groups, "--epochs", "1", "-qo", "dense.pt"),
        ("prune", "dense.pt", "--sparsity", "0.9", "--one-shot", "-qo", "s90.pt"),
        ("export", "s90.pt", "-o", "s90.onnx"),
    ):
        assert pbias(*command).returncode == 0
    return "s90.onnx"


def test_predict_needs_no_options_and_gives_what_torch_gives(pbias: Run, pruned: str) -> None:
    for name in ("s90.pt", pruned):
        done = pbias("predict", name, "photos/labels.csv", "--split", "all", "-o", f"{name}.npz")
        assert done.returncode == 0, done.stderr
    ours, theirs = read_logits("s90.onnx.npz"), read_logits("s90.pt.npz")
    np.testing.assert_allclose(ours.logits, theirs.logits, atol=1e-4, rtol=0)
    for name in ("labels", "ids", "groups", "clusters", "train_counts"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    for name in ("targets", "group_names", "group_values", "activation"):
        assert getattr(ours, name) == getattr(theirs, name)
    for name in ("sparsity", "recipe", "preprocess", "model"):
        assert ours.meta[name] == theirs.meta[name]
    assert ours.meta["parents"] == [load_checkpoint("s90.pt").sha256]


def test_pruned_weights_stay_zero(pruned: str, onnx: Any) -> None:
    arrays = map(onnx.numpy_helper.to_array, onnx.load(pruned).graph.initializer)
    weights = [array for array in arrays if array.ndim > 1]
    zeros = sum(array.size - np.count_nonzero(array) for array in weights)
    assert zeros == load_checkpoint("s90.pt").sparsity["num_zeros"]


def test_the_file_holds_no_path_and_the_same_bytes_each_time(pbias: Run, pruned: str) -> None:
    first = Path(pruned).read_bytes()
    assert pbias("export", "s90.pt", "-o", "again.onnx").returncode == 0
    assert Path("again.onnx").read_bytes() == first
    for text in ("photos", str(Path.cwd()), "/"):
        assert f"{text}/labels".encode() not in first
    assert str(Path.cwd()).encode() not in first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("predict", "s90.onnx", "photos/labels.csv", "--targets", "a,b"), "leave out --targets"),
        (("predict", "s90.onnx", "photos/labels.csv", "--arch", "resnet18"), "leave out --arch"),
        (("predict", "s90.onnx", "photos/labels.csv", "--output-name", "x"), "has no output 'x'"),
        (("predict", "s90.onnx", "photos/labels.csv", "--precision", "bf16"), "fixed precision"),
        (
            ("predict", "s90.pt", "photos/labels.csv", "--output-name", "x"),
            "is not an ONNX network",
        ),
        (("prune", "s90.onnx", "--sparsity", "0.9", "--one-shot"), "is an ONNX network"),
        (("export", "s90.onnx"), "is an ONNX network"),
    ],
)
def test_errors_are_one_line(
    pbias: Run, pruned: str, arguments: tuple[str, ...], message: str
) -> None:
    failed = pbias(*arguments, "-o", "out.npz")
    assert failed.returncode == 2 and message in failed.stderr
    assert failed.stderr.count("error: ") == 1 and not Path("out.npz").exists()


def test_it_goes_through_pipes(shell: Run, pruned: str) -> None:
    done = shell("pbias export - -o - < s90.pt | pbias predict - photos/labels.csv -qo out.npz")
    assert done.returncode == 0, done.stderr
    assert len(read_logits("out.npz")) == 10
