"""`pbias quantize`: int8 that is small, keeps zeros, and says what it predicts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest

from pbias.files.logits import read_logits

Run = Callable[..., CompletedProcess[str]]
DATA = ("--data", "photos/labels.csv", "--batches", "2", "--batch-size", "16")


@pytest.fixture
def pruned(pbias: Run, photos: Path, onnx: Any) -> None:
    """`s90.pt` and `int8.onnx` in the working folder."""
    for command in (
        ("train", "photos/labels.csv", "--targets", "bright,red", "--groups", "male")
        + ("--epochs", "1", "-qo", "dense.pt"),
        ("prune", "dense.pt", "--sparsity", "0.9", "--one-shot", "-qo", "s90.pt"),
        ("quantize", "s90.pt", *DATA, "-qo", "int8.onnx"),
    ):
        assert pbias(*command).returncode == 0


def weights(onnx: Any, path: str) -> dict[str, Any]:
    arrays = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    return {name: array for name, array in arrays.items() if array.ndim > 1}


@pytest.mark.usefixtures("pruned")
def test_int8_is_predicted_without_options_and_keeps_every_zero(pbias: Run, onnx: Any) -> None:
    done = pbias("predict", "int8.onnx", "photos/labels.csv", "-qo", "int8.npz")
    assert done.returncode == 0 and pbias("export", "s90.pt", "-qo", "s90.onnx").returncode == 0
    logits = read_logits("int8.npz")
    assert logits.targets == ("bright", "red") and logits.train_counts is not None
    assert logits.meta["quantization"]["num_images"] == 32
    assert Path("int8.onnx").stat().st_size < 0.5 * Path("s90.onnx").stat().st_size
    before, after = weights(onnx, "s90.onnx"), weights(onnx, "int8.onnx")
    assert {array.dtype for array in after.values()} == {np.dtype(np.int8)}
    zeros = [sum((a == 0).sum() for a in side.values()) for side in (before, after)]
    assert 0 < zeros[0] <= zeros[1]


@pytest.mark.usefixtures("pruned")
def test_the_same_command_gives_the_same_bytes(pbias: Run) -> None:
    assert pbias("quantize", "s90.pt", *DATA, "-qo", "again.onnx").returncode == 0
    assert Path("again.onnx").read_bytes() == Path("int8.onnx").read_bytes()


@pytest.mark.usefixtures("pruned")
def test_a_layer_that_is_excluded_stays_in_floating_point(pbias: Run, onnx: Any) -> None:
    options = ("--exclude", "fc", "--per-channel")
    assert pbias("quantize", "s90.pt", *DATA, *options, "-qo", "fc.onnx").returncode == 0
    kept = [n for n, a in weights(onnx, "fc.onnx").items() if a.dtype == np.float32]
    assert kept == ["fc.weight"]


@pytest.mark.usefixtures("pruned")
def test_errors_are_one_line(pbias: Run) -> None:
    for arguments, message in (
        (("int8.onnx", *DATA), "is quantized already"),
        (("s90.pt", *DATA, "--exclude", "fcc"), "no node or layer 'fcc'; did you mean 'fc'?"),
        (("s90.pt", "--data", "absent.csv"), "absent.csv does not exist"),
    ):
        failed = pbias("quantize", *arguments, "-o", "out.onnx")
        assert failed.returncode == 2 and message in failed.stderr
        assert failed.stderr.count("error: ") == 1 and not Path("out.onnx").exists()
