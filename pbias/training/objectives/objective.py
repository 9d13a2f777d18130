"""The objective of a training step: the loss from labels, weighted or not, and from a teacher."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pbias.training.evaluation import correctness, loss_sum
from pbias.training.objectives.balance import Balance
from pbias.training.objectives.bounds import Bounds
from pbias.training.objectives.distillation import Teacher, soft_loss
from pbias.training.objectives.group_dro import GroupDro
from pbias.training.objectives.groups import Rows


@dataclass(frozen=True)
class Objective:
    """The loss of a batch; by default it is the cross-entropy of the known labels.

    With a `teacher`, `weight` is the teacher's share in the loss of a known label; an unknown label
    takes only the teacher's loss. `dro` then weighs the losses image by image, and `bounds` add to
    the weights label by label.
    """

    balance: Balance | None = None
    teacher: Teacher | None = None
    weight: float = 0.5
    temperature: float = 4.0
    dro: GroupDro | None = None
    bounds: Bounds | None = None

    def count(self, labels: Tensor) -> int:
        """Return the number of labels over which the loss of a whole batch is averaged."""
        return labels.numel() if self.teacher else int((labels >= 0).sum())

    def loss_sum(self, logits: Tensor, labels: Tensor, images: Tensor, rows: Rows) -> Tensor:
        """Return the loss of this process's share of a batch, summed over its labels.

        `logits` are float32 [b, A], `labels` [b, A] or, for classes, [b].
        """
        if self == PLAIN:
            return loss_sum(logits, labels)
        losses = self._losses(logits, labels, images, rows)
        weights = self._weights(losses.detach(), logits.detach(), labels, rows)
        return losses.sum() if weights is None else (losses * weights.view(losses.shape)).sum()

    def _weights(self, losses: Tensor, logits: Tensor, labels: Tensor, rows: Rows) -> Tensor | None:
        """Return the weight of each label by its group, [b, A] or [b, 1]; None if all are 1.

        Weights are never negative: no group is made worse to close a gap between groups.
        """
        weights = None
        if self.dro is not None:
            counted = torch.ones_like(losses) if self.teacher else labels >= 0
            weights = self.dro.of(_as_table(losses), _as_table(counted), rows)[:, None]
            weights = weights.expand_as(_as_table(losses))
        if self.bounds is not None:
            added = self.bounds.of(correctness(logits, labels), rows)
            weights = ((1 if weights is None else weights) + added).clamp(min=0)
        return weights

    def _losses(self, logits: Tensor, labels: Tensor, images: Tensor, rows: Rows) -> Tensor:
        """Return the loss of each label, in the shape of `labels`; 0 if it does not count."""
        known = labels >= 0
        hard = _cross_entropies(logits, labels)
        if self.balance is not None:
            hard = hard * self.balance.of(rows.own, labels)
        if self.teacher is None:
            return hard * known
        theirs = self.teacher(images, rows.own)
        soft = soft_loss(logits, theirs, self.temperature, classes=labels.dim() == 1)
        mixed = (1 - self.weight) * hard + self.weight * soft
        return mixed.where(known, soft)

    def report(self) -> None:
        """Log the state of the trained parts of the objective, after an epoch."""
        for part in self._changing.values():
            part.report()

    def reset(self) -> None:
        """Reset the state, to begin with another network."""
        for part in self._changing.values():
            part.reset()

    def state(self) -> dict[str, Any]:
        """Return the state that is needed to continue after an epoch."""
        return {name: part.state() for name, part in self._changing.items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state of the same objective."""
        for name, part in self._changing.items():
            part.restore(state[name])

    @property
    def _changing(self) -> dict[str, GroupDro | Bounds]:
        parts = {"dro": self.dro, "bounds": self.bounds}
        return {name: part for name, part in parts.items() if part is not None}


PLAIN = Objective()


def _as_table(values: Tensor) -> Tensor:
    """View the values of labels [b] or [b, A] as [b, A]."""
    return values.view(len(values), -1)


def _cross_entropies(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy of each label; for classes, 0 for an unknown label."""
    if labels.dim() == 1:
        return F.cross_entropy(logits, labels.long(), ignore_index=-1, reduction="none")
    wanted = labels.clamp(min=0).float()
    return F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
