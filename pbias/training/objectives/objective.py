"""What a step of training minimizes: the loss of labels, weighted or not, and of a teacher."""

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
    """The loss of a batch; without options it is the cross-entropy of the known labels.

    With a `teacher`, a known label's loss is mixed with `weight` of the teacher's; an unknown label
    takes the teacher's alone. `dro` weighs the losses that result, image by image, and `bounds` add
    to the weights, label by label.
    """

    balance: Balance | None = None
    teacher: Teacher | None = None
    weight: float = 0.5
    temperature: float = 4.0
    dro: GroupDro | None = None
    bounds: Bounds | None = None

    def count(self, labels: Tensor) -> int:
        """Return the number of labels that a whole batch's loss is the mean over."""
        return labels.numel() if self.teacher else int((labels >= 0).sum())

    def loss_sum(self, logits: Tensor, labels: Tensor, images: Tensor, rows: Rows) -> Tensor:
        """Return the loss of this process's share of a batch, summed over its labels.

        `logits` float32 [b, A], `labels` [b, A] or [b] classes.
        """
        if self == PLAIN:
            return loss_sum(logits, labels)
        losses = self._losses(logits, labels, images, rows)
        weights = self._weights(losses.detach(), logits.detach(), labels, rows)
        return losses.sum() if weights is None else (losses * weights.view(losses.shape)).sum()

    def _weights(self, losses: Tensor, logits: Tensor, labels: Tensor, rows: Rows) -> Tensor | None:
        """Return the weight of each label by its group, [b, A] or [b, 1]; None where all are 1.

        None is below 0: no group is made worse so that a gap between groups closes.
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
        """Return the loss of each label, in their shape; 0 where it does not count."""
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
        """Log where the parts stand that training changes, after an epoch."""
        for part in self._changing.values():
            part.report()

    def reset(self) -> None:
        """Begin again, as for another network."""
        for part in self._changing.values():
            part.reset()

    def state(self) -> dict[str, Any]:
        """Return all that is needed to go on after an epoch."""
        return {name: part.state() for name, part in self._changing.items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of the same objective."""
        for name, part in self._changing.items():
            part.restore(state[name])

    @property
    def _changing(self) -> dict[str, GroupDro | Bounds]:
        parts = {"dro": self.dro, "bounds": self.bounds}
        return {name: part for name, part in parts.items() if part is not None}


PLAIN = Objective()


def _as_table(values: Tensor) -> Tensor:
    """View values of labels [b] or [b, A] as [b, A]."""
    return values.view(len(values), -1)


def _cross_entropies(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy of each label; 0 where it is unknown, for classes."""
    if labels.dim() == 1:
        return F.cross_entropy(logits, labels.long(), ignore_index=-1, reduction="none")
    wanted = labels.clamp(min=0).float()
    return F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
