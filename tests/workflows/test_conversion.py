"""`pbias.export` and `pbias.quantize`: the files of the commands, from Python."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

import pbias as library

Run = Callable[..., CompletedProcess[str]]


def test_the_library_writes_what_the_commands_write(pbias: Run, photos: Path, onnx: Any) -> None:
    (dense,) = library.train("photos/labels.csv", "dense.pt", targets="bright,red", epochs=1)
    assert library.export(dense, "net.onnx") == Path("net.onnx")
    options = {"data": "photos/labels.csv", "batches": 1, "per_channel": True, "exclude": ["fc"]}
    assert library.quantize(dense, "int8.onnx", **options) == Path("int8.onnx")
    assert pbias("export", "dense.pt", "-o", "net2.onnx").returncode == 0
    said = ("--data", "photos/labels.csv", "--batches", "1", "--per-channel", "--exclude", "fc")
    assert pbias("quantize", "dense.pt", *said, "-o", "int82.onnx").returncode == 0
    assert Path("net.onnx").read_bytes() == Path("net2.onnx").read_bytes()
    assert Path("int8.onnx").read_bytes() == Path("int82.onnx").read_bytes()
    logits = library.predict("int8.onnx", "photos/labels.csv")
    assert logits.targets == ("bright", "red")
    with pytest.raises(library.UserError, match="name a manifest with `data`"):
        library.quantize(dense, "x.onnx")
