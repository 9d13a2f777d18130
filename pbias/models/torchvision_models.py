"""torchvision next to any torch, also where its compiled operators do not load.

torchvision from PyPI is compiled against CUDA: beside a CPU-only torch its extension cannot be
loaded. That alone would not matter here, since networks need none of its operators, but
torchvision describes two of them (`nms`, `qnms`) to torch while it is imported, and that fails
where they are not known: "operator torchvision::nms does not exist". Declaring the two, without an
implementation, lets the import go through. Everything in this package gets torchvision from here.
"""

from __future__ import annotations

import functools
import importlib
from types import ModuleType

import torch

MISSING = ("nms", "qnms")
SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


@functools.cache
def load_torchvision() -> ModuleType:
    """The `torchvision` module; its missing operators are declared only where they are missing.

    Costs about as long as importing torch itself (it brings in `torch._dynamo`): call it late.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
    _declare_missing()
    return importlib.import_module("torchvision")


def _declare_missing() -> None:
    for name in MISSING:
        if not hasattr(torch.ops.torchvision, name):
            torch.library.define(f"torchvision::{name}", SCHEMA)
