"""Pruning schedules: the times at which to prune, and the sparsity at each.

Times are in epochs from the start of training. Sources: docs/pruning.md and docs/recipes.md.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pbias.errors import UserError
from pbias.pruning.method import Method

INITIAL_SPARSITY = 0.05  # as in the paper (docs/recipes.md)
PRUNING_SHARE = 0.6
MAX_STEPS = 10_000
# For a network that starts from random weights: the paper prunes it at epochs 10 to 80 of 100.
SCRATCH_SHARES = (0.1, 0.8)
ACDC = "acdc"
POWERS = {"cubic": 3, "linear": 1, "constant": 1, "paper": 3}

logger = logging.getLogger(__name__)


def sparsities(
    shape: str, initial: float, target: float, times: Sequence[float], end: float | None = None
) -> dict[float, float]:
    """Return the sparsity to prune to at each of `times`, in ascending order; the last is `target`.

    The sparsity at step j of J is `target - (target - initial) (1 - j/(J-1))^p`, with p = 3 for
    `cubic` and 1 for `linear`; `constant` prunes to the target at once. A single step prunes to the
    target. Source: Zhu and Gupta, "To prune, or not to prune", 2017 (cubic).

    `paper` is cubic towards `end` (by default one step after the last of `times`), as in the code
    of Iofinova et al. (CVPR 2023). It stops one step early and below the target.

    >>> sparsities("cubic", 0.0, 0.5, range(0, 9, 4))
    {0: 0.0, 4: 0.4375, 8: 0.5}
    >>> sparsities("paper", 0.0, 0.5, range(0, 8, 4))
    {0: 0.0, 4: 0.4375}
    """
    if shape not in POWERS:
        raise UserError(f"unknown pruning schedule {shape!r}; choose one of {', '.join(POWERS)}")
    assert 0 <= initial <= target < 1
    assert len(times) > 0
    last, start = len(times) - 1, times[0]
    left = [
        1 - step / last if step < last and shape != "constant" else 0.0 for step in range(last + 1)
    ]
    if shape == "paper":
        end = times[last] + (times[last] - start) / max(last, 1) if end is None else end
        left = [1 - (time - start) / max(end - start, 1e-9) for time in times]
    return {
        time: target - (target - initial) * share ** POWERS[shape]
        for time, share in zip(times, left, strict=True)
    }


def pruning_times(
    num_epochs: int, num_steps: int, shares: tuple[float, float] = (0.0, PRUNING_SHARE)
) -> list[float]:
    """Return evenly spaced pruning times in one part of training, which leaves time for recovery.

    `shares` are the start and end of that part as shares of training; the last step precedes its
    end.

    >>> pruning_times(10, 3)
    [0.0, 2.0, 4.0]
    >>> pruning_times(10, 2, (0.2, 0.8))
    [2.0, 5.0]
    """
    if not 0 < num_steps <= MAX_STEPS:
        raise UserError(f"{num_steps} pruning steps; use 1 to {MAX_STEPS:,}")
    start, end = (share * num_epochs for share in shares)
    return [start + (end - start) * step / num_steps for step in range(num_steps)]


def pruning_epochs(start: float, every: float, end: float, num_epochs: int) -> list[float]:
    """Return the pruning times: at `start` epochs, then every `every` epochs, before `end`.

    >>> pruning_epochs(10, 10, 31, 100)
    [10.0, 20.0, 30.0]
    """
    if not (0 <= start < end and every > 0 and (end - start) / every <= MAX_STEPS):
        raise UserError(
            f"pruning epochs {start:g},{every:g},{end:g} are not a schedule; give START,EVERY,END "
            "(END is not included), as in 10,10,81"
        )
    num_steps = math.ceil((end - start) / every)
    times = [start + every * step for step in range(num_steps)]
    if times[-1] >= num_epochs:
        raise UserError(
            f"the last pruning step comes after {times[-1]:g} epochs, and there are {num_epochs};"
            " change --pruning-epochs START,EVERY,END or --epochs"
        )
    return [float(time) for time in times]


def alternation_times(num_epochs: int) -> list[float]:
    """Return the times at which AC/DC compresses and decompresses a network by turns, in epochs.

    Of 100 epochs the first 10 are dense. Then compressed and decompressed phases of 5 alternate
    until the last two phases: 10 decompressed and 15 compressed. Other numbers of epochs have the
    same shares. Source: Peste et al., AC/DC, NeurIPS 2021.

    >>> alternation_times(20)[:3], alternation_times(20)[-3:]
    ([2.0, 3.0, 4.0], [14.0, 15.0, 17.0])
    """
    return [percent * num_epochs / 100 for percent in (*range(10, 80, 5), 85)]


@dataclass(frozen=True)
class Ramp:
    """The course of sparsity during training: it rises, or (`acdc`) rises and falls by turns."""

    shape: str
    times: Sequence[float]  # in epochs from the start of training
    initial: float = INITIAL_SPARSITY
    end: float | None = None  # where the schedule `paper` ends, in epochs
    method: Method = field(default_factory=Method)

    def schedule(self, target: float) -> dict[float, float]:
        """Return the sparsity to prune to at each time; UserError for an unknown shape.

        If a sparsity of 0 follows another, all weights are trained again.
        """
        if self.shape == ACDC:
            return {time: 0.0 if index % 2 else target for index, time in enumerate(self.times)}
        return sparsities(self.shape, min(self.initial, target), target, self.times, self.end)

    def record(self, target: float) -> dict[str, Any]:
        """Return the values for a checkpoint."""
        if self.shape == ACDC:
            return {"method": ACDC, "at_epochs": list(self.times)}
        return {
            "method": "gradual",
            "schedule": self.shape,
            "initial": min(self.initial, target),
            "at_epochs": list(self.times),
        }

    def announce(self, target: float) -> None:
        """Log it if the schedule ends below the target."""
        end = max(self.schedule(target).values())
        if end < target:
            logger.info(
                "the schedule '%s' stops one step early, as the authors' code does: it ends at"
                " sparsity %.6g where %g is asked for",
                *(self.shape, end, target),
            )
