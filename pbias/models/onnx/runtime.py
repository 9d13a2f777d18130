"""ONNX networks as `torch.nn.Module`s, run by ONNX Runtime on the CPU."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pbias.cores import asked_by_environment, num_cores
from pbias.errors import UserError
from pbias.extras import load_extra
from pbias.models.onnx.graph_file import OnnxFile, giving, image_input, logits_output
from pbias.models.onnx.metadata import QUANTIZATION, value_of

DTYPES: dict[str, Any] = {"float32": np.float32, "float16": np.float16, "uint8": np.uint8}
FATAL_ONLY = 4  # a log level of ONNX Runtime; errors are also raised


class OnnxNetwork(nn.Module):
    """An ONNX graph as a network with inputs of `side` pixels (None: any) and `num_outputs` logits.

    `raw` means that the graph takes the bytes of the images, so images come as 0 to 1, not
    normalized. `activation` is the function, if any, that the graph applies to its logits; the
    logits are taken before it. `threads` is the number of threads; with 0 it is OMP_NUM_THREADS if
    that is set, else one per core.
    """

    def __init__(self, file: OnnxFile, output_name: str | None = None, *, threads: int = 0) -> None:
        super().__init__()
        self._path = file.path
        self._properties = file.properties
        self._input = image_input(file)
        output = logits_output(file, output_name)
        self._output = output.name
        self._session = _session(giving(file, output), file.path, threads)
        self.side, self.batch = self._input.side, self._input.batch
        self.raw = self._input.dtype == "uint8"
        self.num_outputs, self.activation = output.num, output.activation

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, float32 [B, A]; a batch of a fixed size is filled up with black images."""
        parts = [self._session.run([self._output], feed)[0] for feed in self.feeds(images)]
        logits = np.concatenate(parts)[: len(images)]
        return torch.from_numpy(np.ascontiguousarray(logits, np.float32))

    def feeds(self, images: Tensor) -> Iterator[dict[str, NDArray[Any]]]:
        """Yield the inputs of the graph for images [B, 3, S, S], one batch at a time."""
        images = images.permute(0, 2, 3, 1) if self._input.channels_last else images
        if self.raw:
            images = (images * 255).round()
        array = np.ascontiguousarray(images.numpy()).astype(DTYPES[self._input.dtype])
        size = self.batch or max(1, len(array))
        for start in range(0, len(array), size):
            part = array[start : start + size]
            if self.batch is not None and len(part) < size:
                filler = np.zeros((size - len(part), *part.shape[1:]), part.dtype)
                part = np.concatenate([part, filler])
            yield {self._input.name: part}

    def count_outputs(self, side: int) -> int:
        """Return the number of logits, from a black image if the graph leaves it open."""
        try:
            return int(self(torch.zeros(1, 3, side, side)).shape[1])
        except Exception as error:
            raise UserError(
                f"{self._path} does not say how many outputs it has and cannot be run on an image"
                f" of {side} px ({_said(error)}); export it with a fixed number"
            ) from error

    def facts(self) -> dict[str, Any]:
        """Return how the network was run and quantized, for the logits file."""
        runtime = {"onnxruntime": load_extra("onnxruntime", "onnx", "running ONNX").__version__}
        quantization = value_of(self._properties, QUANTIZATION, self._path)
        return {"runtime": runtime, **({QUANTIZATION: quantization} if quantization else {})}

    def to(self, *args: Any, **kwargs: Any) -> OnnxNetwork:
        """Accept only the CPU, because the session runs there."""
        device = torch._C._nn._parse_to(*args, **kwargs)[0]
        if device is not None and device.type != "cpu":
            raise UserError(f"{self._path} is run by ONNX Runtime on the CPU; use --device cpu")
        return self


def _session(data: bytes, path: str, threads: int) -> Any:
    runtime = load_extra("onnxruntime", "onnx", "running ONNX networks")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or asked_by_environment() or num_cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = FATAL_ONLY
    options.use_deterministic_compute = True
    # Waiting threads should not keep cores busy, because images are decoded at the same time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has an exception class per error code, without a base
        raise UserError(
            f"{path} cannot be opened by ONNX Runtime {runtime.__version__} ({_said(error)});"
            " write the file again, or update onnxruntime"
        ) from error


def _said(error: Exception) -> str:
    """Return ONNX Runtime's message, without its code and source location."""
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", " ".join(str(error).split()))
    text = re.sub(r"^(Load model .*? failed: ?)?/\S+:\d+ .*\) ", "", text)
    return text[:200] or type(error).__name__
