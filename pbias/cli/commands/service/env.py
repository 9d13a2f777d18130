"""`pbias env`: print the facts that a bug report needs."""

from __future__ import annotations

import typer

from pbias.cli.options.common import Quiet, Verbose

# Packages for optional features.
EXTRAS = ("onnx", "onnxruntime", "timm", "safetensors", "pyarrow")


def env(quiet: Quiet = 0, verbose: Verbose = 0) -> None:
    """Print versions, system and devices, one per line, for a bug report."""
    from pbias.files.escaping import printable

    for name, value in _facts().items():
        typer.echo(printable(f"{name}: {value}"))


def _facts() -> dict[str, str]:
    import os
    import platform
    import sys

    import torch

    from pbias.files.provenance import environment

    versions = environment("")
    del versions["device"]
    return {
        **versions,
        "executable": sys.executable,
        "system": platform.platform(),
        "processor": _processor(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "bf16": _yes(torch.ops.mkldnn._is_mkldnn_bf16_supported()),
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", ""),
        "cuda": _cuda(),
        "mps": _yes(torch.backends.mps.is_available()),
        **{name: installed(name) for name in EXTRAS},
        "torchvision": f"{versions.get('torchvision', 'missing')}, {_operators()}",
        "encoding": sys.getfilesystemencoding(),
    }


def installed(package: str) -> str:
    """Return the version of a package, or that it is not installed."""
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """Return the processor's name if the system reports it (Linux), else its architecture."""
    import platform
    from pathlib import Path

    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _cuda() -> str:
    import torch

    if not torch.cuda.is_available():
        return f"none (torch is built for {torch.version.cuda or 'the CPU alone'})"
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return f"{torch.version.cuda}, {', '.join(names)}"


def _operators() -> str:
    from pbias.models.torchvision_import import load_torchvision

    loaded = load_torchvision().extension._has_ops()
    return "its operators load" if loaded else "its operators do not load (not needed here)"


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"
