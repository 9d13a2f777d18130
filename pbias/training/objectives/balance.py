"""Label weights that make each group value and label value count equally in the loss."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pbias.training.objectives.groups import joint

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Balance:
    """A weight for each group value, target and label value: float32 [V + 1, A, L].

    `codes` [N] are the group values of the training rows; V stands for an unknown value, whose
    weights are 1. L is 2 for attributes. For classes A is 1, and L is their number.
    """

    weights: Tensor
    codes: Tensor

    def of(self, rows: Tensor, labels: Tensor) -> Tensor:
        """Return the weights for labels of rows, in the shape of `labels`; 1 if unknown."""
        table = self.weights.to(labels.device)[self.codes[rows].to(labels.device)]  # [B, A, L]
        wanted = labels.clamp(min=0).long()
        if labels.dim() == 1:
            found = table[:, 0].gather(1, wanted[:, None])[:, 0]
        else:
            found = table.gather(2, wanted[..., None])[..., 0]
        return found.masked_fill(labels < 0, 1.0)


def balance(
    labels: Tensor, groups: npt.NDArray[np.int16], largest: float, num_classes: int
) -> Balance:
    """Weigh labels so that every cell of group value x label value counts equally.

    `labels` [N, A] are 0, 1 and -1 (unknown), or [N] classes. `groups` [N, G] are group values, -1
    unknown; every combination of values of all groups forms one group. The weights of known labels
    in known groups have a mean of 1 in every target before they are capped at `largest`.
    """
    codes, _ = joint(groups)
    num_values = int(codes.max(initial=-1)) + 1
    num_labels = num_classes if labels.dim() == 1 else 2
    table = labels[:, None] if labels.dim() == 1 else labels
    wanted = table.numpy().astype(np.int64)
    weights = np.ones((num_values + 1, wanted.shape[1], num_labels))
    for target, column in enumerate(wanted.T):
        known = (column >= 0) & (codes >= 0)
        counts = np.zeros((num_values, num_labels))
        np.add.at(counts, (codes[known], column[known]), 1)
        alike = counts.sum() / max(np.count_nonzero(counts), 1)
        weights[:num_values, target] = np.divide(
            alike, counts, out=np.ones_like(counts), where=counts > 0
        )
    capped, most = int((weights > largest).sum()), float(weights.max())
    logger.info(
        "balance: %d of %d weights are capped at %g; the largest is %.3g, uncapped %.3g",
        *(capped, num_values * wanted.shape[1] * num_labels, largest, min(most, largest), most),
    )
    places = torch.from_numpy(np.where(codes < 0, num_values, codes))
    return Balance(torch.tensor(weights.clip(max=largest), dtype=torch.float32), places)
