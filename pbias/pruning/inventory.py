"""What a network file holds, as a table and as facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbias.files.checkpoint import Checkpoint
from pbias.files.table import Table
from pbias.pruning.accounting import Account, Layer

COLUMNS = (
    "layer", "weights", "nonzero", "asked", "sparsity", "filters", "empty_filters",
    "macs", "macs_nonzero",
)  # fmt: skip


def inventory(counts: Account, uses: Mapping[str, int], pruned: Mapping[str, Any]) -> Table:
    """A row a layer, the first (without a name) over all of them.

    `uses` says how often each weight is used on one picture (`macs.num_uses`); without it the
    multiply-accumulates are absent. `pruned` is a checkpoint's `sparsity`: a layer was asked for
    a sparsity of its own only where the method does so.
    """
    asked = pruned.get("per_layer_asked", {})
    rows = [_row(layer, uses.get(layer.name), asked.get(layer.name)) for layer in counts.layers]
    names = [name for name in COLUMNS if name not in ("layer", "asked", "sparsity")]
    whole: dict[str, Any] = {name: _total(rows, name) for name in names}
    whole |= {"layer": "", "asked": pruned.get("asked"), "sparsity": counts.sparsity}
    return Table({name: [row[name] for row in (whole, *rows)] for name in COLUMNS})


def facts(counts: Account) -> dict[str, Any]:
    """The size of a network file's content."""
    return {
        "parameters": counts.num_parameters,
        "prunable": counts.num_weights,
        "nonzero": counts.num_weights - counts.num_zeros,
        "sparsity": counts.sparsity,
        "bytes_dense": counts.dense_bytes,
        "bytes_packed": counts.packed_bytes,
    }


def checkpoint_facts(checkpoint: Checkpoint, counts: Account) -> dict[str, Any]:
    """What a checkpoint is, how large it is, and where it comes from."""
    return {
        "kind": "checkpoint",
        "sha256": checkpoint.sha256,
        "architecture": checkpoint.model["name"],
        "arguments": checkpoint.model["args"],
        "targets": checkpoint.targets,
        "groups": dict(zip(checkpoint.groups, checkpoint.group_values, strict=True)),
        "preprocess": checkpoint.preprocess,
        **facts(counts),
        "empty_outputs": [checkpoint.targets[index] for index in counts.empty_outputs],
        "pruning": {k: v for k, v in checkpoint.sparsity.items() if not k.startswith("per_layer")},
        "recipe": checkpoint.recipe,
        "data": checkpoint.data,
        "parents": checkpoint.parents,
        "environment": checkpoint.environment,
    }


def _row(layer: Layer, uses: int | None, asked: float | None) -> dict[str, Any]:
    num_left = layer.num_weights - layer.num_zeros
    return {
        "layer": layer.name,
        "weights": layer.num_weights,
        "nonzero": num_left,
        "asked": asked,
        "sparsity": layer.sparsity,
        "filters": layer.num_filters,
        "empty_filters": layer.num_empty_filters,
        "macs": None if uses is None else uses * layer.num_weights,
        "macs_nonzero": None if uses is None else uses * num_left,
    }


def _total(rows: list[dict[str, Any]], name: str) -> int | None:
    values = [row[name] for row in rows]
    return None if None in values else sum(values)
