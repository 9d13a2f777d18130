"""Networks: built-in and library architectures, users' own factories, and exported programs."""

from pbias.models.architectures import ARCHITECTURES, build, build_for_weights
from pbias.models.classifier import classifier_weight, num_outputs_of, output_names
from pbias.models.restoring import restore, shared_names, with_shared

__all__ = [
    "ARCHITECTURES",
    "build",
    "build_for_weights",
    "classifier_weight",
    "num_outputs_of",
    "output_names",
    "restore",
    "shared_names",
    "with_shared",
]
