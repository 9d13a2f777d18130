"""Where a file comes from: hashes and versions, never a time or a path."""

from __future__ import annotations

import hashlib
import platform
from importlib import metadata

from pbias import __version__

LIBRARIES = ("numpy", "torch", "torchvision", "pillow")


def sha256(data: bytes) -> str:
    """SHA-256 of `data`, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def environment(device: str) -> dict[str, str]:
    """Versions of what computed a file, and the device it was computed on."""
    versions = {"pbias": __version__, "python": platform.python_version()}
    for library in LIBRARIES:
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return {**versions, "device": device}
