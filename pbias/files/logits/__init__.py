"""Logits files: what a model said of each sample, and what is known of the sample."""

from pbias.files.logits.checks import UNKNOWN
from pbias.files.logits.logits_file import (
    Logits,
    assemble,
    load_logits,
    pack_logits,
    read_logits,
    select_rows,
    write_logits,
)
from pbias.files.logits.probabilities import LARGEST_LOGIT, as_logits, check_scale

__all__ = [
    "LARGEST_LOGIT",
    "UNKNOWN",
    "Logits",
    "as_logits",
    "assemble",
    "check_scale",
    "load_logits",
    "pack_logits",
    "read_logits",
    "select_rows",
    "write_logits",
]
