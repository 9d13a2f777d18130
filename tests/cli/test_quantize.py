"""`pbias quantize`: int8 files that are small, keep zeros, and describe their predictions."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
import torch

from pbias.files.logits import read_logits

Run = Callable[..., CompletedProcess[str]]
DATA = ("--data", "photos/labels.csv", "--batches", "2", "--batch-size", "16")


@pytest.fixture
def pruned(pbias: Run, photos: Path, onnx: Any) -> None:
    """Write `s90.pt` and `int8.onnx` into the working directory."""
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
def test_it_says_the_sizes_and_how_far_int8_is_from_floating_point(pbias: Run) -> None:
    assert pbias("export", "s90.pt", "-qo", "s90.onnx").returncode == 0
    done = pbias("quantize", "s90.onnx", *DATA, "-o", "again.onnx")
    assert done.returncode == 0, done.stderr
    sizes = [Path(name).stat().st_size for name in ("again.onnx", "s90.onnx")]
    *_, size, difference = done.stderr.splitlines()
    assert f"again.onnx: {sizes[0]:,} bytes in int8" in size and f"{sizes[1]:,} in flo" in size
    assert "calibrated on 32 images" in size
    assert difference.startswith("pbias: on 16 of these images logits differ by at most ")
    assert difference.endswith(" % of the predictions (logit above 0) are the same")
    # All rows are used for calibration, so the first batch is among them and the largest gap is
    # equal.
    for name in ("s90.onnx", "again.onnx"):
        predict = ("predict", name, "photos/labels.csv", "--split", "train", "-qo", f"{name}.npz")
        assert pbias(*predict).returncode == 0
    both = [read_logits(f"{name}.npz").logits for name in ("s90.onnx", "again.onnx")]
    said = float(difference.split(" at most ")[1].split(",")[0])
    assert 0 < said <= 1.01 * np.abs(both[0] - both[1]).max()


@pytest.mark.usefixtures("pruned")
def test_every_place_says_that_a_network_is_in_int8(pbias: Run, onnx: Any) -> None:
    """Its own file, one without metadata as other programs write it, and a counts file."""
    model = onnx.load("int8.onnx")
    del model.metadata_props[:]
    onnx.save(model, "foreign.onnx")
    labels = ("photos/labels.csv", "--split", "train")
    named = ("--targets", "bright,red", "--groups", "male", "--image-size", "24")
    for command in (
        ("predict", "s90.pt", *labels, "-qo", "s90.npz"),
        ("predict", "int8.onnx", *labels, "-qo", "int8.npz"),
        ("predict", "foreign.onnx", *labels, *named, "-qo", "foreign.npz"),
        ("count", "int8.npz", "-qo", "counts.npz"),
    ):
        assert pbias(*command).returncode == 0
    share = read_logits("foreign.npz").meta["sparsity"]
    arrays = weights(onnx, "int8.onnx").values()
    assert share == sum((a == 0).sum() for a in arrays) / sum(a.size for a in arrays)
    assert "precision" not in read_logits("int8.npz").meta["arguments"]
    strategies = {}
    done = pbias("compare", "s90.npz", "int8.npz", "foreign.npz")
    for row in csv.DictReader(io.StringIO(done.stdout)):
        strategies[row["run"]] = row["strategy"]
    assert strategies == {"s90": "one-shot", "int8": "one-shot int8", "foreign": "int8"}
    for files, expected in (
        (
            ("int8.npz", "--ref", "s90.npz"),
            "int8.npz (int8, sparsity 90.0%)\n\nReference: s90.npz (s",
        ),
        (("foreign.npz",), f"foreign.npz (int8, sparsity {share:.1%})"),
        (("counts.npz",), "int8.npz (int8, sparsity 90.0%)"),
    ):
        assert f"Audited: {expected}" in pbias("metrics", *files, "--report", "-", "-o", "t").stdout
    done = pbias("select", "int8.npz", "--ref", "s90.npz", "--gate", "did_tpr <= 1")
    assert "selected: int8.npz, int8, 90.0% zeros" in done.stderr


def simple(onnx: Any, kind: int, outputs: tuple[str, ...] = ("logits",)) -> Any:
    """Return the mean of each color, by a convolution, and its logits before a sigmoid."""
    helper = onnx.helper
    weight = np.eye(3).reshape(3, 3, 1, 1)
    dtype = {onnx.TensorProto.FLOAT16: np.float16}.get(kind, np.float32)
    float_type = onnx.TensorProto.FLOAT16 if dtype is np.float16 else onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("Cast", ["images"], ["x"], to=float_type),
        helper.make_node("Conv", ["x", "w"], ["maps"]),
        helper.make_node("ReduceMean", ["maps"], ["before"], axes=[2, 3], keepdims=0),
        helper.make_node("Sigmoid", ["before"], ["logits"]),
        helper.make_node("Neg", ["before"], ["negative"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("images", kind, ["N", 3, 24, 24])],
        [helper.make_tensor_value_info(name, float_type, ["N", 3]) for name in outputs],
        [onnx.numpy_helper.from_array(weight.astype(dtype), "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


TARGETS = ("--targets", "bright,red,male")


def test_a_foreign_graph_is_quantized_with_the_output_it_has(
    pbias: Run, photos: Path, onnx: Any
) -> None:
    onnx.save(simple(onnx, onnx.TensorProto.FLOAT), "net.onnx")
    done = pbias("quantize", "net.onnx", *DATA, *TARGETS, "-o", "int8.onnx")
    assert done.returncode == 0, done.stderr
    assert [output.name for output in onnx.load("int8.onnx").graph.output] == ["logits"]
    assert pbias("predict", "int8.onnx", "photos/labels.csv", "-qo", "x.npz").returncode == 0
    onnx.save(simple(onnx, onnx.TensorProto.FLOAT, ("logits", "negative")), "two.onnx")
    failed = pbias("quantize", "two.onnx", *DATA, *TARGETS, "-o", "two8.onnx")
    assert failed.returncode == 2 and "choose the logits with --output-name" in failed.stderr
    named = ("--output-name", "negative")
    assert pbias("quantize", "two.onnx", *DATA, *TARGETS, *named, "-o", "two8.onnx").returncode == 0
    torch.save({"fc.weight": torch.zeros(2, 3)}, "bare.pth")
    failed = pbias("quantize", "bare.pth", *DATA, *named, "--arch", "resnet18", "-o", "x.onnx")
    assert (
        failed.returncode == 2 and "not an ONNX network; leave out --output-name" in failed.stderr
    )


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("FLOAT16", "net.onnx computes in float16, which ONNX Runtime does not quantize"),
        ("UINT8", "net.onnx takes images of uint8, which it normalizes itself; export it"),
    ],
)
def test_graphs_of_other_types_are_refused(
    pbias: Run, photos: Path, onnx: Any, kind: str, message: str
) -> None:
    onnx.save(simple(onnx, getattr(onnx.TensorProto, kind)), "net.onnx")
    failed = pbias("quantize", "net.onnx", *DATA, *TARGETS, "-o", "out.onnx")
    assert failed.returncode == 2 and message in failed.stderr
    assert failed.stderr.count("error: ") == 1 and not Path("out.onnx").exists()


@pytest.mark.usefixtures("pruned")
def test_info_counts_what_an_onnx_file_holds(pbias: Run) -> None:
    assert pbias("export", "s90.pt", "-qo", "s90.onnx").returncode == 0
    expected = pbias("info", "s90.onnx", "--expect-sparsity", "0.9", "-f", "json")
    assert expected.returncode == 0 and "the " in expected.stderr
    assert pbias("info", "s90.onnx", "--expect-sparsity", "0.8").returncode == 1
    shown = pbias("info", "int8.onnx", "-f", "table").stdout
    assert "int8 share    1.0000" in shown and "DequantizeLinear" in shown
    failed = pbias("info", "s90.onnx", "--arch", "resnet18")
    assert (
        failed.returncode == 2 and "which contains the weights; leave out --arch" in failed.stderr
    )
    Path("cut.onnx").write_bytes(Path("s90.onnx").read_bytes()[:5000])
    Path("other.onnx").write_text("no network")
    for name in ("cut.onnx", "other.onnx"):
        failed = pbias("info", name)
        assert failed.returncode == 2 and f"{name} is truncated or no ONNX file" in failed.stderr
        assert failed.stderr.count("\n") == 1


@pytest.mark.usefixtures("pruned")
def test_errors_are_one_line(pbias: Run) -> None:
    for arguments, message in (
        (("int8.onnx", *DATA), "is already quantized"),
        (("s90.pt", *DATA, "--exclude", "fcc"), "no node or layer 'fcc'; did you mean 'fc'?"),
        (("s90.pt", "--data", "absent.csv"), "absent.csv does not exist"),
    ):
        failed = pbias("quantize", *arguments, "-o", "out.onnx")
        assert failed.returncode == 2 and message in failed.stderr
        assert failed.stderr.count("error: ") == 1 and not Path("out.onnx").exists()
