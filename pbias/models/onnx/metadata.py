"""The metadata that describes a network in an ONNX file, with a JSON value for each key.

The keys are those of a checkpoint, such as `pbias.targets`; `pbias.quantization` says how it was
quantized. A file without `pbias.targets` has no description.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from pbias.errors import UserError
from pbias.files.checkpoint import Checkpoint
from pbias.files.checkpoint.metadata import find_fault
from pbias.models.preprocess import Preprocess

PREFIX = "pbias."
SCHEMA = 1
QUANTIZATION = "quantization"
# Fields of a checkpoint, without paths.
FIELDS: dict[str, type] = {
    "model": dict,
    "targets": list,
    "groups": list,
    "group_values": list,
    "preprocess": dict,
    "data": dict,
    "recipe": dict,
    "sparsity": dict,
    "parents": list,
    "environment": dict,
}
PATHS = ("path", "image_root")


def metadata_of(
    checkpoint: Checkpoint, quantization: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Return the metadata of an ONNX file with the network of this checkpoint."""
    values: dict[str, Any] = {name: getattr(checkpoint, name) for name in FIELDS}
    values["data"] = {key: v for key, v in checkpoint.data.items() if key not in PATHS}
    counts = checkpoint.train_counts
    values["train_counts"] = None if counts is None else counts.tolist()
    values["activation"] = checkpoint.activation or "sigmoid"
    values["schema"] = SCHEMA
    if quantization:
        values[QUANTIZATION] = dict(quantization)
    return {PREFIX + name: json.dumps(values[name], sort_keys=True) for name in sorted(values)}


def checkpoint_of(properties: Mapping[str, str], path: str, digest: str) -> Checkpoint | None:
    """Return the description in the metadata as a checkpoint without weights; None without one.

    Raises UserError for a newer schema and for invalid values.
    """
    if PREFIX + "targets" not in properties:
        return None
    if value_of(properties, "schema", path) != SCHEMA:
        raise UserError(
            f"{path} has metadata of schema {value_of(properties, 'schema', path)!r} and this pbias"
            f" reads {SCHEMA}; update pbias or export the network again"
        )
    values = {name: value_of(properties, name, path) for name in FIELDS}
    for name, kind in FIELDS.items():
        if not isinstance(values[name], kind):
            raise _wrong(path, name)
    if fault := find_fault(values):
        raise _wrong(path, fault.name, f"{fault.shown} instead of {fault.words}")
    Preprocess.from_dict(values["preprocess"])  # raises if a value is missing
    counts = _train_counts(value_of(properties, "train_counts", path), values, path)
    return Checkpoint(**values, state_dict={}, train_counts=counts, sha256=digest)


def value_of(properties: Mapping[str, str], name: str, path: str) -> Any:
    """Return a value from the metadata; None if it is absent."""
    try:
        return json.loads(properties.get(PREFIX + name, "null"))
    except (ValueError, RecursionError) as error:
        raise _wrong(path, name) from error


def _train_counts(value: Any, values: Mapping[str, Any], path: str) -> Any:
    if value is None:
        return None
    num_values = max(map(len, values["group_values"]), default=0)
    shape = (len(values["targets"]), len(values["groups"]) + 1, num_values + 1, 2)
    try:
        counts = np.array(value, np.int64)
    except (TypeError, ValueError, OverflowError) as error:
        raise _wrong(path, "train_counts") from error
    if counts.shape != shape or (counts < 0).any():
        raise _wrong(path, "train_counts")
    return counts


def _wrong(path: str, name: str, what: str = "") -> UserError:
    said = f": {what}" if what else ""
    return UserError(
        f"{path}: its metadata '{PREFIX}{name}' is not what it should be{said}; export the network"
        " again"
    )
