"""Count the content of an ONNX file: operators, their weights, zeros, and quantized nodes.

Weights are constants with two or more axes that an operator takes, directly or through operators
that only pass on or dequantize them. A constant that several operators take counts for the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.errors import UserError
from pbias.extras import load_extra
from pbias.files.logits.network_facts import INT8_SHARE
from pbias.files.table import Table
from pbias.models.onnx.graph_file import OnnxFile, ports
from pbias.models.onnx.metadata import PREFIX, QUANTIZATION, checkpoint_of, value_of

COLUMNS = (
    "operator", "nodes", "quantized", "weights", "nonzero", "sparsity", "int8_weights", "bytes",
)  # fmt: skip
MULTIPLYING = ("Conv", "ConvTranspose", "Gemm", "MatMul")
INTEGER = ("QLinear", "ConvInteger", "MatMulInteger", "DynamicQuantize")  # prefixes of operators
CARRYING = ("Identity", "Cast", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten")
DEQUANTIZING, QUANTIZING = "DequantizeLinear", "QuantizeLinear"
INT8 = ("int8", "uint8", "int4", "uint4")


@dataclass(frozen=True)
class _Weight:
    """A constant with two or more axes; zeros are counted after dequantizing."""

    num: int
    num_zeros: int
    is_int8: bool
    num_bytes: int


def inventory(file: OnnxFile) -> Table:
    """Return a row for each operator; the first row, without a name, is the total.

    `quantized` is the share of nodes that compute on quantized values.
    """
    weights, makers, whole = _weights(file), _makers(file), ""
    kinds = [node.op_type for node in file.model.graph.node]
    on_int8 = [_is_quantized(node, makers) for node in file.model.graph.node]
    rows = []
    for name in (whole, *sorted(set(kinds))):
        chosen = [index for index, kind in enumerate(kinds) if name in (whole, kind)]
        of_all = [weight for index in chosen for weight in weights.get(index, [])]
        num, zeros = sum(w.num for w in of_all), sum(w.num_zeros for w in of_all)
        computing = [index for index in chosen if kinds[index] not in (DEQUANTIZING, QUANTIZING)]
        shares = [on_int8[index] for index in computing]
        rows.append(
            {
                "operator": name,
                "nodes": len(chosen),
                "quantized": sum(shares) / len(shares) if shares else None,
                "weights": num,
                "nonzero": num - zeros,
                "sparsity": zeros / num if num else None,
                "int8_weights": sum(w.num for w in of_all if w.is_int8),
                "bytes": sum(w.num_bytes for w in of_all),
            }
        )
    return Table({name: [row[name] for row in rows] for name in COLUMNS})


def count(file: OnnxFile) -> tuple[int, int]:
    """Return the number of weights in convolutions and matrix products, and of zeros among them.

    Raises UserError if pruning excluded layers, because a graph may lack their names.
    """
    pruned = value_of(file.properties, "sparsity", file.path) or {}
    if pruned.get("only") or pruned.get("exclude"):
        raise UserError(
            f"{file.path} was pruned with some layers left out, and only its checkpoint says "
            "which; name the checkpoint"
        )
    of_all = _multiplied(file)
    return sum(w.num for w in of_all), sum(w.num_zeros for w in of_all)


def weight_facts(file: OnnxFile) -> dict[str, float]:
    """Return what its weights say of a graph for the logits file: the share of them in int8.

    The share of zeros too where no metadata of pbias say it.
    """
    of_all = _multiplied(file)
    num = sum(w.num for w in of_all)
    if not num:
        return {}
    int8 = sum(w.num for w in of_all if w.is_int8) / num
    found = {INT8_SHARE: int8} if int8 else {}
    if PREFIX + "targets" not in file.properties:
        found["sparsity"] = sum(w.num_zeros for w in of_all) / num
    return found


def facts(file: OnnxFile) -> dict[str, Any]:
    """Return the facts about a file: format, size, inputs, outputs and metadata."""
    inputs, outputs = ports(file.model)
    of_all = _multiplied(file)
    num, zeros = sum(w.num for w in of_all), sum(w.num_zeros for w in of_all)
    int8 = sum(w.num for w in of_all if w.is_int8)
    used = {node.domain or "ai.onnx" for node in file.model.graph.node}
    opsets = {entry.domain or "ai.onnx": entry.version for entry in file.model.opset_import}
    return {
        "kind": "ONNX network",
        "sha256": file.sha256,
        "producer": f"{file.model.producer_name} {file.model.producer_version}".strip(),
        "opsets": {name: version for name, version in opsets.items() if name in used},
        "inputs": list(map(str, inputs)),
        "outputs": list(map(str, outputs)),
        "prunable": num,
        "nonzero": num - zeros,
        "sparsity": zeros / num if num else 0.0,
        INT8_SHARE: int8 / num if num else 0.0,
        "bytes_file": file.num_bytes,
        **_metadata(file),
    }


def _metadata(file: OnnxFile) -> dict[str, Any]:
    """Return the metadata that pbias wrote, and the keys that others wrote."""
    known = checkpoint_of(file.properties, file.path, file.sha256)
    others = [key for key in file.properties if not key.startswith(PREFIX)]
    said: dict[str, Any] = {"other_metadata": others} if others else {}
    if known is None:
        return said
    return {
        "architecture": known.model.get("name"),
        "arguments": known.model.get("args"),
        "targets": known.targets,
        "groups": dict(zip(known.groups, known.group_values, strict=False)),
        "preprocess": known.preprocess,
        "pruning": {k: v for k, v in known.sparsity.items() if not k.startswith("per_layer")},
        QUANTIZATION: value_of(file.properties, QUANTIZATION, file.path) or {},
        "recipe": known.recipe,
        "parents": known.parents,
        **said,
    }


def _multiplied(file: OnnxFile) -> list[_Weight]:
    nodes = file.model.graph.node
    return [
        weight
        for index, of_node in _weights(file).items()
        for weight in of_node
        if nodes[index].op_type in MULTIPLYING or nodes[index].op_type.startswith(INTEGER)
    ]


def _weights(file: OnnxFile) -> dict[int, list[_Weight]]:
    """Return the weights by the number of the node that takes them."""
    constants, makers = _constants(file), _makers(file)
    seen: set[str] = set()
    found: dict[int, list[_Weight]] = {}
    for index, node in enumerate(file.model.graph.node):
        if node.op_type in (*CARRYING, DEQUANTIZING, QUANTIZING, "Constant"):
            continue
        for place, name in enumerate(node.input):
            source, zero = _source(name, constants, makers)
            if source is None or source in seen or constants[source].ndim < 2:
                continue
            if node.op_type.startswith("QLinear"):  # inputs: value, scale, zero point
                zero = node.input[place + 2] if place + 2 < len(node.input) else None
            seen.add(source)
            found.setdefault(index, []).append(_counted(source, zero, constants))
    return found


def _counted(name: str, zero: str | None, constants: Mapping[str, NDArray[Any]]) -> _Weight:
    array = constants[name]
    point = constants.get(zero or "", np.zeros((), array.dtype))
    # There is one zero point per output or one for all; symmetric weights have 0 everywhere.
    same = array == (point.flat[0] if point.size and np.all(point == point.flat[0]) else 0)
    return _Weight(array.size, int(np.count_nonzero(same)), array.dtype.name in INT8, array.nbytes)


def _source(
    name: str, constants: Mapping[str, NDArray[Any]], makers: Mapping[str, Any]
) -> tuple[str | None, str | None]:
    """Return the constant behind a value, and the zero point with which it was dequantized."""
    zero, passed = None, set()
    while name not in constants:
        node = makers.get(name)
        if node is None or node.op_type not in (*CARRYING, DEQUANTIZING, QUANTIZING):
            return None, None
        if name in passed or not node.input:  # a foreign graph may contain a cycle
            return None, None
        passed.add(name)
        if node.op_type == DEQUANTIZING and len(node.input) > 2:
            zero = node.input[2]
        name = node.input[0]
    return name, zero


def _constants(file: OnnxFile) -> dict[str, NDArray[Any]]:
    onnx = load_extra("onnx", "onnx", "reading ONNX files")
    found = {}
    for name, tensor in _tensors(file.model.graph):
        try:
            found[name] = onnx.numpy_helper.to_array(tensor)
        except Exception as error:  # malformed types, shapes and values can raise anything
            raise UserError(
                f"{file.path}: the constant '{name}' is damaged "
                f"({' '.join(str(error).split())[:200]}); write the file again"
            ) from error
    return found


def _tensors(graph: Any) -> Iterator[tuple[str, Any]]:
    yield from ((tensor.name, tensor) for tensor in graph.initializer)
    for node in graph.node:
        if node.op_type == "Constant" and node.output:
            yield from ((node.output[0], a.t) for a in node.attribute if a.name == "value")


def _makers(file: OnnxFile) -> dict[str, Any]:
    return {output: node for node in file.model.graph.node for output in node.output}


def _is_quantized(node: Any, makers: Mapping[str, Any]) -> bool:
    """Return whether a node computes on quantized values."""
    before = [makers[name].op_type for name in node.input if name in makers]
    return node.op_type.startswith(INTEGER) or DEQUANTIZING in before
