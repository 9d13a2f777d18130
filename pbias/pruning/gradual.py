"""Pruning during training: a schedule says when, and masks keep pruned weights at zero."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pbias.pruning.layers import prunable
from pbias.pruning.method import Chooser, Measure, Method

logger = logging.getLogger(__name__)


class Masks:
    """The pruned places of some weights (True = pruned); they grow until they are released."""

    def __init__(
        self,
        weights: Mapping[str, nn.Parameter],
        method: Method | None = None,
        classifier: str = "",
        measure: Measure | None = None,
    ) -> None:
        """Return what is zero already counts as pruned, and stays so where `method` prunes nothing.

        `classifier` names the weight whose rows the method may have to keep; `measure` is that of
        a `Chooser`.
        """
        self.weights = weights
        self.chooser = Chooser(method or Method(), weights, classifier, measure)
        self.pruned = {name: weight.detach() == 0 for name, weight in weights.items()}

    @property
    def num_pruned(self) -> int:
        """How many weights are pruned."""
        return sum(int(mask.sum()) for mask in self.pruned.values())

    @torch.no_grad()
    def prune_to(self, sparsity: float) -> None:
        """Prune what the method chooses until `sparsity` of what it may prune are zero.

        An optimizer may have moved what is pruned since; it counts as zero all the same.
        """
        self.apply()
        num_zeros = sum(int((weight == 0).sum()) for weight in self.chooser.weights.values())
        target = max(self.chooser.num_pruned(sparsity), num_zeros)
        for name, mask in self.chooser.masks(target):
            # A trained weight may have become 0 too, and tie with what is pruned.
            self.pruned[name] = torch.logical_or(self.pruned[name].to(mask.device), mask)
        self.apply()

    def release(self) -> None:
        """Let every weight that the method may prune be trained again, from 0.

        Optimizers have no moments of them, because `apply` set those to 0.
        """
        for name in self.chooser.weights:
            self.pruned[name] = torch.zeros_like(self.pruned[name])

    @torch.no_grad()
    def apply(self, optimizer: torch.optim.Optimizer | None = None) -> None:
        """Set what is pruned to +0.0, in the weights and in the optimizer's moments.

        A moment left behind would move the weight again at the next step.
        """
        for name, weight in self.weights.items():
            mask = self._laid_out_like(name, weight)
            weight.masked_fill_(mask, 0.0)
            state = optimizer.state.get(weight, {}) if optimizer else {}
            for moment in state.values():
                if isinstance(moment, Tensor) and moment.shape == weight.shape:
                    moment.masked_fill_(mask, 0.0)

    def _laid_out_like(self, name: str, weight: Tensor) -> Tensor:
        """Return the mask on the weight's device, in its memory format: else filling is slow."""
        mask = self.pruned[name]
        if mask.device != weight.device or mask.stride() != weight.stride():
            mask = torch.empty_like(weight, dtype=torch.bool).copy_(mask)
            self.pruned[name] = mask
        return mask


class GradualPruner:
    """Prunes a network while it is trained; its methods are the hooks of `training.fit`."""

    def __init__(
        self,
        model: nn.Module,
        schedule: Mapping[float, float],
        steps_per_epoch: int,
        method: Method | None = None,
        classifier: str = "",
        measure: Measure | None = None,
    ) -> None:
        """`schedule`: the sparsity to prune to at a time, in epochs from the start of training.

        Where it falls, all weights are released.
        """
        self.masks = Masks(prunable(model), method, classifier, measure)
        self.last_time = max(schedule)
        self.due = sorted(schedule.items())
        self.steps_per_epoch = steps_per_epoch
        self.epoch = self.step = 0
        self.level = 0.0  # the sparsity that the schedule asked for last

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
        now = self.epoch + self.step / self.steps_per_epoch
        if self.due and self.due[0][0] < now:
            self.masks.apply(optimizer)  # what is released begins at 0
        while self.due and self.due[0][0] < now:
            self._prune()
        self.masks.apply(optimizer)

    def eligible(self, epoch: int) -> bool:
        """Return only an epoch that ends at the final sparsity may be the one that is kept."""
        return epoch + 1 > self.last_time

    def state(self) -> dict[str, Any]:
        """Return all that is needed to go on after this epoch."""
        return {
            "num_due": len(self.due), "pruned": dict(self.masks.pruned), "level": self.level
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of a pruner with the same schedule; ValueError for another network."""
        shapes = {name: mask.shape for name, mask in state["pruned"].items()}
        if shapes != {name: mask.shape for name, mask in self.masks.pruned.items()}:
            raise ValueError("masks of another network")
        self.due = self.due[len(self.due) - state["num_due"] :]
        self.masks.pruned = dict(state["pruned"])
        self.level = state.get("level", 0.0)  # absent before 0.2, where nothing was released

    def _prune(self) -> None:
        time, sparsity = self.due.pop(0)
        if sparsity < self.level:
            self.masks.release()
        else:
            self.masks.prune_to(sparsity)
        self.level = sparsity
        logger.debug("after %.2f epochs: pruned to %.4f", time, sparsity)
