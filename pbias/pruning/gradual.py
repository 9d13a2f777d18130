"""Gradual magnitude pruning: a schedule and masks, as callables that a training loop calls."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from pbias.pruning.masks import Masks
from pbias.pruning.method import Method
from pbias.pruning.prunable import prunable

logger = logging.getLogger(__name__)


class GradualPruner:
    """Prunes a network while it is trained; its methods are the hooks of `training.fit`."""

    def __init__(
        self,
        model: nn.Module,
        schedule: Mapping[float, float],
        steps_per_epoch: int,
        method: Method | None = None,
        classifier: str = "",
    ) -> None:
        """`schedule`: the sparsity to prune to at a time, in epochs from the start of training."""
        self.masks = Masks(prunable(model), method, classifier)
        self.last_time = max(schedule)
        self.due = sorted(schedule.items())
        self.steps_per_epoch = steps_per_epoch
        self.epoch = self.step = 0

    def start_epoch(self, epoch: int) -> None:
        """Prune to what is due by the start of this epoch (from 0)."""
        self.epoch, self.step = epoch, 0
        while self.due and self.due[0][0] <= epoch:
            self._prune()

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Prune to what became due within the epoch, and keep what is pruned at zero."""
        self.step += 1
        # What is due at the end of an epoch waits for the start of the next: the network is
        # evaluated as it was trained.
        while self.due and self.due[0][0] < self.epoch + self.step / self.steps_per_epoch:
            self._prune()
        self.masks.apply(optimizer)

    def eligible(self, epoch: int) -> bool:
        """Only an epoch that ends at the final sparsity may be the one that is kept."""
        return epoch + 1 > self.last_time

    def state(self) -> dict[str, Any]:
        """All that is needed to go on after this epoch."""
        return {"num_due": len(self.due), "pruned": dict(self.masks.pruned)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of a pruner with the same schedule; ValueError for another network."""
        shapes = {name: mask.shape for name, mask in state["pruned"].items()}
        if shapes != {name: mask.shape for name, mask in self.masks.pruned.items()}:
            raise ValueError("masks of another network")
        self.due = self.due[len(self.due) - state["num_due"] :]
        self.masks.pruned = dict(state["pruned"])

    def _prune(self) -> None:
        time, sparsity = self.due.pop(0)
        self.masks.prune_to(sparsity)
        logger.debug("after %.2f epochs: pruned to %.4f", time, sparsity)
