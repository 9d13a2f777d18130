"""Manifests: one row per image, with its split, labels, groups and other columns."""

from pbias.files.cells import BINARY, UNKNOWN
from pbias.files.manifest.parsing import Int64, Manifest, read_manifest
from pbias.files.manifest.selection import (
    MAX_GROUP_VALUES,
    Int8,
    Int16,
    Labels,
    select,
    train_counts,
)

__all__ = [
    "BINARY",
    "MAX_GROUP_VALUES",
    "UNKNOWN",
    "Int8",
    "Int16",
    "Int64",
    "Labels",
    "Manifest",
    "read_manifest",
    "select",
    "train_counts",
]
