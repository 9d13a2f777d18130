"""Labels of -1 and 1 without any 0: negatives where a file's -1 should mean unknown.

Shapes: N samples, A targets.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.errors import UserError

logger = logging.getLogger(__name__)


class LabelSigns:
    """Which of -1, 0 and 1 the labels of each target hold, gathered over blocks of rows."""

    def __init__(self, num_targets: int) -> None:
        """Nothing is seen yet of `num_targets` targets."""
        self.seen = np.zeros((3, num_targets), bool)

    def add(self, labels: NDArray[np.int8]) -> None:
        """Take in labels [N, A]."""
        self.seen |= np.stack([(labels == value).any(axis=0) for value in (-1, 0, 1)])

    def check(self, path: str, targets: Sequence[str], meta: Mapping[str, Any]) -> None:
        """Refuse a file with -1 and 1 but no 0; warn of single targets that are so.

        What `predict` wrote, known by the digests in its `meta`, is let be: its -1 is unknown.
        """
        unknown, negative, positive = self.seen
        if "sha256" in meta or not (doubtful := unknown & positive & ~negative).any():
            return
        if not negative.any():
            raise UserError(
                f"{path}: 'labels' holds -1 and 1 but no 0; replace -1 by 0 (-1 is for unknown "
                "labels)"
            )
        listed = ", ".join(np.array(targets)[doubtful][:5])
        logger.warning(
            "%s: labels of -1 and 1 but no 0, with -1 taken as unknown: %s; if it is negative, "
            "replace it by 0",
            *(path, listed + (", ..." if doubtful.sum() > 5 else "")),
        )
