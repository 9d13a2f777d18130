"""Gradual magnitude pruning: a schedule and masks, as callables that a training loop calls."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import torch
from torch import nn

from pbias.pruning.masks import Masks
from pbias.pruning.prunable import prunable

logger = logging.getLogger(__name__)


class GradualPruner:
    """Prunes a network while it is trained; its methods are the hooks of `training.fit`."""

    def __init__(self, model: nn.Module, schedule: Mapping[int, float]) -> None:
        """`schedule`: the sparsity to prune to at the start of an epoch (from 0)."""
        self.masks = Masks(prunable(model))
        self.schedule = schedule

    def start_epoch(self, epoch: int) -> None:
        """Prune where the schedule says so."""
        if epoch in self.schedule:
            self.masks.prune_to(self.schedule[epoch])
            logger.debug("epoch %d: pruned to %.4f", epoch + 1, self.schedule[epoch])

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Keep what is pruned at zero."""
        self.masks.apply(optimizer)

    def eligible(self, epoch: int) -> bool:
        """Only an epoch at the final sparsity may be the one that is kept."""
        return epoch >= max(self.schedule)
