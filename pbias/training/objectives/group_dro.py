"""Group DRO: the groups with the highest losses get the most weight (Sagawa et al., ICLR 2020)."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pbias.training.objectives.groups import Members, Rows

logger = logging.getLogger(__name__)


@dataclass
class GroupDro:
    """Weights of groups, float32 [V] with a sum of 1, that follow the groups' losses.

    At every step the weight of group g is multiplied by exp(step_size * loss of g), and the weights
    are scaled to a sum of 1. The loss is then the groups' losses, weighted (algorithm 1 of the
    paper). A group without images in a batch has a loss of 0 there.
    """

    members: Members
    step_size: float
    weights: Tensor = field(init=False)

    def __post_init__(self) -> None:
        """Start with equal weights."""
        self.reset()

    def reset(self) -> None:
        """Reset the state, to begin with another network."""
        self.weights = torch.full((self.members.num,), 1 / max(self.members.num, 1))

    @torch.no_grad()
    def of(self, losses: Tensor, counted: Tensor, rows: Rows) -> Tensor:
        """Update from the losses of a batch, and return the weight of each of its images: [b].

        `losses` and `counted` [b, A] are the loss of each label, and whether it counts. With these
        weights, the mean over counted labels of known groups equals the groups' losses weighted by
        group. Images of an unknown group keep a weight of 1.
        """
        self.weights = self.weights.to(losses.device)
        both = torch.stack([(losses * counted).sum(dim=1), counted.sum(dim=1)], dim=1)
        loss, num = self.members.sums(both, rows)[: self.members.num].t()
        # A softmax of logarithms, because exp of a large loss overflows.
        raised = self.weights.log() + self.step_size * loss / num.clamp(min=1)
        self.weights = raised.softmax(dim=0)
        of_group = self.weights * num.sum() / num.clamp(min=1)
        table = torch.cat([of_group, torch.ones(1, device=losses.device)])
        return table[self.members.codes[rows.own].to(losses.device)]

    def report(self) -> None:
        """Log the weights."""
        pairs = zip(self.members.names, self.weights.tolist(), strict=True)
        logger.info("group DRO: weights %s", ", ".join(f"{n} {w:.3f}" for n, w in pairs))

    def state(self) -> dict[str, Any]:
        """Return the state that is needed to continue."""
        return {"weights": self.weights}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state; ValueError for a state of other groups."""
        if state["weights"].shape != self.weights.shape:
            raise ValueError("weights of other groups")
        self.weights = state["weights"].clone()
