"""Import torchvision beside any build of torch.

torchvision from PyPI is compiled against CUDA, so its extension cannot be loaded beside a CPU-only
torch. That alone would not matter, because networks need none of its operators. But torchvision
registers details of two operators (`nms`, `qnms`) during its import, which fails if torch does not
know them: "operator torchvision::nms does not exist". Declaring the two, without an implementation,
lets the import succeed.

timm and users' networks import torchvision themselves, so this module changes the import itself.
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
    """Import and return torchvision; declare its missing operators only if they are missing.

    This takes about as long as importing torch itself, because it imports `torch._dynamo`, so call
    it late.
    """
    amend_torchvision()
    return importlib.import_module(NAME)


@functools.cache
def amend_torchvision() -> None:
    """Let any later `import torchvision` in this process succeed; import nothing now."""
    sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    """Find torchvision where Python does, and import it again if the first import fails."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the usual spec of torchvision with a different loader."""
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
