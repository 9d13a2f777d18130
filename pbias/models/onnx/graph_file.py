"""ONNX files: parse and check them without running them, and find their inputs and outputs.

`Model` is an `onnx.ModelProto`; the package `onnx` is an optional dependency.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pbias.errors import UserError, argument
from pbias.extras import load_extra
from pbias.files.provenance import sha256
from pbias.files.streams import STDIO, input_name, read_bytes

Model = Any
INPUT_TYPES = ("float32", "float16", "uint8")
OUTPUT_TYPES = ("float32", "float16", "float64", "bfloat16")
KNOWN_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc")
PROBABILITIES = {"Sigmoid": "sigmoid", "Softmax": "softmax"}
WRAPPERS = ("Identity", "QuantizeLinear", "DequantizeLinear")


@dataclass(frozen=True)
class OnnxFile:
    """A parsed file; `path` is for messages."""

    model: Model
    path: str
    sha256: str
    num_bytes: int  # including external data

    @property
    def properties(self) -> dict[str, str]:
        """The metadata of the model, by key."""
        return {entry.key: entry.value for entry in self.model.metadata_props}

    def data(self) -> bytes:
        """Return the bytes of the file, with external data inside."""
        return serialize(self.model, self.path)


@dataclass(frozen=True)
class Port:
    """An input or output of a graph; sizes that may vary are None."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str

    def __str__(self) -> str:
        """Return the name, type and shape, as in `images float32 [?, 3, 224, 224]`."""
        sizes = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.name} {self.dtype} [{sizes}]"


@dataclass(frozen=True)
class ImageInput:
    """The input of a network that takes square RGB images."""

    name: str
    channels_last: bool  # NHWC
    side: int | None  # in pixels; None: any
    batch: int | None  # None: any
    dtype: str


@dataclass(frozen=True)
class LogitsOutput:
    """The value that holds logits [B, A]; `activation` is the function that the graph applies.

    `port` is the graph output that contains the logits or is computed from them.
    """

    name: str
    num: int | None
    activation: str | None
    port: str


def read_onnx_file(path: str) -> OnnxFile:
    """Read an ONNX file, from standard input for `-`, with its external data.

    Raises UserError for files that are truncated or not ONNX, that lack external data, or that use
    operators of other packages.
    """
    folder = None if path == STDIO else Path(path).parent
    return parse_onnx(read_bytes(path), input_name(path), folder)


def parse_onnx(data: bytes, path: str, folder: Path | None = None) -> OnnxFile:
    """Parse the bytes of an ONNX file; external data is searched for in `folder`."""
    onnx = load_extra("onnx", "onnx", f"{path} is an ONNX network, which")
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf has several implementations, each with its own exceptions
        raise UserError(_truncated(path, data)) from error
    if not model.graph.node or not model.graph.output or not _holds_text(model):
        raise UserError(_truncated(path, data))
    num_external = _load_external_data(onnx, model, path, folder)
    _refuse_custom_operators(model, path)
    return OnnxFile(model, path, sha256(data), len(data) + num_external)


def _holds_text(message: Any) -> bool:
    """Return whether all names in a model are text; protobuf returns other names as bytes."""
    for field, value in message.ListFields():
        if field.type not in (field.TYPE_STRING, field.TYPE_MESSAGE):
            continue
        is_text = field.type == field.TYPE_STRING
        values = (
            [value] if isinstance(value, str | bytes) or hasattr(value, "ListFields") else value
        )
        if not all(isinstance(v, str) if is_text else _holds_text(v) for v in values):
            return False
    return True


def serialize(model: Model, path: str) -> bytes:
    """Return the bytes of a model, equal for equal content; UserError above 2 GiB."""
    try:
        data: bytes = model.SerializeToString(deterministic=True)
    except Exception as error:
        raise UserError(
            f"{path} needs more than the 2 GiB of an ONNX file; use a smaller network"
        ) from error
    return data


def ports(model: Model) -> tuple[list[Port], list[Port]]:
    """Return the inputs and the outputs of a graph."""
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [_port(value) for value in model.graph.input if value.name not in weights]
    return inputs, [_port(value) for value in model.graph.output]


def image_input(file: OnnxFile) -> ImageInput:
    """Return the input for images; UserError if the graph takes something else."""
    inputs, _ = ports(file.model)
    listed = ", ".join(map(str, inputs)) or "none"
    if len(inputs) != 1:
        raise UserError(
            f"{file.path} has {len(inputs)} inputs ({listed}); export a network of one batch of"
            " images"
        )
    (port,) = inputs
    if port.dtype not in INPUT_TYPES:
        raise UserError(
            f"{file.path} takes {port.dtype} ({listed}); export it for {', '.join(INPUT_TYPES)}"
        )
    if len(port.shape) != 4 or 3 not in (port.shape[1], port.shape[3]):
        raise UserError(
            f"{file.path} takes {listed}; export a network of images with three channels,"
            " [N, 3, H, W] or [N, H, W, 3]"
        )
    channels_last = port.shape[1] != 3
    height, width = port.shape[1:3] if channels_last else port.shape[2:]
    if height != width:
        raise UserError(f"{file.path} takes {listed}; export a network of square images")
    return ImageInput(port.name, channels_last, height, port.shape[0], port.dtype)


