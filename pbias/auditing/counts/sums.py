"""Totals by stratum, on the whole sample and without each fold, from which metrics are made.

Shape suffixes used in all of `auditing`: R runs, J folds, S rows (strata or contrasts), A targets.
Axis 1 of a value has the whole sample first and then, if intervals are wanted, the J samples that
lack one fold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.strata import Strata
from pbias.auditing.counts.totals import Totals

# Four counts still add up in int32.
_LARGEST = np.iinfo(np.int32).max // 4

# The rest of a group without a value: used in contrasts, never shown. The no-break space
# distinguishes it from a value such as "not stated".
NOT = "not\N{NO-BREAK SPACE}"


class Row(NamedTuple):
    """The group and contrast of a row of numbers."""

    group: str = ""
    contrast: str = ""


@dataclass(frozen=True)
class Sums:
    """Totals of R runs by stratum.

    cells [R, 1+J, S, A, 3, 2]: rows by label (0, 1, unknown) and prediction; the others lack these
    last axes. `error` sums p - y, `absolute_error` the absolute values of its sums by bin of p.
    classes [R, 1+J, S, 2]: rows of one known class by whether it is predicted. Counts are int32 if
    that holds them all, else int64.
    """

    rows: tuple[Row, ...]
    cells: NDArray[np.integer]
    uncertain: NDArray[np.integer]
    error: NDArray[np.float64]
    absolute_error: NDArray[np.float64]
    squares: NDArray[np.float64]
    classes: NDArray[np.integer]

    @property
    def num_rows(self) -> NDArray[np.int64]:
        """All rows."""
        return added(self.cells, 2)

    @property
    def num_known(self) -> NDArray[np.int64]:
        """Rows with a known label."""
        return added(self.cells[..., :2, :], 2)

    @property
    def num_positive(self) -> NDArray[np.int64]:
        """Rows with a positive label."""
        return added(self.cells[..., 1, :])

    @property
    def num_predicted(self) -> NDArray[np.int64]:
        """Rows with a known label that are predicted positive."""
        return added(self.cells[..., :2, 1])

    @property
    def num_said(self) -> NDArray[np.int64]:
        """All rows that are predicted positive, with a known label or not."""
        return added(self.cells[..., 1])

    @property
    def num_right(self) -> NDArray[np.int64]:
        """Rows with a known label that are predicted correctly."""
        return np.asarray(self.cells[..., 1, 1] + self.cells[..., 0, 0])


@dataclass(frozen=True)
class JointSums:
    """Totals of two models row by row.

    cells [R, 1+J, S, A, 3, 2, 2]: rows by label (0, 1, unknown), reference prediction, audited
    prediction. classes [R, 1+J, S, 2, 2]: rows of one known class by whether the reference and the
    audited model are right, all 0 unless the targets are classes.

    `runs` are the numbers of runs of each side. If one side is a single run, R covers every pair of
    runs. Otherwise there is one entry per run instead of per pair, first the audited runs, with
    sums over all runs of the other side; these are enough for everything that is linear in the
    counts. For the rest, `pairs` yields the sums of each audited run with every reference, one
    audited run after the other.
    """

    rows: tuple[Row, ...]
    cells: NDArray[np.integer]
    classes: NDArray[np.integer]
    runs: tuple[int, int]
    pairs: Callable[[], Iterator[JointSums]] | None = None

    def over_pairs(self, counts: NDArray[Any]) -> NDArray[np.float64]:
        """Return the mean over all pairs of runs of counts [R, ...]."""
        if min(self.runs) == 1:
            return np.asarray(counts.mean(axis=0))
        num_audited, num_references = self.runs
        whole = counts[:num_audited].sum(axis=0)
        return np.asarray(whole / (num_audited * num_references))

    @property
    def num_discordant(self) -> NDArray[np.float64]:
        """Rows on which the two models differ, mean over pairs of runs, [S, A]."""
        whole = self.cells[:, 0]
        return self.over_pairs(whole[..., 0, 1].sum(-1) + whole[..., 1, 0].sum(-1))


@dataclass(frozen=True)
class PairTotals:
    """Totals of two runs, or of one run and all of the other side, by fold.

    cells [J, P, A, 3, 2, 2], classes [J, P, 2, 2].
    """

    cells: NDArray[np.int64]
    classes: NDArray[np.int64]

    def __add__(self, other: PairTotals) -> PairTotals:
        """Return the totals of both sets of rows."""
        return PairTotals(self.cells + other.cells, self.classes + other.classes)


def sum_pairs(pairs: Iterable[PairTotals], strata: Strata, runs: tuple[int, int]) -> JointSums:
    """Sum totals by stratum, one after the other, in the order of `JointSums`."""
    num = max(runs) if min(runs) == 1 else sum(runs)
    found: dict[str, NDArray[Any]] = {}
    for place, pair in enumerate(pairs):
        for name in ("cells", "classes"):
            put(found, name, place, num, by_stratum(getattr(pair, name), strata))
    return JointSums(strata_rows(strata), found["cells"], found["classes"], runs)


def sum_runs(runs: Iterable[Totals], strata: Strata, num_runs: int = 1) -> Sums:
    """Sum the totals of each run by stratum, one after the other."""
    found: dict[str, NDArray[Any]] = {}
    for place, run in enumerate(runs):
        errors = by_stratum(run.errors, strata)
        put(found, "error", place, num_runs, errors.sum(-1))
        put(found, "absolute_error", place, num_runs, np.abs(errors).sum(-1))
        del errors
        for name in ("cells", "uncertain", "squares", "classes"):
            put(found, name, place, num_runs, by_stratum(getattr(run, name), strata))
    return Sums(strata_rows(strata), **found)


def put(
    found: dict[str, NDArray[Any]], name: str, place: int, num: int, part: NDArray[Any]
) -> None:
    """Put a part into its place among `num`; use int32 for counts while they fit."""
    if name not in found:
        kind = np.int32 if part.dtype == np.int64 else part.dtype
        found[name] = np.empty((num, *part.shape), kind)
    if found[name].dtype == np.int32 and part.max(initial=0) > _LARGEST:
        found[name] = found[name].astype(np.int64)
    found[name][place] = part


def added(counts: NDArray[np.integer], num_axes: int = 1) -> NDArray[np.int64]:
    """Return sums over the last axes, which are short: much faster than numpy's own sum."""
    flat = counts.reshape(*counts.shape[:-num_axes], -1)
    total = flat[..., 0].astype(np.int64)
    for place in range(1, flat.shape[-1]):
        total += flat[..., place]
    return total


