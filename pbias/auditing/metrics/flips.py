"""Flips: the rows that make up a change, each with its weight. Shapes as in counts/sums.py.

A change of a rate is a sum over tables of rows: `weight * (gained - lost)`. The difference of one
model's number from that of the labels is such a sum, too: its errors are flips from the label.
Intervals for few flips are computed from these counts (inference/flip_intervals.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

FEW = 10
# A table whose rows weigh less than this share of the heaviest table's does not decide.
_MATTERS = 0.1

Floats = NDArray[np.float64]


def rows_at(places: Sequence[int]) -> slice | list[int]:
    """Return an index of rows: a slice where they are evenly spaced, which copies no array."""
    steps = {b - a for a, b in pairwise(places)}
    if len(steps) == 1 and (step := steps.pop()) > 0:
        return slice(places[0], places[-1] + 1, step)
    return list(places)


@dataclass(frozen=True)
class Scaled:
    """A `part` of a change that is proportional to the odds of `total - count` to `count`.

    An example is a sum over some rows divided by the number of others; it is no more certain than
    that number. All arrays are [U, S, A] for U such parts.
    """

    part: Floats
    count: Floats
    total: Floats

    def take(self, index: Sequence[int]) -> Scaled:
        """Return some of the rows."""
        rows = rows_at(index)
        return Scaled(self.part[:, rows], self.count[:, rows], self.total[:, rows])


@dataclass(frozen=True)
class Flips:
    """T tables, all [T, S, A]: the weight of a row, rows gained and lost, and all rows.

    `steady` [S, A] says whether the denominators of the weights have 10 rows or more.
    """

    weight: Floats
    gained: Floats
    lost: Floats
    trials: Floats
    steady: NDArray[np.bool_]
    scaled: Scaled | None = None

    @property
    def num(self) -> Floats:
        """The number of flips in each table, [T, S, A]."""
        return self.gained + self.lost

    @property
    def few(self) -> NDArray[np.bool_]:
        """Whether fewer than 10 rows flip in a table that matters, [S, A]."""
        return self.fewer_than(FEW)

    def fewer_than(self, num: int) -> NDArray[np.bool_]:
        """Return whether fewer than `num` rows flip in a table that matters, [S, A]."""
        size = np.nan_to_num(np.abs(self.weight))
        matters = (size > _MATTERS * size.max(axis=0, keepdims=True)) & (self.trials > 0)
        return np.asarray((matters & (self.num < num)).any(axis=0))

    def take(self, index: Sequence[int]) -> Flips:
        """Return some of the rows."""
        rows = rows_at(index)
        return Flips(
            self.weight[:, rows],
            self.gained[:, rows],
            self.lost[:, rows],
            self.trials[:, rows],
            self.steady[rows],
            self.scaled and self.scaled.take(index),
        )

    def minus(self, other: Flips) -> Flips:
        """Return the flips of the difference of two changes, whose rows differ."""

        def both(name: str) -> Floats:
            return np.concatenate([getattr(self, name), getattr(other, name)])

        scaled = None
        if self.scaled is not None and other.scaled is not None:
            ours, theirs = self.scaled, other.scaled
            scaled = Scaled(
                np.concatenate([ours.part, -theirs.part]),
                np.concatenate([ours.count, theirs.count]),
                np.concatenate([ours.total, theirs.total]),
            )
        return Flips(
            np.concatenate([self.weight, -other.weight]),
            both("gained"),
            both("lost"),
            both("trials"),
            self.steady & other.steady,
            scaled,
        )


def of_rate(gained: Floats, lost: Floats, trials: Floats, sign: float = 1.0) -> Flips:
    """Return the flips of a rate of `trials` rows, [S, A]; `sign` is -1 if a flip lowers it."""
    weight = np.divide(sign, trials, out=np.full_like(trials, np.nan), where=trials > 0)
    steady = np.ones(trials.shape, bool)
    return Flips(weight[None], gained[None], lost[None], trials[None], steady)


def of_share(
    top: tuple[Floats, Floats], rest: tuple[Floats, Floats], tables: Sequence[Sequence[Floats]]
) -> Flips:
    """Return the flips of `top / (top + rest)`, both before and after, [S, A].

    `tables`: gained, lost and all rows of `top`, then of `rest`. This is exact: `T' R - T R' = (T'
    - T) r - t (R' - R)` with the means t and r of before and after.
    """
    (top_0, top_1), (rest_0, rest_1) = top, rest
    totals = top_0 + rest_0, top_1 + rest_1
    below = np.where(totals[0] * totals[1] > 0, totals[0] * totals[1], np.nan)
    weight = np.stack([(rest_0 + rest_1) / 2 / below, -(top_0 + top_1) / 2 / below])
    gained, lost, trials = (np.stack(column) for column in zip(*tables, strict=True))
    return Flips(weight, gained, lost, trials, np.minimum(*totals) >= FEW)


def stacked(parts: Sequence[Flips]) -> Flips:
    """Stack the rows of several; those with fewer tables get empty ones."""
    most = max(len(part.weight) for part in parts)

    def column(name: str) -> Floats:
        arrays = [getattr(part, name) for part in parts]
        padding = [((0, most - len(array)), (0, 0), (0, 0)) for array in arrays]
        return np.concatenate([np.pad(*pair) for pair in zip(arrays, padding, strict=True)], axis=1)

    steady = np.concatenate([part.steady for part in parts])
    return Flips(column("weight"), column("gained"), column("lost"), column("trials"), steady)
