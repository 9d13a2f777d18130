"""Importance of weights, measured by a loss on images, for everyone or group by group.

`taylor` is |w g|, the first-order change of the loss if w becomes zero (Molchanov et al., CVPR
2019), with the gradient g of the mean loss over all batches. `fisher` is w² E[g²] (Theis et al.,
2018), with the mean over batches of squared gradients.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pbias.data.batches import ImageData, make_batch
from pbias.errors import UserError
from pbias.pruning import weight_scores
from pbias.pruning.weight_scores import INFINITY, Patterns, Score, patterns, refuse_nan

TAYLOR, FISHER = "taylor", "fisher"
REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "max": lambda groups: groups.amax(dim=0),
    "mean": lambda groups: groups.mean(dim=0),
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sample:
    """The images and the loss with which importance is measured.

    `groups` contains the batches of each group by its name, as row numbers of `data`. `loss`
    returns the loss of logits [B, A] and labels, summed over the known labels. Each of several
    processes takes its own `part` of a number of rows, and `total` sums over the processes.
    """

    data: ImageData
    groups: Mapping[str, Sequence[Tensor]]
    loss: Callable[[Tensor, Tensor], Tensor]
    device: torch.device
    part: Callable[[int], slice] = lambda num: slice(0, num)
    total: Callable[[Tensor], Tensor] = lambda values: values

    def score(self, model: nn.Module, weights: Mapping[str, Tensor], kind: str, how: str) -> Score:
        """Measure the weights of a network now; `kind` is a score, `how` one of REDUCTIONS.

        Each group's importance is divided by its sum over all weights, so that a group with high
        losses does not decide alone. The network is in prediction mode: batch normalization uses
        its running statistics and does not change them.
        """
        training = model.training
        model.eval()
        try:
            each = [self._importance(model, weights, kind, rows) for rows in self.groups.values()]
        finally:
            model.train(training)
        found = {
            name: REDUCTIONS[how](torch.stack([group[name] for group in each])) for name in weights
        }
        return by_importance(found)

    def _importance(
        self, model: nn.Module, weights: Mapping[str, Tensor], kind: str, batches: Sequence[Tensor]
    ) -> dict[str, Tensor]:
        """Return the importance of each weight for one group, float64, with a sum of 1."""
        sums = [torch.zeros(w.shape, dtype=torch.float64) for w in weights.values()]
        for rows in batches:
            gradients = self._gradients(model, list(weights.values()), rows)
            for of_weight, gradient in zip(sums, gradients, strict=True):
                of_weight += gradient if kind == TAYLOR else gradient.square()
        found = {}
        for (name, weight), of_weight in zip(weights.items(), sums, strict=True):
            w, mean = weight.detach().cpu().double(), of_weight / len(batches)
            found[name] = (w * mean).abs() if kind == TAYLOR else w.square() * mean
        whole = sum(float(values.sum()) for values in found.values())
        if not np.isfinite(whole):
            raise UserError(
                "a gradient is not a number, so weights cannot be scored; train again with a"
                " lower learning rate, or use --score magnitude"
            )
        return {name: values / (whole or 1.0) for name, values in found.items()}

    def _gradients(self, model: nn.Module, weights: list[Tensor], rows: Tensor) -> list[Tensor]:
        """Return the gradients of a batch's mean loss over all processes, on the CPU."""
        labels, part = self.data.labels[rows], self.part(len(rows))
        images = make_batch(self.data, rows, self.device, part=part)
        with torch.enable_grad():
            loss = self.loss(model(images).float(), labels[part].to(self.device))
            mean = loss / max(int((labels >= 0).sum()), 1)
            found = torch.autograd.grad(mean, weights, allow_unused=True)
        used = (
            torch.zeros_like(w) if g is None else g for w, g in zip(weights, found, strict=True)
        )
        return [self.total(gradient.detach().contiguous()).cpu().double() for gradient in used]


def by_importance(importance: Mapping[str, Tensor]) -> Score:
    """Return the score whose keys sort like the importance of each weight; zeros go first.

    An importance too small for float32 becomes its smallest positive number, not zero.
    """

    def score(name: str, weight: Tensor) -> Iterator[Patterns]:
        flat = patterns(weight)
        refuse_nan(name, flat)
        live = flat & weight_scores.MAGNITUDE != 0
        values = importance[name].contiguous().view(-1).numpy().astype(np.float32)
        keys = np.clip(values.view(np.uint32), 1, INFINITY - 1) * live
        for start in range(0, keys.size, weight_scores.BLOCK):
            yield keys[start : start + weight_scores.BLOCK]

    return score
