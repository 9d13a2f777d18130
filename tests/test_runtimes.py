"""The recipes of docs/runtimes.md write logits files, on a network with known logits."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pbias.files.logits import read_logits

REPO = Path(__file__).resolve().parent.parent
PAGE = (REPO / "docs" / "runtimes.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n# ([^\n]+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
RECIPES = dict(BLOCKS)
WEIGHTS = np.random.default_rng(1).normal(0, 0.02, (3 * 64 * 64, 2)).astype(np.float32)

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def pixels(tmp_path: Path) -> NDArray[np.float64]:
    """Draw `photos` of one color each; return the colors [N, 3] of the test split."""
    folder = tmp_path / "photos"
    folder.mkdir()
    colors = np.random.default_rng(0).integers(0, 256, (12, 3))
    lines = ["image,split,smiling,glasses,sex"]
    for number, color in enumerate(colors):
        Image.new("RGB", (80, 70), tuple(map(int, color))).save(folder / f"{number}.png")
        split = "train" if number < 4 else "test"
        lines.append(
            f"{number}.png,{split},{number % 2},{'' if number == 5 else 1},{'fm'[number % 2]}"
        )
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "common.py").write_text(RECIPES["common.py"])
    return np.asarray(colors[4:] / 255.0)


def draw_network(onnx: Any, path: Path) -> None:
    """Write a graph of one layer: images [N, 3, 64, 64] to logits [N, 2]."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    weights = onnx.numpy_helper.from_array(WEIGHTS, "w")
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["x"], ["flat"]),
            helper.make_node("MatMul", ["flat", "w"], ["z"]),
        ],
        "net",
        [helper.make_tensor_value_info("x", kind, ["N", 3, 64, 64])],
        [helper.make_tensor_value_info("z", kind, ["N", 2])],
        [weights],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))


@pytest.mark.parametrize(
    ("recipe", "module", "error"),
    [("ONNX Runtime", "onnxruntime", 1e-4), ("OpenVINO", "openvino", 0.02)],  # in bfloat16
)
def test_a_recipe_fills_a_file_that_audits(
    onnx: Any,
    pbias: Run,
    tmp_path: Path,
    pixels: NDArray[np.float64],
    recipe: str,
    module: str,
    error: float,
) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed; it is not an extra")
    draw_network(onnx, tmp_path / "net.onnx")
    code = [sys.executable, "-c", RECIPES[recipe]]
    done = subprocess.run(code, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    name = f"{recipe.lower().replace(' ', '')}.npz"
    found = read_logits(str(tmp_path / name))
    expected = ((pixels - 0.5) / 0.5) @ WEIGHTS.astype(float).reshape(3, -1, 2).sum(axis=1)
    np.testing.assert_allclose(found.logits, expected, atol=error)
    assert found.ids is not None and found.ids.tolist() == [f"{n}.png" for n in range(4, 12)]
    assert found.labels[:2].tolist() == [[0, 1], [1, -1]]
    assert found.group_values == (("f", "m"),)
    audited = ("metrics", name, "--labels", "photos/labels.csv", "--metrics", "accuracy")
    assert pbias(*audited, "--no-intervals").returncode == 0


def test_every_recipe_is_python_and_saves_with_the_shared_part() -> None:
    assert [name for name, _ in BLOCKS] == [
        "common.py", "ONNX Runtime", "OpenVINO", "LiteRT", "Core ML", "TensorRT",
    ]  # fmt: skip
    for name, code in BLOCKS[1:]:
        compile(code, name, "exec")
        assert code.count("from common import") == 1 and code.rstrip().endswith("rows)")
        assert f"| {name}" in PAGE or f", {name} |" in PAGE
