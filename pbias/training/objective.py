"""What a step of training minimizes: the loss of labels, weighted or not, and of a teacher."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from pbias.training.balance import Balance
from pbias.training.distillation import Teacher, soft_loss
from pbias.training.evaluation import loss_sum


@dataclass(frozen=True)
class Objective:
    """The loss of a batch; without options it is the cross-entropy of the known labels.

    With a `teacher`, a known label's loss is mixed with `weight` of the teacher's; an unknown label
    takes the teacher's alone.
    """

    balance: Balance | None = None
    teacher: Teacher | None = None
    weight: float = 0.5
    temperature: float = 4.0

    def count(self, labels: Tensor) -> int:
        """Return the number of labels that a whole batch's loss is the mean over."""
        return labels.numel() if self.teacher else int((labels >= 0).sum())

    def loss_sum(self, logits: Tensor, labels: Tensor, images: Tensor, rows: Tensor) -> Tensor:
        """Return the loss of a batch, summed over its labels.

        `logits` float32 [B, A], `labels` [B, A] or [B] classes, `rows` [B] of the training data.
        """
        if self.balance is None and self.teacher is None:
            return loss_sum(logits, labels)
        known = labels >= 0
        hard = _losses(logits, labels)
        if self.balance is not None:
            hard = hard * self.balance.of(rows, labels)
        if self.teacher is None:
            return (hard * known).sum()
        theirs = self.teacher(images, rows)
        soft = soft_loss(logits, theirs, self.temperature, classes=labels.dim() == 1)
        mixed = (1 - self.weight) * hard + self.weight * soft
        return mixed.where(known, soft).sum()


PLAIN = Objective()


def _losses(logits: Tensor, labels: Tensor) -> Tensor:
    """The cross-entropy of each label; 0 where it is unknown, for classes."""
    if labels.dim() == 1:
        return F.cross_entropy(logits, labels.long(), ignore_index=-1, reduction="none")
    wanted = labels.clamp(min=0).float()
    return F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
