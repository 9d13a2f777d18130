"""Count the predictions of runs of two models row by row.

With several runs on both sides there would be one count for each pair of them. But results are
linear in the counts, and their error depends on the runs of each side. So sums over all runs of the
other side are enough, and they grow only with the number of runs.

Shape suffixes: J folds, P group values (strata.py), A targets, n rows of a block.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.strata import Strata
from pbias.auditing.counts.sums import PairTotals
from pbias.auditing.counts.tally import Tally
from pbias.auditing.counts.totals import NUM_LABELS, label_codes, right_classes

Bits = NDArray[np.uint8]


@dataclass(frozen=True)
class Decisions:
    """The predictions of one run for n rows, bool [A, n], stored as bits."""

    bits: Bits
    num_rows: int
    multiclass: bool

    @classmethod
    def of(cls, s: NDArray[np.bool_], *, multiclass: bool) -> Decisions:
        """Pack predictions."""
        return cls(np.packbits(s, axis=1), s.shape[1], multiclass)

    @property
    def s(self) -> NDArray[np.bool_]:
        """The predictions."""
        return np.unpackbits(self.bits, axis=1, count=self.num_rows).view(bool)


@dataclass(frozen=True)
class PairRows:
    """The rows on which pairs are counted: labels int8 [A, n] with -1 unknown, folds int [n]."""

    labels_an: NDArray[np.int8]
    strata: Strata
    folds: NDArray[np.intp]
    num_folds: int

    def each(
        self, audited: Sequence[Decisions], references: Sequence[Decisions]
    ) -> Iterator[PairTotals]:
        """Yield the totals of every pair; the audited run changes slowest."""
        yield from (self._pair(d, s) for s in audited for d in references)

    def count(
        self, audited: Sequence[Decisions], references: Sequence[Decisions]
    ) -> Iterator[PairTotals]:
        """Yield the totals for `JointSums`, in its order."""
        if min(len(audited), len(references)) == 1:
            yield from self.each(audited, references)
            return
        for side, others in ((audited, references), (references, audited)):
            votes = self._votes(others)
            for run in side:
                yield self._against(run, votes, own_last=side is audited)

    def _pair(self, before: Decisions, after: Decisions) -> PairTotals:
        tally, d, s = self._tally(), before.s, after.s
        codes = label_codes(self.labels_an) * np.int8(4) + d * np.int8(2) + s
        cells = np.stack([tally(cell, (NUM_LABELS, 2, 2)) for cell in codes], axis=2)
        classes = np.zeros((*cells.shape[:2], 2, 2), np.int64)
        if before.multiclass and after.multiclass:
            (ours, known), (theirs, _) = (right_classes(x, self.labels_an) for x in (s, d))
            cell = np.where(known, theirs * np.int8(2) + ours, np.int8(4))
            classes = tally(cell, (5,))[..., :4].reshape(classes.shape)
        return PairTotals(cells, classes)

    def _against(self, run: Decisions, votes: _Votes, *, own_last: bool) -> PairTotals:
        """Return one run against all of the other side, counting each row once per other run."""
        tally, s = self._tally(), run.s
        codes = label_codes(self.labels_an) * np.int8(2) + s
        cells = np.stack(
            [
                _split(tally, cell, (NUM_LABELS, 2), positive, votes.num)
                for cell, positive in zip(codes, votes.positive, strict=True)
            ],
            axis=2,
        )
        classes = np.zeros((*cells.shape[:2], 2, 2), np.int64)
        if votes.right is not None and run.multiclass:
            right, known = right_classes(s, self.labels_an)
            cell = np.where(known, right, 2).astype(np.int8)
            classes = _split(tally, cell, (3,), votes.right, votes.num)[..., :2, :]
        if own_last:
            cells, classes = cells.swapaxes(-1, -2), classes.swapaxes(-1, -2)
        return PairTotals(cells, classes)

    def _votes(self, side: Sequence[Decisions]) -> _Votes:
        positive = np.zeros(self.labels_an.shape, np.int32)
        right = np.zeros(self.labels_an.shape[1], np.int32)
        for run in side:
            positive += run.s
            if run.multiclass:
                right += right_classes(run.s, self.labels_an)[0]
        multiclass = all(run.multiclass for run in side)
        return _Votes(len(side), positive, right if multiclass else None)

    def _tally(self) -> Tally:
        return Tally(self.strata, self.folds, self.num_folds)


def by_run(pairs: Sequence[PairTotals], runs: tuple[int, int]) -> Iterator[PairTotals]:
    """Yield the totals for `JointSums` from the totals of every pair."""
    num_references = runs[1]
    for start in range(0, len(pairs), num_references):
        yield reduce(add, pairs[start : start + num_references])
    for start in range(num_references):
        yield reduce(add, pairs[start::num_references])


@dataclass(frozen=True)
class _Votes:
    """The number of `num` runs that predict each row [A, n], and its class [n]."""

    num: int
    positive: NDArray[np.int32]
    right: NDArray[np.int32] | None


def _split(
    tally: Tally,
    cell: NDArray[np.integer],
    shape: tuple[int, ...],
    votes: NDArray[np.int32],
    num: int,
) -> NDArray[np.int64]:
    """Return rows by cell and by the others' votes, [J, P, *shape, 2]; exact, in whole numbers."""
    said = tally(cell, shape, votes.astype(np.float64)).astype(np.int64)
    return np.stack([num * tally(cell, shape) - said, said], axis=-1)
