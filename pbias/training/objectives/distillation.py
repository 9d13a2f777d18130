"""Distillation: a teacher's probabilities as a second target (Hinton et al. 2015)."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pbias.data.batches import ImageData, make_batch, row_batches
from pbias.training.precision import autocast

BATCH_SIZE = 256

logger = logging.getLogger(__name__)


@dataclass
class Teacher:
    """A network in evaluation mode from whose logits a student learns.

    `logits` [N, A] are the teacher's logits of the training images, if they were computed once
    because no augmentation changes the images; otherwise None. `seconds` is the time that the
    teacher took.
    """

    model: nn.Module
    device: torch.device
    precision: str
    logits: Tensor | None = None
    seconds: float = field(default=0.0)

    @classmethod
    def of(
        cls, model: nn.Module, data: ImageData, device: torch.device, precision: str, *, once: bool
    ) -> Teacher:
        """Prepare a teacher; `once`: compute its logits of all images now."""
        model.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        teacher = cls(model.requires_grad_(False), device, precision)
        if once:
            parts = [
                teacher(make_batch(data, rows, device), rows)
                for rows in row_batches(len(data), BATCH_SIZE, None)
            ]
            teacher.logits = torch.cat(parts)
            logger.info("teacher: %s images in %.1f s", f"{len(data):,}", teacher.seconds)
        return teacher

    @torch.no_grad()
    def __call__(self, images: Tensor, rows: Tensor) -> Tensor:
        """Return the teacher's logits of a batch, float32 [B, A]; `rows` number training images."""
        if self.logits is not None:
            return self.logits[rows.to(self.logits.device)]
        start = time.perf_counter()
        with autocast(self.precision, self.device):
            logits = self.model(images)
        self.seconds += time.perf_counter() - start
        found: Tensor = logits.float()
        return found


def soft_loss(logits: Tensor, teacher: Tensor, temperature: float, *, classes: bool) -> Tensor:
    """Return T² times the divergence from the teacher at temperature T: [B, A]; for classes, [B].

    This is the Kullback-Leibler divergence from the teacher's to the student's probabilities, so it
    is 0 if both are equal. T² keeps gradients as large as those from the labels (Hinton, Vinyals &
    Dean 2015).
    """
    ours, theirs = logits / temperature, teacher / temperature
    if classes:
        log_p, log_q = F.log_softmax(theirs, dim=1), F.log_softmax(ours, dim=1)
        found = (log_p.exp() * (log_p - log_q)).sum(dim=1)
    else:
        p = torch.sigmoid(theirs)
        found = p * (F.logsigmoid(theirs) - F.logsigmoid(ours)) + (1 - p) * (
            F.logsigmoid(-theirs) - F.logsigmoid(-ours)
        )
    return found * temperature**2


def say_cost(teacher: Teacher | None, total_s: float) -> None:
    """Log the share of training time that a teacher took, if it ran at every step."""
    if teacher and teacher.logits is None and total_s:
        logger.info(
            "teacher: %.1f of %.1f s of training (%.0f %%); with --no-augment it runs only once",
            *(teacher.seconds, total_s, 100 * teacher.seconds / total_s),
        )
