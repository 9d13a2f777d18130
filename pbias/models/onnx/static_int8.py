"""Static int8: quantize weights and activations with scales from a few batches of images.

ONNX Runtime's quantizer writes QuantizeLinear and DequantizeLinear around each operator (QDQ).
Weights are symmetric, so a pruned zero stays exactly zero.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pbias.errors import UserError, did_you_mean
from pbias.extras import load_extra
from pbias.models.onnx.graph_file import Model, OnnxFile, image_input, parse_onnx

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
QUANTIZED = ("DequantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger")

Feed = dict[str, Any]


class Calibration:
    """The calibration batches, in the form that ONNX Runtime asks for."""

    def __init__(self, feeds: Iterable[Feed]) -> None:
        """Keep the batches; `feeds` contains the graph's inputs by name."""
        self._feeds: Iterator[Feed] = iter(feeds)

    def get_next(self) -> Feed | None:
        """Return the next batch; None after the last."""
        return next(self._feeds, None)


def quantize(
    file: OnnxFile, feeds: Iterable[Feed], *, per_channel: bool, exclude: Sequence[str]
) -> OnnxFile:
    """Return the network in int8, except excluded nodes or layers, without metadata.

    Raises UserError for networks that `check_quantizable` refuses, and for unknown names in
    `exclude`.
    """
    check_quantizable(file)
    tools = load_extra("onnxruntime.quantization", "onnx", "quantizing")
    shapes = load_extra("onnxruntime.quantization.shape_inference", "onnx", "quantizing")
    with tempfile.TemporaryDirectory() as folder:
        ready, done = Path(folder) / "ready.onnx", Path(folder) / "int8.onnx"
        # This folds batch normalization and finds the shapes that the quantizer needs.
        shapes.quant_pre_process(file.model, ready, skip_symbolic_shape=True)
        left_out = excluded_nodes(
            parse_onnx(ready.read_bytes(), file.path).model, exclude, file.path
        )
        level, root = logging.root.level, logging.getLogger()
        root.setLevel(logging.ERROR)  # it would recommend the preprocessing done above
        try:
            tools.quantize_static(
                ready,
                done,
                Calibration(feeds),
                quant_format=tools.QuantFormat.QDQ,
                per_channel=per_channel,
                activation_type=tools.QuantType.QInt8,
                weight_type=tools.QuantType.QInt8,
                nodes_to_exclude=left_out,
            )
        finally:
            root.setLevel(level)
        return parse_onnx(done.read_bytes(), file.path)


def check_quantizable(file: OnnxFile) -> None:
    """Raise UserError for networks that are already quantized or do not compute in float32."""
    if any(node.op_type in QUANTIZED for node in file.model.graph.node):
        raise UserError(f"{file.path} is already quantized; name the network before quantization")
    kind = image_input(file).dtype
    if kind == "uint8":
        raise UserError(
            f"{file.path} takes images of uint8, which it normalizes itself; export it for images "
            "of float32 and give --mean and --std"
        )
    half = load_extra("onnx", "onnx", "quantizing").TensorProto.FLOAT16
    if kind != "float32" or any(t.data_type == half for t in file.model.graph.initializer):
        raise UserError(
            f"{file.path} computes in float16, which ONNX Runtime does not quantize; name the "
            "float32 network it was made from"
        )


def excluded_nodes(model: Model, exclude: Sequence[str], path: str) -> list[str]:
    """Return the names of the nodes that `exclude` selects, by node or by layer (`fc`, `conv1`)."""
    layers: dict[str, list[str]] = {}
    for node in model.graph.node:
        for name in {node.name, layer_of(node)} - {""}:
            layers.setdefault(name, []).append(node.name)
    for name in exclude:
        if name not in layers:
            hint = did_you_mean(name, layers, f"there are {', '.join(sorted(layers)[:5])}, ...")
            raise UserError(f"{path} has no node or layer '{name}'; {hint}")
    return sorted({node for name in exclude for node in layers[name]})


def layer_of(node: Any) -> str:
    """Return the layer of a node with weights: the module's path in torch, or an empty text.

    Torch names nodes after modules: `/layer1/layer1.0/conv1/Conv` is `layer1.0.conv1`.
    """
    if node.op_type not in WEIGHTED or not node.name.startswith("/"):
        return ""
    path: list[str] = []
    for part in node.name.split("/")[1:-1]:
        if path and part.startswith(f"{path[-1]}."):
            path.pop()
        path.append(part)
    return ".".join(path)
