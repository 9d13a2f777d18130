"""Masks: what is pruned stays zero while the rest is trained."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pbias.pruning.method import Chooser, Method


class Masks:
    """The pruned places of some weights (True = pruned); they only ever grow."""

    def __init__(
        self,
        weights: Mapping[str, nn.Parameter],
        method: Method | None = None,
        classifier: str = "",
    ) -> None:
        """What is zero already counts as pruned, and stays so where `method` prunes nothing.

        `classifier` names the weight whose rows the method may have to keep.
        """
        self.weights = weights
        self.chooser = Chooser(method or Method(), weights, classifier)
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
        """The mask on the weight's device, in its memory format: else filling is slow."""
        mask = self.pruned[name]
        if mask.device != weight.device or mask.stride() != weight.stride():
            mask = torch.empty_like(weight, dtype=torch.bool).copy_(mask)
            self.pruned[name] = mask
        return mask
