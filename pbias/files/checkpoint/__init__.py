"""Checkpoints: a network, the meaning of its outputs, and its provenance."""

from pbias.files.checkpoint.checkpoint_file import (
    CROSS_ENTROPY,
    FORMAT,
    SCHEMA,
    Checkpoint,
    load_checkpoint,
    load_network_file,
    parse_network,
    parse_state_dict,
    save_checkpoint,
    serialize,
)

__all__ = [
    "CROSS_ENTROPY",
    "FORMAT",
    "SCHEMA",
    "Checkpoint",
    "load_checkpoint",
    "load_network_file",
    "parse_network",
    "parse_state_dict",
    "save_checkpoint",
    "serialize",
]
