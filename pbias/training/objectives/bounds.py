"""Bounds on each group's loss of accuracy against the dense network, kept by dual ascent.

Source: Hashemizadeh et al., Balancing Act: Constraining Disparate Impact in Sparse Models, ICLR
2024. Shapes: N training images, B of them in a batch, A targets (1 for classes), V groups.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pbias.training.objectives.groups import Members, Rows
from pbias.training.processes import processes

BUFFER = 512  # images of a group from which its loss of accuracy is estimated during training
EMPTY = 2  # in a buffer: no image yet, or an unknown label

logger = logging.getLogger(__name__)


@dataclass
class Bound:
    """`ceag@GROUP <= most`: no group loses more than `most` accuracy beyond everyone's loss.

    `valid` int64 [M] are the groups of the validation images, numbered like those of `train`.
    `target` None means the mean over all targets. `value` None means a bound for each group.
    """

    text: str
    most: float
    train: Members
    valid: Tensor
    target: int | None = None
    value: int | None = None
    shares: Tensor = field(init=False)  # [V, A] known training labels of each group
    sizes: Tensor = field(init=False)  # [V] number of images that a buffer holds
    multipliers: Tensor = field(init=False)  # [V]
    buffer: Tensor = field(init=False)  # int8 [V, BUFFER, A]: 1 lost, 0 the same, -1 gained
    seen: Tensor = field(init=False)  # [V] number of images put there, on the CPU
    reached: Tensor = field(init=False)  # [V] in validation; NaN without labels

    def prepare(self, dense: Tensor) -> None:
        """Compute the constants: `dense` int8 [N, A] says where the dense network is right."""
        inside = torch.nn.functional.one_hot(self.train.codes, self.train.num + 1)
        inside = inside[:, : self.train.num].t().float()
        self.shares = inside @ (self.chosen(dense) >= 0).float()
        self.sizes = inside.sum(dim=1).long().clamp(max=BUFFER)
        self.reset()

    def reset(self) -> None:
        """Reset the state, to begin with another network."""
        num = self.train.num
        self.multipliers, self.seen = torch.zeros(num), torch.zeros(num, dtype=torch.int64)
        shape = (num, BUFFER, self.shares.shape[1])
        self.buffer = torch.full(shape, EMPTY, dtype=torch.int8)
        self.reached = torch.full((num,), torch.nan, dtype=torch.float64)

    def chosen(self, table: Tensor) -> Tensor:
        """Return the columns of a table [..., A] to which the bound applies."""
        return table if self.target is None else table[..., self.target : self.target + 1]

    def observe(self, lost: Tensor, rows: Rows) -> None:
        """Put what a batch lost, int8 [B, A], into the buffers, replacing the oldest."""
        lost, codes = self.chosen(lost), self.train.codes[rows.whole]
        self.buffer = self.buffer.to(lost.device)
        for group in range(self.train.num):
            size = int(self.sizes[group])
            found = (codes == group).nonzero()[-size:, 0]
            places = (self.seen[group] + torch.arange(len(found))) % max(size, 1)
            self.buffer[group, places] = lost[found]
            self.seen[group] += len(found)

    def estimate(self) -> Tensor:
        """Return each group's loss of accuracy beyond everyone's, from the buffers, float32 [V]."""
        known = self.buffer != EMPTY
        lost = (self.buffer * known).sum(dim=1) / known.sum(dim=1).clamp(min=1)
        shares = self.shares.to(lost.device)
        overall = (shares * lost).sum(dim=0) / shares.sum(dim=0).clamp(min=1)
        there = shares > 0
        return ((lost - overall) * there).sum(dim=1) / there.sum(dim=1).clamp(min=1)

    def ascend(self, rate: float) -> None:
        """Raise the multipliers of groups beyond the bound, and lower the others.

        A group is skipped until its buffer is full.
        """
        step = (
            rate * (self.estimate() - self.most) * (self.seen >= self.sizes).to(self.buffer.device)
        )
        if self.value is not None:
            only = torch.arange(len(step), device=step.device) == self.value
            step = step * only
        self.multipliers = (self.multipliers.to(step.device) + step).clamp(min=0)

    def weights(self, known: Tensor, rows: Rows) -> Tensor:
        """Return the amounts that the multipliers add to the label weights, [b, A].

        For each group, they add to the mean loss of a batch the multiplier times the difference
        between the group's mean loss and that of all known groups.
        """
        chosen = self.chosen(known).float()
        both = torch.stack([chosen.sum(dim=1), known.sum(dim=1)], dim=1)
        sums = self.train.sums(both, rows)
        num, total = sums[:-1, 0], sums[:, 1].sum()
        inside = self.multipliers * (num > 0)
        of_group = total * (inside / num.clamp(min=1) - inside.sum() / num.sum().clamp(min=1))
        table = torch.cat([of_group, torch.zeros(1, device=known.device)])
        added = table[self.train.codes[rows.own].to(known.device)]
        found = torch.zeros(known.shape, device=known.device)
        self.chosen(found).add_(added[:, None])
        return found

    def measure(self, dense: Tensor, right: Tensor) -> float:
        """Store the gaps of the validation images; return by how much the worst exceeds the bound.

        Returns minus infinity if no group has a known label.
        """
        found = gaps(self.chosen(dense), self.chosen(right), self.valid, self.train.num)
        self.reached = found
        mine = found if self.value is None else found[self.value : self.value + 1]
        mine = mine[~mine.isnan()]
        return float(mine.max()) - self.most if len(mine) else -torch.inf

    def words(self) -> str:
        """Return the values and multipliers of all groups, as text."""
        columns = (self.reached.tolist(), self.estimate().tolist(), self.multipliers.tolist())
        parts = [
            f"{name} {valid:+.4f} (training {train:+.4f}, multiplier {multiplier:.3f})"
            for name, valid, train, multiplier in zip(self.train.names, *columns, strict=True)
        ]
        return f"{self.text}: {', '.join(parts)}"


@dataclass
class Bounds:
    """All bounds of a run; `rate` is the step size of the multipliers (the dual learning rate).

    `dense` int8 [N, A] and `dense_valid` [M, A] say where the dense network is right: 1, 0, and -1
    for an unknown label.
    """

    each: list[Bound]
    rate: float
    dense: Tensor
    dense_valid: Tensor | None

    def __post_init__(self) -> None:
        """Compute the constants of all bounds."""
        for bound in self.each:
            bound.prepare(self.dense)

    @torch.no_grad()
    def of(self, right: Tensor, rows: Rows) -> Tensor:
        """Ascend by one batch, and return the amounts to add to the label weights, [b, A].

        `right` int8 [b, A] has the codes of `dense`.
        """
        known = right >= 0
        dense = self.dense[rows.own].to(right.device)
        lost = torch.where(known, dense - right, EMPTY).int()
        whole = torch.zeros(len(rows.whole), lost.shape[1], dtype=lost.dtype, device=lost.device)
        whole[rows.part] = lost
        whole = processes().total(whole).to(torch.int8)
        found = torch.zeros(right.shape, device=right.device)
        for bound in self.each:
            bound.observe(whole, rows)
            bound.ascend(self.rate)
            found += bound.weights(known, rows)
        return found

    def measure(self, right: Tensor) -> float:
        """Store where a network is right in validation, [M, A]; return its largest excess."""
        assert self.dense_valid is not None
        return max(bound.measure(self.dense_valid, right) for bound in self.each)

    def report(self) -> None:
        """Log values and multipliers."""
        for bound in self.each:
            logger.info("%s", bound.words())

    def reset(self) -> None:
        """Reset the state, to begin with another network."""
        for bound in self.each:
            bound.reset()

    def state(self) -> dict[str, Any]:
        """Return the state that is needed to continue."""
        names = ("multipliers", "buffer", "seen")
        return {str(i): {n: getattr(b, n) for n in names} for i, b in enumerate(self.each)}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state; ValueError for a state of other groups."""
        for index, bound in enumerate(self.each):
            for name, value in state[str(index)].items():
                if value.shape != getattr(bound, name).shape:
                    raise ValueError(f"{name} of other groups")
                setattr(bound, name, value.clone())


def gaps(dense: Tensor, right: Tensor, codes: Tensor, num: int) -> Tensor:
    """Return each group's loss of accuracy less that of all known groups, float64 [V].

    `dense` and `right` int8 [M, A] say where a network is right (-1: unknown), `codes` [M] the
    group, `num` for an unknown one. The loss is a mean over the targets; NaN for a group without
    known labels.
    """
    inside = torch.nn.functional.one_hot(codes, num + 1)[:, :num].t().double()
    known = (right >= 0) & (dense >= 0)
    counts = inside @ known.double()
    lost = inside @ ((dense - right) * known).double()
    return (lost / counts - lost.sum(dim=0) / counts.sum(dim=0)).nanmean(dim=1)
