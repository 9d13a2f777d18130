"""Totals by stratum, on the whole sample and with each fold left out: what metrics are made from.

Shape suffixes used in all of `auditing`: R runs, J folds, S rows (strata or contrasts), A targets.
Axis 1 of a value holds the whole sample first and then, where intervals are wanted, the J samples
that lack one fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.strata import Strata
from pbias.auditing.counts.totals import Totals

# The rest of a group without a value: used in contrasts, shown nowhere. The no-break space keeps it
# apart from a value such as "not stated".
NOT = "not\N{NO-BREAK SPACE}"


class Row(NamedTuple):
    """The group and contrast that a row of numbers is about."""

    group: str = ""
    contrast: str = ""


@dataclass(frozen=True)
class Sums:
    """Totals of R runs by stratum.

    cells int64 [R, 1+J, S, A, 3, 2]: rows by label (0, 1, unknown) and prediction; the others have
    no such last axes, but errors [..., 10] by bin of p. classes [R, 1+J, S, 2] are rows of one
    known class by whether it is predicted.
    """

    rows: tuple[Row, ...]
    cells: NDArray[np.int64]
    uncertain: NDArray[np.int64]
    errors: NDArray[np.float64]
    squares: NDArray[np.float64]
    classes: NDArray[np.int64]

    @property
    def num_rows(self) -> NDArray[np.int64]:
        """All rows."""
        return np.asarray(self.cells.sum((-1, -2)))

    @property
    def num_known(self) -> NDArray[np.int64]:
        """Rows with a known label."""
        return np.asarray(self.cells[..., :2, :].sum((-1, -2)))

    @property
    def num_positive(self) -> NDArray[np.int64]:
        """Rows with a positive label."""
        return np.asarray(self.cells[..., 1, :].sum(-1))

    @property
    def num_predicted(self) -> NDArray[np.int64]:
        """Rows with a known label that are predicted positive."""
        return np.asarray(self.cells[..., :2, 1].sum(-1))

    @property
    def num_right(self) -> NDArray[np.int64]:
        """Rows with a known label that are predicted right."""
        return np.asarray(self.cells[..., 1, 1] + self.cells[..., 0, 0])


@dataclass(frozen=True)
class JointSums:
    """Totals of two models row by row; with several runs a side, R is every pair of runs.

    cells int64 [R, 1+J, S, A, 3, 2, 2]: rows by label (0, 1, unknown), reference prediction,
    audited prediction. classes int64 [R, 1+J, S, 2, 2]: rows of one known class by whether the
    reference and the audited model are right, all 0 unless the targets are classes.
    """

    rows: tuple[Row, ...]
    cells: NDArray[np.int64]
    classes: NDArray[np.int64]

    @property
    def num_discordant(self) -> NDArray[np.float64]:
        """Rows on which the two models differ, mean over pairs of runs, [S, A]."""
        whole = self.cells[:, 0]
        return np.asarray((whole[..., 0, 1].sum(-1) + whole[..., 1, 0].sum(-1)).mean(axis=0))


@dataclass(frozen=True)
class PairTotals:
    """Totals of one pair of runs by fold: cells [J, P, A, 3, 2, 2], classes [J, P, 2, 2]."""

    cells: NDArray[np.int64]
    classes: NDArray[np.int64]

    def __add__(self, other: PairTotals) -> PairTotals:
        """The totals of both sets of rows."""
        return PairTotals(self.cells + other.cells, self.classes + other.classes)


def sum_pairs(pairs: Sequence[PairTotals], strata: Strata) -> JointSums:
    """Sum the totals of each pair of runs by stratum."""
    cells, classes = (
        np.stack([by_stratum(part, strata) for part in parts])
        for parts in ([pair.cells for pair in pairs], [pair.classes for pair in pairs])
    )
    return JointSums(strata_rows(strata), cells, classes)


def sum_runs(runs: Sequence[Totals], strata: Strata) -> Sums:
    """Sum the totals of each run by stratum."""
    names = ("cells", "uncertain", "errors", "squares", "classes")
    return Sums(
        strata_rows(strata),
        *(np.stack([by_stratum(getattr(run, name), strata) for run in runs]) for name in names),
    )


def whole_and_left_out(totals: NDArray[Any]) -> NDArray[Any]:
    """[J, ...] totals by fold as [1+J, ...]: their sum, then the sum without each fold.

    With one fold there is nothing to leave out: [1, ...].
    """
    whole = totals.sum(axis=0, keepdims=True)
    return whole if len(totals) == 1 else np.concatenate([whole, whole - totals])


def by_stratum(totals: NDArray[Any], strata: Strata) -> NDArray[Any]:
    """[..., P, A, ...] at axis 1, summed over group values to the strata: [1+J, S, A, ...]."""
    stacked = whole_and_left_out(totals)
    if len(strata.rows) == stacked.shape[1]:
        return stacked
    parts = [stacked[:, members.astype(bool)].sum(axis=1) for members in strata.sums]
    return np.stack(parts, axis=1)


def strata_rows(strata: Strata) -> tuple[Row, ...]:
    """A row for each stratum: the group and its value as the contrast."""
    return tuple(Row(s.group, NOT + s.value if s.rest else s.value) for s in strata.rows)
