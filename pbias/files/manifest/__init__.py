"""Manifests: one row an image, with its split, labels, groups and whatever else."""

from pbias.files.manifest.selection import (
    BINARY,
    MAX_GROUP_VALUES,
    UNKNOWN,
    Int8,
    Int16,
    Int64,
    Labels,
    Manifest,
    canonical,
    read_manifest,
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
    "canonical",
    "read_manifest",
    "select",
    "train_counts",
]
