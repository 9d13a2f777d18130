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
    """The pruned positions of some weights (True = pruned), which grow until released."""

    def __init__(
        self,
        weights: Mapping[str, nn.Parameter],
        method: Method | None = None,
        classifier: str = "",
        measure: Measure | None = None,
    ) -> None:
        """Start with the weights that are zero already; they stay pruned if `method` excludes them.

        `classifier` names the weight whose rows the method may have to keep. `measure` is passed to
        a `Chooser`.
        """
        self.weights = weights
        self.chooser = Chooser(method or Method(), weights, classifier, measure)
        self.pruned = {name: weight.detach() == 0 for name, weight in weights.items()}

    @property
    def num_pruned(self) -> int:
        """Number of pruned weights."""
        return sum(int(mask.sum()) for mask in self.pruned.values())

    @torch.no_grad()
    def prune_to(self, sparsity: float) -> None:
        """Prune weights that the method chooses, until `sparsity` of the prunable ones are zero.

        A pruned weight counts as zero even if an optimizer has moved it since.
        """
        self.apply()
        num_zeros = sum(int((weight == 0).sum()) for weight in self.chooser.weights.values())
        target = max(self.chooser.num_pruned(sparsity), num_zeros)
        for name, mask in self.chooser.masks(target):
            # A trained weight may have become 0 too, and then ties with the pruned ones.
            self.pruned[name] = torch.logical_or(self.pruned[name].to(mask.device), mask)
        self.apply()

    def release(self) -> None:
        """Let every weight that the method may prune be trained again, starting at 0.

        Optimizers have no moments for them, because `apply` set the moments to 0.
        """
        for name in self.chooser.weights:
            self.pruned[name] = torch.zeros_like(self.pruned[name])

    @torch.no_grad()
    def apply(self, optimizer: torch.optim.Optimizer | None = None) -> None:
        """Set pruned weights to +0.0, in the parameters and in the optimizer's moments.

        A remaining moment would move the weight again at the next step.
        """
        for name, weight in self.weights.items():
            mask = self._laid_out_like(name, weight)
            weight.masked_fill_(mask, 0.0)
            state = optimizer.state.get(weight, {}) if optimizer else {}
            for moment in state.values():
                if isinstance(moment, Tensor) and moment.shape == weight.shape:
                    moment.masked_fill_(mask, 0.0)

    def _laid_out_like(self, name: str, weight: Tensor) -> Tensor:
        """Return the mask on the weight's device, in its memory format, for fast filling."""
        mask = self.pruned[name]
        if mask.device != weight.device or mask.stride() != weight.stride():
            mask = torch.empty_like(weight, dtype=torch.bool).copy_(mask)
            self.pruned[name] = mask
        return mask


class GradualPruner:
    """A pruner for a network in training; its methods are the hooks of `training.fit`."""

    def __init__(
        self,
        model: nn.Module,
        schedule: Mapping[float, float],
        steps_per_epoch: int,
        method: Method | None = None,
        classifier: str = "",
        measure: Measure | None = None,
    ) -> None:
        """Start at the beginning of a schedule.

        `schedule` is the sparsity to reach by time, in epochs from the start of training. When the
        sparsity falls, all weights are released.
        """
        self.masks = Masks(prunable(model), method, classifier, measure)
        self.last_time = max(schedule)
        self.due = sorted(schedule.items())
        self.steps_per_epoch = steps_per_epoch
        self.epoch = self.step = 0
        self.level = 0.0  # the last sparsity that the schedule asked for

    def start_epoch(self, epoch: int) -> None:
        """Prune to the sparsity due at the start of this epoch (from 0)."""
        self.epoch, self.step = epoch, 0
        while self.due and self.due[0][0] <= epoch:
            self._prune()

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Prune to the sparsity that became due by now, and keep pruned weights at zero."""
        self.step += 1
        # Pruning that is due at the end of an epoch waits for the start of the next, so that the
        # network is evaluated as it was trained.
        now = self.epoch + self.step / self.steps_per_epoch
        if self.due and self.due[0][0] < now:
            self.masks.apply(optimizer)  # released weights start at 0
        while self.due and self.due[0][0] < now:
            self._prune()
        self.masks.apply(optimizer)

    def eligible(self, epoch: int) -> bool:
        """Return whether this epoch may be kept: only epochs that end at the final sparsity may."""
        return epoch + 1 > self.last_time

    def state(self) -> dict[str, Any]:
        """Return the state that is needed to continue after this epoch."""
        return {
            "num_due": len(self.due), "pruned": dict(self.masks.pruned), "level": self.level
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state with the same schedule; ValueError for another network."""
        shapes = {name: mask.shape for name, mask in state["pruned"].items()}
        if shapes != {name: mask.shape for name, mask in self.masks.pruned.items()}:
            raise ValueError("masks of another network")
        self.due = self.due[len(self.due) - state["num_due"] :]
        self.masks.pruned = dict(state["pruned"])
        self.level = state.get("level", 0.0)  # absent before 0.2, which never released weights

    def _prune(self) -> None:
        time, sparsity = self.due.pop(0)
        if sparsity < self.level:
            self.masks.release()
        else:
            self.masks.prune_to(sparsity)
        self.level = sparsity
        logger.debug("after %.2f epochs: pruned to %.4f", time, sparsity)
