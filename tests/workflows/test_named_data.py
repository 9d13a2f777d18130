"""The manifest that a checkpoint names, which somebody else may have chosen."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import torch

Run = Callable[..., CompletedProcess[str]]


def test_only_a_regular_file_is_opened_and_never_quoted(
    pbias: Run, photos: Path, tmp_path: Path
) -> None:
    options = ["--arch", "resnet_small", "--image-size", "24", "--epochs", "1", "--workers", "1"]
    done = pbias("train", "photos/labels.csv", *options, "-o", "dense.pt")
    assert done.returncode == 0, done.stderr
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "secret").write_text("root:x:0:0:secret\n")
    for name, said in (("pipe", "not here"), ("/dev/zero", "not here"), ("secret", "not a usable")):
        content = torch.load("dense.pt", weights_only=True)
        content["data"]["path"] = name
        torch.save(content, "named.pt")
        done = pbias("prune", "named.pt", "--sparsity", "0.5", "-o", "out.pt")
        assert done.returncode == 2 and said in done.stderr
        assert "root:x" not in done.stdout + done.stderr
    assert "named.pt names the data: secret" in done.stderr
