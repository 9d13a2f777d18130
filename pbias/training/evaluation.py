"""What a network says of pictures, and how often it is right."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pbias.data.batches import ImageData, make_batch, row_batches

BATCH_SIZE = 256


@dataclass(frozen=True)
class Score:
    """Means over all known labels; not a number where none is known."""

    loss: float
    accuracy: float

    @classmethod
    def of(cls, sums: Tensor) -> Score:
        """From the sums of `score_sums`."""
        loss, right, known = sums.tolist()
        return cls(loss / known, right / known) if known else cls(float("nan"), float("nan"))


def loss_sum(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy summed over the known labels (-1 is unknown)."""
    known = (labels >= 0).float()
    wanted = labels.clamp(min=0).float()
    return F.binary_cross_entropy_with_logits(logits, wanted, known, reduction="sum")


def score_sums(loss: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
    """Sum of losses, number of right predictions, number of known labels: float64 [3]."""
    known = labels >= 0
    right = ((logits > 0) == (labels == 1)) & known
    return torch.stack([loss.double(), right.sum().double(), known.sum().double()])


@torch.inference_mode()
def evaluate(model: nn.Module, data: ImageData, device: torch.device) -> Score:
    """Loss and accuracy on pictures cropped in the middle."""
    model.eval()
    sums = torch.zeros(3, dtype=torch.float64, device=device)
    for rows in row_batches(len(data), BATCH_SIZE, None):
        logits = model(make_batch(data, rows, device)).float()
        labels = data.labels[rows].to(device)
        sums += score_sums(loss_sum(logits, labels), logits, labels)
    return Score.of(sums)
