"""Programs that `torch.export.save` wrote (`.pt2`): networks as graphs, run by `predict`.

Opening a program runs code: torch unpickles constants, and evaluates expressions and function names
that the file contains. So a program is opened only if the user says that it is trusted.
"""

from __future__ import annotations

import io
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from pbias.errors import UserError


class Program(nn.Module):
    """An exported program as a network of `side` pixels and `num_outputs` logits."""

    def __init__(self, exported: Any, path: str) -> None:
        super().__init__()
        self._path = path
        # Not a submodule: exported modules have a fixed mode and refuse eval().
        self._run = (exported.module(),)
        batch, channels, height, width = _input_shape(exported, path)
        if channels != 3 or height != width:
            raise UserError(
                f"{path} takes images of {channels} x {height} x {width}; export a network of "
                "square images with three channels"
            )
        self.side: int | None = height
        self.batch: int | None = batch
        self.num_outputs = _num_outputs(exported, path)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [B, A]; a batch of a fixed size is filled up with black images."""
        # The program was traced on contiguous images, and views in its graph may rely on that.
        images = images.contiguous()
        size = self.batch or len(images)
        parts = []
        for start in range(0, len(images), size):
            part = images[start : start + size]
            filler = part.new_zeros(size - len(part), *part.shape[1:])
            parts.append(self._run[0](torch.cat([part, filler]))[: len(part)])
        return torch.cat(parts)

    def to(self, *args: Any, **kwargs: Any) -> Program:
        """Accept only the CPU, because a graph stores the device that it was exported for."""
        device = torch._C._nn._parse_to(*args, **kwargs)[0]
        if device is not None and device.type != "cpu":
            raise UserError(f"{self._path} is an exported program; run it with --device cpu")
        return self


def load_program(data: bytes, path: str, *, trusted: bool) -> Program:
    """Return the program in a `.pt2` file; `path` is for messages.

    Raises UserError if the file is not trusted, if this version of torch cannot open it, or if it
    does not map a batch of images to a batch of logits.
    """
    if not trusted:
        raise UserError(
            f"{path} is an exported program, which can run any code when it is opened; if you "
            "trust it, add --trust-program"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exported = torch.export.load(io.BytesIO(data))
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UserError(
            f"{path} cannot be opened by torch {torch.__version__} ({said}); export it again with "
            "this version"
        ) from error
    return Program(exported, path)


def _input_shape(exported: Any, path: str) -> list[int | None]:
    """Return batch, channels, height and width of the only input; None for sizes that may vary."""
    inputs = set(exported.graph_signature.user_inputs)
    found = [node for node in exported.graph.nodes if node.op == "placeholder"]
    values = [node.meta.get("val") for node in found if node.name in inputs]
    if len(values) != 1 or not isinstance(values[0], Tensor) or values[0].ndim != 4:
        raise UserError(
            f"{path} takes {len(values)} inputs; export a network of one batch of images"
        )
    return [_fixed(size) for size in values[0].shape]


def _num_outputs(exported: Any, path: str) -> int:
    (node,) = (node for node in exported.graph.nodes if node.op == "output")
    values = [getattr(output, "meta", {}).get("val") for output in node.args[0]]
    shapes = [list(value.shape) for value in values if isinstance(value, Tensor)]
    if len(shapes) != 1 or len(shapes[0]) != 2 or _fixed(shapes[0][1]) is None:
        raise UserError(
            f"{path} gives {len(values)} outputs; export a network of one matrix of logits"
        )
    return int(shapes[0][1])


def _fixed(size: Any) -> int | None:
    return size if isinstance(size, int) else None
