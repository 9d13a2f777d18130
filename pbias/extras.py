"""Optional packages: imported when they are used, and named if they are missing."""

from __future__ import annotations

import importlib
from typing import Any

from pbias.errors import UserError


def load_extra(module: str, extra: str, purpose: str) -> Any:
    """Import a module of an optional package.

    `extra` is the name in `pip install 'pbias[extra]'`, and `purpose` begins the message, as in
    "reading ONNX files". Raises UserError if the package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise UserError(
            f"{purpose} needs {package}; install it with pip install 'pbias[{extra}]'"
        ) from error
