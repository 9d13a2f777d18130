"""Networks: architectures by name, the user's own, and exported programs."""

from pbias.models.architectures import (
    ARCHITECTURES,
    build,
    classifier_weight,
    num_outputs_of,
    restore,
)

__all__ = ["ARCHITECTURES", "build", "classifier_weight", "num_outputs_of", "restore"]