def whole_and_left_out(totals: NDArray[Any]) -> NDArray[Any]:
    """Turn totals by fold [J, ...] into [1+J, ...]: their sum, then the sum without each fold.

    With one fold there is nothing to leave out: [1, ...].
    """
    whole = totals.sum(axis=0, keepdims=True)
    return whole if len(totals) == 1 else np.concatenate([whole, whole - totals])


def by_stratum(totals: NDArray[Any], strata: Strata) -> NDArray[Any]:
    """Sum group values [..., P, A, ...] at axis 1 to the strata: [1+J, S, A, ...]."""
    stacked = whole_and_left_out(totals)
    num_values = stacked.shape[1]
    if len(strata.rows) == num_values:
        return stacked
    shape = (len(stacked), len(strata.rows), *stacked.shape[2:])
    found = np.empty(shape, stacked.dtype)
    found[:, :num_values] = stacked
    place, start = num_values, 0
    for partition in strata.partitions:
        stop = start + len(partition.values)
        if strata.rows[place:] and strata.rows[place].group == partition.name:
            found[:, place : place + stop - start] = _rests(stacked[:, start:stop])
            place += stop - start
        start = stop
    return found


def _rests(values: NDArray[Any]) -> NDArray[Any]:
    """Return the sum over all values but each, at axis 1, in time linear in their number."""
    rests = np.zeros_like(values)
    before, after = np.zeros_like(values[:, 0]), np.zeros_like(values[:, 0])
    num = values.shape[1]
    for place in range(num):
        rests[:, place] += before
        before += values[:, place]
        rests[:, num - 1 - place] += after
        after += values[:, num - 1 - place]
    return rests


def strata_rows(strata: Strata) -> tuple[Row, ...]:
    """Return a row for each stratum: the group and its value as the contrast."""
    return tuple(Row(s.group, NOT + s.value if s.rest else s.value) for s in strata.rows)
