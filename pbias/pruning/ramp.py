"""How a network is brought to a sparsity: when, how fast, by which method."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pbias.pruning.method import Method
from pbias.pruning.schedule import INITIAL_SPARSITY, sparsities

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ramp:
    """How sparsity rises while a network is trained."""

    shape: str
    times: Sequence[float]  # in epochs from the start of training
    initial: float = INITIAL_SPARSITY
    end: float | None = None  # where the schedule `paper` ends, in epochs
    method: Method = field(default_factory=Method)

    def schedule(self, target: float) -> dict[float, float]:
        """The sparsity to prune to at each time; UserError for a shape that there is not."""
        return sparsities(self.shape, min(self.initial, target), target, self.times, self.end)

    def record(self, target: float) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "method": "gradual",
            "schedule": self.shape,
            "initial": min(self.initial, target),
            "at_epochs": list(self.times),
        }

    def announce(self, target: float) -> None:
        """Say so where the schedule ends below what is asked for."""
        end = max(self.schedule(target).values())
        if end < target:
            logger.info(
                "the schedule '%s' stops one step early, as the authors' code does: it ends at"
                " sparsity %.6g where %g is asked for",
                *(self.shape, end, target),
            )
