"""Train, prune and run vision networks, and audit what pruning did to whom."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pbias.errors import UserError
    from pbias.files.logits import Logits, read_logits
    from pbias.files.manifest import Manifest, read_manifest
    from pbias.files.table import Table
    from pbias.workflows.audit import audit
    from pbias.workflows.compare import compare
    from pbias.workflows.conversion.count import count
    from pbias.workflows.conversion.export import export
    from pbias.workflows.conversion.quantize import quantize
    from pbias.workflows.flag import flag
    from pbias.workflows.gates.power import power
    from pbias.workflows.gates.select import select
    from pbias.workflows.predict import predict
    from pbias.workflows.prune import prune
    from pbias.workflows.train import train

__version__ = "0.2.0"
__all__ = [
    "Logits",
    "Manifest",
    "Table",
    "UserError",
    "audit",
    "compare",
    "count",
    "export",
    "flag",
    "power",
    "predict",
    "prune",
    "quantize",
    "read_logits",
    "read_manifest",
    "select",
    "train",
]

# Imported when used: `pbias -h` needs none of them, and no audit needs torch.
_MODULES = {
    "Logits": "files.logits",
    "Manifest": "files.manifest",
    "Table": "files.table",
    "UserError": "errors",
    "audit": "workflows.audit",
    "compare": "workflows.compare",
    "count": "workflows.conversion.count",
    "export": "workflows.conversion.export",
    "flag": "workflows.flag",
    "power": "workflows.gates.power",
    "predict": "workflows.predict",
    "prune": "workflows.prune",
    "quantize": "workflows.conversion.quantize",
    "read_logits": "files.logits",
    "read_manifest": "files.manifest",
    "select": "workflows.gates.select",
    "train": "workflows.train",
}


def __getattr__(name: str) -> Any:
    """Import a public name from the module that defines it, once."""
    if name not in _MODULES:
        raise AttributeError(f"module 'pbias' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"pbias.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
