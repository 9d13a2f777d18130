"""The provenance of a file: hashes and versions, never a time or a path."""

from __future__ import annotations

from pbias import __version__

LIBRARIES = ("numpy", "torch", "torchvision", "pillow")


def sha256(data: bytes) -> str:
    """Return the SHA-256 of `data`, in hexadecimal."""
    import hashlib

    return hashlib.sha256(data).hexdigest()


def environment(device: str) -> dict[str, str]:
    """Return the versions of the software that computes a file, and the device."""
    import platform
    from importlib import metadata  # slow to import, and few commands need it

    versions = {"pbias": __version__, "python": platform.python_version()}
    for library in LIBRARIES:
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return {**versions, "device": device}
