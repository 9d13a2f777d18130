"""Export checkpoints as ONNX files, and check them against torch.

Torch's TorchScript exporter is used: it needs no additional package, folds batch normalization into
convolutions, and writes neither paths nor times.
"""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pbias import __version__
from pbias.errors import UserError
from pbias.extras import load_extra
from pbias.files.checkpoint import Checkpoint
from pbias.models.onnx.graph_file import OnnxFile, parse_onnx, serialize
from pbias.models.onnx.metadata import metadata_of
from pbias.models.onnx.runtime import OnnxNetwork
from pbias.models.preprocess import Preprocess

OPSET = 17
INPUT, OUTPUT = "images", "logits"
NUM_CHECKED = 3  # differs from the traced batch of 2
TOLERANCE = 1e-4  # relative to the largest logit, or to 1


def export(checkpoint: Checkpoint, net: nn.Module, path: str) -> OnnxFile:
    """Return the network of a checkpoint as ONNX, with its description as metadata.

    The batch may have any size. `path` is for messages. Raises UserError if the network cannot be
    exported, gives different logits than in torch, or lost a zero.
    """
    load_extra("onnx", "onnx", "exporting to ONNX")
    side = Preprocess.from_dict(checkpoint.preprocess).crop
    file = parse_onnx(_trace(net.eval(), side, path), path)
    _inline_shared(file.model)
    file.model.producer_name, file.model.producer_version = "pbias", __version__
    write_metadata(file.model, metadata_of(checkpoint))
    file = parse_onnx(serialize(file.model, path), path)
    _check(file, net, side)
    return file


def write_metadata(model: Any, metadata: dict[str, str]) -> None:
    """Replace the metadata of a model."""
    del model.metadata_props[:]
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)


def _trace(net: nn.Module, side: int, path: str) -> bytes:
    buffer: Any = io.BytesIO()  # the type stubs do not know that it accepts this
    free = {0: "batch"}
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # the exporter's advice for the network's author
            torch.onnx.export(
                net,
                (torch.zeros(2, 3, side, side),),
                buffer,
                dynamo=False,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes={INPUT: free, OUTPUT: free},
            )
    except Exception as error:  # a user's own network can raise any exception
        said = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path} cannot be exported by torch {torch.__version__} ({said}); use only operators "
            "that ONNX has"
        ) from error
    data: bytes = buffer.getvalue()
    return data


def _inline_shared(model: Any) -> None:
    """Give every use of a weight its own copy where the exporter merged equal weights."""
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    merged = [n for n in graph.node if n.op_type == "Identity" and n.input[0] in weights]
    for node in merged:
        copy = graph.initializer.add()
        copy.CopyFrom(weights[node.input[0]])
        copy.name = node.output[0]
        graph.node.remove(node)


@torch.inference_mode()
def _check(file: OnnxFile, net: nn.Module, side: int) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(NUM_CHECKED, 3, side, side, generator=generator)
    wanted = net(images).float()
    gap = float((OnnxNetwork(file)(images) - wanted).abs().max())
    allowed = TOLERANCE * max(1.0, float(wanted.abs().max()))
    if not gap <= allowed:
        raise UserError(
            f"{file.path}: the exported network differs from torch by {gap:.2g} (at most"
            f" {allowed:.2g} is allowed); update torch and onnxruntime"
        )
    zeros, kept = _num_zeros(net.state_dict().values()), _num_zeros_of(file)
    if kept < zeros:
        raise UserError(
            f"{file.path}: the exported network has {kept:,} zeros and torch's {zeros:,}; update"
            " torch"
        )


def _num_zeros(tensors: Any) -> int:
    """Return the number of zeros in weights with two or more axes."""
    weights = (tensor for tensor in tensors if isinstance(tensor, Tensor) and tensor.ndim > 1)
    return sum(tensor.numel() - int(tensor.count_nonzero()) for tensor in weights)


def _num_zeros_of(file: OnnxFile) -> int:
    onnx = load_extra("onnx", "onnx", "exporting to ONNX")
    arrays = (onnx.numpy_helper.to_array(tensor) for tensor in file.model.graph.initializer)
    return sum(int(array.size - np.count_nonzero(array)) for array in arrays if array.ndim > 1)
