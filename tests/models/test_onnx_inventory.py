"""The content of an ONNX file: operators, weights, zeros and quantization, counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pbias.errors import UserError
from pbias.models.onnx.graph_file import OnnxFile, parse_onnx
from pbias.models.onnx.inventory import count, facts, inventory, weight_facts

KERNEL = np.zeros((2, 3, 1, 1), np.float32)
KERNEL[0, 0] = KERNEL[1, 1] = 1.0  # 6 weights, 4 of them zero
MATRIX = np.array([[3, 5], [3, 3]], np.uint8)  # 3 is the zero point, so 3 of 4 are zero


def graph(onnx: Any, properties: dict[str, str] | None = None) -> OnnxFile:
    """Make a convolution in float and a product in int8, whose weight passes a transposition."""
    helper, proto = onnx.helper, onnx.TensorProto
    nodes = [
        helper.make_node("Conv", ["images", "kernel", "bias"], ["maps"]),
        helper.make_node("GlobalAveragePool", ["maps"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("QuantizeLinear", ["flat", "scale", "point"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "point"], ["dq"]),
        helper.make_node("DequantizeLinear", ["matrix", "scale", "point"], ["m"]),
        helper.make_node("Transpose", ["m"], ["mt"]),
        helper.make_node("MatMul", ["dq", "mt"], ["logits"]),
    ]
    constants = {
        "kernel": KERNEL, "bias": np.zeros(2, np.float32), "matrix": MATRIX,
        "scale": np.float32(0.5), "point": np.uint8(3),
    }  # fmt: skip
    made = helper.make_model(
        helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("images", proto.FLOAT, ["N", 3, 4, 4])],
            [helper.make_tensor_value_info("logits", proto.FLOAT, ["N", 2])],
            [onnx.numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", 13), helper.make_opsetid("com.unused", 1)],
        ir_version=8,
    )
    helper.set_model_props(made, properties or {})
    return parse_onnx(made.SerializeToString(), "net.onnx")


def test_operators_weights_and_zeros_are_counted(onnx: Any) -> None:
    rows = {row["operator"]: row for row in inventory(graph(onnx)).records()}
    assert [rows[name]["nodes"] for name in ("", "Conv", "DequantizeLinear")] == [8, 1, 2]
    assert rows["Conv"] == {
        "operator": "Conv", "nodes": 1, "quantized": 0.0, "weights": 6, "nonzero": 2,
        "sparsity": 4 / 6, "int8_weights": 0, "bytes": 24,
    }  # fmt: skip
    assert rows["MatMul"] == {
        "operator": "MatMul", "nodes": 1, "quantized": 1.0, "weights": 4, "nonzero": 1,
        "sparsity": 0.75, "int8_weights": 4, "bytes": 4,
    }  # fmt: skip
    # Two of the five that compute see quantized values: the transposition and the product.
    assert rows[""]["quantized"] == 0.4 and rows[""]["weights"] == 10


def test_facts_are_of_the_whole_file(onnx: Any) -> None:
    file = graph(onnx, {"stage": "final"})
    said = facts(file)
    assert said["inputs"] == ["images float32 [?, 3, 4, 4]"]
    assert said["outputs"] == ["logits float32 [?, 2]"]
    assert (said["prunable"], said["nonzero"], said["sparsity"]) == (10, 3, 0.7)
    assert said["int8_share"] == 0.4 and said["opsets"] == {"ai.onnx": 13}
    assert said["bytes_file"] == len(file.data()) and said["other_metadata"] == ["stage"]
    assert count(file) == (10, 7)


def test_weights_say_the_share_of_int8_and_of_zeros(onnx: Any) -> None:
    """Of 10 weights 4 are in int8; 7 are zero, which metadata of pbias say themselves."""
    assert weight_facts(graph(onnx)) == {"int8_share": 0.4, "sparsity": 0.7}
    said = {"pbias.targets": '["a", "b"]'}
    assert weight_facts(graph(onnx, said)) == {"int8_share": 0.4}


def test_zeros_of_chosen_layers_are_not_compared(onnx: Any) -> None:
    with pytest.raises(UserError, match="was pruned with some layers left out"):
        count(graph(onnx, {"pbias.sparsity": '{"exclude": ["fc"]}'}))


def test_constants_that_do_not_fit_their_shape_are_refused(onnx: Any) -> None:
    model = graph(onnx).model
    model.graph.initializer[0].dims[:] = [2**31, 2**31]
    file = parse_onnx(model.SerializeToString(), "net.onnx")
    with pytest.raises(UserError, match="the constant 'kernel' is damaged"):
        inventory(file)


def test_a_graph_that_turns_in_circles_ends(onnx: Any) -> None:
    model = graph(onnx).model
    model.graph.node[6].input[0] = "mt"  # the transposition takes its own output
    found = inventory(parse_onnx(model.SerializeToString(), "net.onnx"))
    assert found.columns["weights"][0] == 6


def test_names_that_are_no_text_are_refused(onnx: Any) -> None:
    data = graph(onnx).model.SerializeToString().replace(b"MatMul", b"\xff\xfeMul\xff")
    with pytest.raises(UserError, match="truncated or no ONNX file"):
        parse_onnx(data, "net.onnx")


def test_a_kind_that_onnx_does_not_know_has_a_number(onnx: Any) -> None:
    model = graph(onnx).model
    model.graph.input[0].type.tensor_type.elem_type = 77
    assert "kind 77" in facts(parse_onnx(model.SerializeToString(), "net.onnx"))["inputs"][0]
