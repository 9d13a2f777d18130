"""Logits files: a model's output for each sample, with labels, groups and ids."""

from pbias.files.cells import UNKNOWN
from pbias.files.logits.logits_file import (
    Logits,
    assemble,
    default_targets,
    load_logits,
    pack_logits,
    read_logits,
    select_rows,
    write_logits,
)
from pbias.files.logits.odds import LARGEST_LOGIT, TOLERANCE, logits_of, threshold_logits
from pbias.files.logits.probabilities import as_logits, check_scale

__all__ = [
    "LARGEST_LOGIT",
    "TOLERANCE",
    "UNKNOWN",
    "Logits",
    "as_logits",
    "assemble",
    "check_scale",
    "default_targets",
    "load_logits",
    "logits_of",
    "pack_logits",
    "read_logits",
    "select_rows",
    "threshold_logits",
    "write_logits",
]
