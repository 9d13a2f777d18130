"""ONNX networks give the logits of torch, for any layout, type and batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pbias.errors import UserError
from pbias.models.onnx.graph_file import parse_onnx, read_onnx_file
from pbias.models.onnx.runtime import OnnxNetwork


def model(
    onnx: Any,
    shape: tuple[Any, ...] = ("N", 3, 4, 4),
    kind: str = "float32",
    last: str | None = None,
    domain: str = "",
    outputs: int = 1,
    num: int | str = 2,
) -> Any:
    """Make a graph whose logits are the mean of red, and the mean of green minus that of blue."""
    helper, proto = onnx.helper, onnx.TensorProto
    axes = [1, 2] if shape[-1] == 3 else [2, 3]
    weight = np.array([[1, 0], [0, 1], [0, -1]], np.float32)
    nodes = [
        helper.make_node("Cast", ["images"], ["float"], to=proto.FLOAT),
        helper.make_node("ReduceMean", ["float"], ["mean"], axes=axes, keepdims=0),
        helper.make_node("MatMul", ["mean", "w"], ["logits"], domain=domain),
    ]
    if last:
        nodes.append(helper.make_node(last, ["logits"], ["said"]))
    kinds = {"float32": proto.FLOAT, "float16": proto.FLOAT16, "uint8": proto.UINT8}
    names = ["said" if last else "logits", "mean"][:outputs]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("images", kinds[kind], shape)],
        [
            helper.make_tensor_value_info(name, proto.FLOAT, ["N", 3 if name == "mean" else num])
            for name in names
        ],
        [onnx.numpy_helper.from_array(weight, "w")],
    )
    opsets = [helper.make_opsetid("", 13), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def network(made: Any, output_name: str | None = None) -> OnnxNetwork:
    return OnnxNetwork(parse_onnx(made.SerializeToString(), "net.onnx"), output_name)


def expected(images: torch.Tensor) -> torch.Tensor:
    red, green, blue = images.mean((2, 3)).T
    return torch.stack([red, green - blue], 1)


@pytest.mark.parametrize("shape", [("N", 3, 4, 4), ("N", 4, 4, 3), (3, 3, 4, 4), (5, 4, 4, 3)])
@pytest.mark.parametrize("num", [1, 4, 7])
def test_any_layout_and_batch_gives_the_same_logits(
    onnx: Any, shape: tuple[Any, ...], num: int
) -> None:
    images = torch.rand(num, 3, 4, 4, generator=torch.Generator().manual_seed(num))
    net = network(model(onnx, shape))
    torch.testing.assert_close(net(images), expected(images), atol=1e-6, rtol=1e-6)
    assert (net.side, net.num_outputs, net.raw) == (4, 2, False)


def test_half_precision_is_rounded_and_bytes_are_exact(onnx: Any) -> None:
    images = torch.tensor([0, 3, 255]).view(1, 3, 1, 1).expand(1, 3, 4, 4) / 255
    torch.testing.assert_close(
        network(model(onnx, kind="float16"))(images), expected(images), atol=1e-3, rtol=0
    )
    raw = network(model(onnx, kind="uint8"))
    assert raw.raw and raw(images).tolist() == [[0, 3 - 255]]


@pytest.mark.parametrize(("last", "name"), [("Sigmoid", "sigmoid"), ("Softmax", "softmax")])
def test_logits_are_taken_before_what_makes_probabilities(onnx: Any, last: str, name: str) -> None:
    net, images = network(model(onnx, last=last)), torch.rand(2, 3, 4, 4)
    torch.testing.assert_close(net(images), expected(images))
    assert net.activation == name


def test_one_of_several_outputs_is_named(onnx: Any) -> None:
    made = model(onnx, outputs=2)
    with pytest.raises(UserError, match=r"has 2 outputs \(logits .*\); choose .* `output_name`"):
        network(made)
    with pytest.raises(UserError, match="has no output 'x'; choose one of: logits"):
        network(made, "x")
    assert network(made, "mean").num_outputs == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": ("N", 3)}, r"takes images float32 \[\?, 3\]; export a network of images"),
        ({"shape": ("N", 1, 4, 4)}, "with three channels"),
        ({"shape": ("N", 3, 4, 5)}, "square"),
        ({"domain": "com.acme"}, r"custom operators \(com.acme:MatMul\)"),
    ],
)
def test_graphs_that_do_something_else_are_refused(
    onnx: Any, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        network(model(onnx, **changes))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.95])
def test_a_truncated_file_is_an_error_of_one_line(onnx: Any, share: float) -> None:
    data = model(onnx).SerializeToString()
    with pytest.raises(UserError, match=r"^net\.onnx [^\n]*$"):
        OnnxNetwork(parse_onnx(data[: int(share * len(data))], "net.onnx"))


def test_weights_beside_the_file_are_read_or_missed(onnx: Any, tmp_path: Path) -> None:
    made, path = model(onnx), tmp_path / "net.onnx"
    onnx.save(made, path, save_as_external_data=True, location="net.data", size_threshold=0)
    images = torch.rand(2, 3, 4, 4)
    torch.testing.assert_close(OnnxNetwork(read_onnx_file(str(path)))(images), expected(images))
    (tmp_path / "net.data").unlink()
    with pytest.raises(UserError, match=r"keeps weights in net\.data, which is missing"):
        read_onnx_file(str(path))


def test_a_number_of_outputs_that_the_graph_leaves_open_is_counted(onnx: Any) -> None:
    net = network(model(onnx, num="A"))
    assert net.num_outputs is None and net.count_outputs(4) == 2


def test_taking_logits_before_an_activation_leaves_the_file_as_it_is(onnx: Any) -> None:
    file = parse_onnx(model(onnx, last="Sigmoid").SerializeToString(), "net.onnx")
    before = file.data()
    OnnxNetwork(file)
    assert file.data() == before
