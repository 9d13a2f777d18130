"""Networks of torchvision and timm, by name alone, from training to int8."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
import torch

from pbias.files.checkpoint import load_checkpoint
from pbias.files.logits import read_logits
from pbias.models import build

Run = Callable[..., CompletedProcess[str]]
LABELS = "photos/labels.csv"
VIT = ("--arch", "timm:test_vit")


def done(pbias: Run, *command: str) -> CompletedProcess[str]:
    result = pbias(*command)
    assert result.returncode == 0, result.stderr
    return result


def test_a_vit_of_timm_is_trained_pruned_exported_and_quantized(
    pbias: Run, photos: Path, timm: Any, onnx: Any
) -> None:
    small = ("--image-size", "32", "--targets", "bright,red", "--groups", "male", "--epochs", "1")
    done(pbias, "train", LABELS, *VIT, *small, "--batch-size", "16", "-o", "vit.pt")
    made = load_checkpoint("vit.pt")
    assert made.model == {"name": "timm:test_vit", "args": {"img_size": 32}}
    assert made.preprocess == {
        "size": 32, "crop": 32, "mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic",
    }  # fmt: skip
    done(pbias, "prune", "vit.pt", "--sparsity", "0.5", "--epochs", "1", "-o", "s50.pt")
    counted = done(pbias, "info", "s50.pt", "--expect-sparsity", "0.5", "-f", "json")
    zeros = json.loads(counted.stdout)
    done(pbias, "export", "s50.pt", "-o", "s50.onnx")
    done(pbias, "quantize", "s50.pt", "--data", LABELS, "--per-channel", "-o", "int8.onnx")
    for name in ("s50.pt", "s50.onnx", "int8.onnx"):
        done(pbias, "predict", name, LABELS, "--split", "all", "-o", f"{name}.npz")
    torchs, exported, int8 = (
        read_logits(f"{name}.npz") for name in ("s50.pt", "s50.onnx", "int8.onnx")
    )
    np.testing.assert_allclose(exported.logits, torchs.logits, atol=1e-4)
    assert 0 < np.abs(int8.logits - torchs.logits).max() < 0.5
    arrays = map(onnx.numpy_helper.to_array, onnx.load("s50.onnx").graph.initializer)
    kept = sum(array.size - np.count_nonzero(array) for array in arrays if array.ndim > 1)
    assert kept == zeros["prunable"] - zeros["nonzero"]


def test_a_file_of_weights_brings_its_number_of_classes(
    pbias: Run, photos: Path, timm: Any, safetensors: Any
) -> None:
    torch.manual_seed(0)
    model = build("timm:test_resnet", 2)
    safetensors.save_file(model.state_dict(), "net.safetensors")
    named = ("--arch", "timm:test_resnet", "--targets", "bright,red", "--image-size", "32")
    said = done(pbias, "predict", "net.safetensors", LABELS, *named, "-o", "net.npz")
    assert "less 0.5,0.5,0.5, over 0.5,0.5,0.5" in said.stderr
    assert read_logits("net.npz").targets == ("bright", "red")
    three = pbias("predict", "net.safetensors", LABELS, *named[:2], "--targets", "a,b,c", "-o", "x")
    assert three.returncode == 2 and "has 2 outputs but --targets names 3" in three.stderr


def test_training_starts_from_weights_with_other_classes(pbias: Run, photos: Path) -> None:
    torch.manual_seed(0)
    given = build("torchvision:squeezenet1_1", 10).state_dict()
    torch.save(given, "imagenet.pth")
    small = ("--targets", "bright,red", "--image-size", "32", "--epochs", "1", "--lr", "1e-12")
    started = done(
        pbias, "train", LABELS, "--arch", "torchvision:squeezenet1_1", *small, "--init",
        "imagenet.pth", "-o", "tuned.pt",
    )  # fmt: skip
    assert "the classifier has 10 outputs, not 2; it starts from random weights" in started.stderr
    tuned = load_checkpoint("tuned.pt")
    assert tuned.preprocess["mean"] == [0.485, 0.456, 0.406]
    torch.testing.assert_close(
        tuned.state_dict["features.0.weight"], given["features.0.weight"], atol=1e-6, rtol=0
    )
    settings = done(pbias, "train", "--arch", "torchvision:squeezenet1_1", "--print-config").stdout
    assert "image-size = 224\n" in settings and "mean = [0.485, 0.456, 0.406]" in settings


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--arch", "timm:resnet1000"),
            "timm has no classifier 'resnet1000'; did you mean 'resnet",
        ),
        (("--arch", "torchvision:fcn_resnet50"), "torchvision has no classifier 'fcn_resnet50'"),
        (("--model", "timm:resnet18"), "use --arch timm:resnet18"),
        ((*VIT, "--model-args", "img_size=33"), "cannot"),
        ((*VIT, "--model-args", "pretrained=true"), "cannot be built with pretrained: weights"),
    ],
)
def test_what_a_library_does_not_have_is_one_line(
    pbias: Run, photos: Path, timm: Any, options: tuple[str, ...], message: str
) -> None:
    refused = pbias("train", LABELS, *options, "-o", "net.pt")
    assert refused.returncode == 2 and message in refused.stderr
    assert refused.stderr.count("error: ") == 1 and "Traceback" not in refused.stderr
