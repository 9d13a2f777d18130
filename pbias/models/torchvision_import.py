"""How torchvision is imported beside any torch.

torchvision from PyPI is compiled against CUDA: beside a CPU-only torch its extension cannot be
loaded. That alone would not matter here, since networks need none of its operators, but
torchvision describes two of them (`nms`, `qnms`) to torch while it is imported, and that fails
where they are not known: "operator torchvision::nms does not exist". Declaring the two, without an
implementation, lets the import go through.

timm and networks of users import torchvision themselves, so the import itself is amended.
"""

from __future__ import annotations

import functools
import importlib
import importlib.abc
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

NAME = "torchvision"
MISSING = ("nms", "qnms")
SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def load_torchvision() -> ModuleType:
    """The `torchvision` module; its missing operators are declared only where they are missing.

    Costs about as long as importing torch itself (it brings in `torch._dynamo`): call it late.
    """
    amend_torchvision()
    return importlib.import_module(NAME)


@functools.cache
def amend_torchvision() -> None:
    """Let any later `import torchvision` in this process succeed; imports nothing itself."""
    sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    """Find torchvision where Python does, and have it imported a second time where that fails."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the usual spec of torchvision with another way to execute it."""
        if fullname != NAME:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            execute = functools.partial(_execute, spec.loader.exec_module)
            setattr(spec.loader, "exec_module", execute)  # noqa: B010
        return spec


def _execute(usual: Callable[[ModuleType], None], module: ModuleType) -> None:
    try:
        usual(module)
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
        _declare_missing()
        usual(module)


def _declare_missing() -> None:
    import torch

    for name in MISSING:
        if not hasattr(torch.ops.torchvision, name):
            torch.library.define(f"torchvision::{name}", SCHEMA)