def logits_output(file: OnnxFile, name: str | None = None) -> LogitsOutput:
    """Return the output that holds logits; `name` selects one of several.

    If the graph ends in a sigmoid or softmax, the logits are its input. Raises UserError if there
    are several candidates, or if the output is not a matrix of numbers.
    """
    _, outputs = ports(file.model)
    port = _chosen(outputs, name, file.path)
    if port.dtype not in OUTPUT_TYPES or len(port.shape) != 2:
        raise UserError(
            f"{file.path} gives {port}; export a network whose output is one row of logits an"
            " image, [N, A]"
        )
    last = _producer(file.model, port.name)
    if last is None or last.op_type not in PROBABILITIES:
        return LogitsOutput(port.name, port.shape[1], None, port.name)
    return LogitsOutput(last.input[0], port.shape[1], PROBABILITIES[last.op_type], port.name)


def giving(file: OnnxFile, output: LogitsOutput) -> bytes:
    """Return the bytes of a model that has the logits among its outputs."""
    if output.name in {value.name for value in file.model.graph.output}:
        return file.data()
    model = type(file.model)()
    model.CopyFrom(file.model)
    value = next(value for value in model.graph.output if value.name == output.port)
    model.graph.output.add().CopyFrom(value)
    model.graph.output[-1].name = output.name
    return serialize(model, file.path)


def _truncated(path: str, data: bytes) -> str:
    return f"{path} is truncated or no ONNX file ({len(data):,} bytes); copy or write it again"


def _port(value: Any) -> Port:
    onnx = load_extra("onnx", "onnx", "reading ONNX files")
    tensor = value.type.tensor_type
    sizes = (dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim)
    kinds = {number: name.lower() for name, number in onnx.TensorProto.DataType.items()}
    kind = kinds.get(tensor.elem_type, f"kind {tensor.elem_type}")
    names = {"float": "float32", "double": "float64"}
    return Port(value.name, tuple(sizes), names.get(kind, kind))


def _chosen(outputs: list[Port], name: str | None, path: str) -> Port:
    listed = ", ".join(map(str, outputs))
    if name is None:
        if len(outputs) != 1:
            raise UserError(
                f"{path} has {len(outputs)} outputs ({listed}); choose the logits with"
                f" {argument('output_name')}"
            )
        return outputs[0]
    found = [port for port in outputs if port.name == name]
    if not found:
        raise UserError(f"{path} has no output '{name}'; choose one of: {listed}")
    return found[0]


def _producer(model: Model, name: str) -> Any:
    """Return the node that computes a value, skipping nodes that only pass on or quantize it."""
    nodes = {output: node for node in model.graph.node for output in node.output}
    node = nodes.get(name)
    while node is not None and node.op_type in WRAPPERS:
        node = nodes.get(node.input[0])
    return node


def _load_external_data(onnx: Any, model: Model, path: str, folder: Path | None) -> int:
    """Load the weights that are stored in other files; return their number of bytes."""
    files = sorted(set(_external_files(onnx, model)))
    for name in files:
        if folder is None:
            raise UserError(
                f"{path} keeps weights in the file {name}; give the path of the network instead of "
                "a pipe"
            )
        if not (folder / name).is_file():
            raise UserError(
                f"{path} keeps weights in {name}, which is missing; copy both files into one folder"
            )
    if not files:
        return 0
    try:
        onnx.load_external_data_for_model(model, str(folder))
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        raise UserError(
            f"the weights of {path} in {files[0]} cannot be read ({said}); copy both files again"
        ) from error
    assert folder is not None
    return sum((folder / name).stat().st_size for name in files)


def _external_files(onnx: Any, model: Model) -> Iterator[str]:
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            yield from (entry.value for entry in tensor.external_data if entry.key == "location")


def _refuse_custom_operators(model: Model, path: str) -> None:
    own = {(function.domain, function.name) for function in model.functions}
    strange = sorted(
        {
            f"{node.domain}:{node.op_type}"
            for node in model.graph.node
            if node.domain not in KNOWN_DOMAINS and (node.domain, node.op_type) not in own
        }
    )
    if strange:
        raise UserError(
            f"{path} uses custom operators ({', '.join(strange[:5])}), which ONNX Runtime does not"
            " have; export it without them"
        )
