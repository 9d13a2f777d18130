"""Audit files larger than memory in one pass over blocks of rows, whose sums add up.

Shape suffixes as in totals.py and sums.py.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.block_join import BlockJoin, Folds, check_lengths, hash_ids, same_rows
from pbias.auditing.counts.fits import r_squared
from pbias.auditing.counts.join import select_targets
from pbias.auditing.counts.pairs import Decisions, PairRows, by_run
from pbias.auditing.counts.ranks.auc_buckets import NUM_BUCKETS
from pbias.auditing.counts.ranks.bucketed_scores import BucketedScores
from pbias.auditing.counts.reduction import (
    Advance,
    Design,
    Reduction,
    RunCounts,
    Wanted,
    design,
    say_how_runs_vary,
    say_what_is_missing,
)
from pbias.auditing.counts.scores import Scores
from pbias.auditing.counts.strata import Strata, build_strata, drop_small_values
from pbias.auditing.counts.sums import (
    JointSums,
    PairTotals,
    sum_pairs,
    sum_runs,
    whole_and_left_out,
)
from pbias.auditing.counts.totals import Totals, predictions, reduce_rows, transposed
from pbias.files.logits import Logits
from pbias.files.logits.blocks import LogitsBlocks

log = logging.getLogger(__name__)

# The folds of a block, int [n], from the block and the number of its first row.
FoldsOf = Callable[[Logits, int], NDArray[np.intp]]


def reduce_blocks(
    audited: Sequence[LogitsBlocks],
    references: Sequence[LogitsBlocks],
    groups: Sequence[str] | None,
    attributes: Sequence[str] | None,
    num_folds: int,
    *,
    wanted: Wanted,
    min_cell: int = 0,
    progress: Advance | None = None,
) -> Reduction:
    """Return the result of `reduce_whole` for files read in blocks, with samples in the same order.

    AUC and debiased calibration error (if `wanted`) come from logits in buckets. Memory: some
    blocks; 0.6 MiB, or 0.8 MiB with folds, per file and target, for everyone and for each value of
    a group but its last; 50 bytes per id.
    """
    first, files = audited[0], [*audited, *references]
    check_lengths(files)
    folds = Folds.of(first, hash_ids(files), num_folds)
    head = select_targets(first.head, attributes) if attributes else first.head
    strata = build_strata(first.head, groups)
    if min_cell > 1:
        # A pass of its own: what is dropped is known when all rows are counted.
        names = [partition.name for partition in strata.partitions[1:]]
        rows = sum(Strata.of(block, names).sizes for block in first.blocks())
        strata, head = drop_small_values(strata, np.asarray(rows), head, min_cell, first.targets)
    about = design(head, strata)
    heads = [select_targets(file.head, head.targets) for file in files]
    sums = RunSums(about, heads, len(audited), wanted, folds.num)
    sum_blocks(sums, files, lambda block, row: folds.rows(row, row + len(block)), progress)
    found = sums.reduction()
    known = bool(found.sides[0].sums.num_known.any())
    say_what_is_missing(head, labels=known)
    if folds.num > 1:
        say_how_runs_vary(len(audited), len(references))
    return found


def sum_blocks(
    sums: RunSums,
    files: Sequence[LogitsBlocks],
    folds_of: FoldsOf,
    progress: Advance | None = None,
) -> None:
    """Add all rows of the files to the sums; raises UserError if they do not fit together."""
    join, row = BlockJoin(sums.about.targets), 0
    # `zip` keeps the first tuple that it gave while someone holds it, and with it the first blocks.
    for blocks in map(list, zip(*(file.blocks() for file in same_rows(files)), strict=True)):
        sums.add(blocks[0], list(join(blocks, row)), folds_of(blocks[0], row))
        row += len(blocks[0])
        if progress is not None:
            progress(row, len(files[0]))


class RunSums:
    """The sums of all runs over the blocks so far."""

    def __init__(
        self,
        about: Design,
        heads: Sequence[Logits],
        num_audited: int,
        wanted: Wanted,
        num_folds: int,
        ranked: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        """Start empty; the runs of the audited model come first.

        Arrays `ranked` of all runs, for `BucketedScores`, are added to in place.
        """
        partitions = about.strata.partitions
        size = (sum(len(p.values) for p in partitions), len(about.targets), num_folds)
        self.about, self.num_folds = about, num_folds
        self.heads, self.num_audited, self.wanted = heads, num_audited, wanted
        self.groups = [partition.name for partition in partitions[1:]]
        self.totals: list[Totals | None] = [None] * len(heads)
        if ranked:
            runs = zip(ranked["buckets"], ranked["moments"], ranked["by_fold"], strict=True)
            self.ranked = [BucketedScores.of(*run) for run in runs]
        else:
            self.ranked = [BucketedScores(*size) for _ in (heads if wanted.ranked else ())]
        self.joint: list[PairTotals] = []
        self.runs = (num_audited, len(heads) - num_audited)
        self.every_pair = min(self.runs) > 1 and bool(about.strata.ranges)

    def add(self, whole: Logits, joined: Sequence[Logits], fold_n: NDArray[np.intp]) -> None:
        """Add a block of rows and their folds; `whole` has all targets, which may be groups."""
        strata = Strata.of(whole, self.groups).like(self.about.strata)
        labels_an = transposed(joined[0].labels)
        rows = (labels_an, strata, fold_n, self.num_folds)
        said: list[Decisions] = []
        for index, logits in enumerate(joined):
            run = predictions(logits)
            totals = reduce_rows(run, *rows, products=self.wanted.products)
            before = self.totals[index]
            self.totals[index] = totals if before is None else before + totals
            if self.ranked:
                self.ranked[index].add(run, labels_an, strata, fold_n)
            said.append(Decisions.of(run.s, multiclass=run.multiclass))
            del run  # before the next one is made
        if len(joined) == self.num_audited:
            return
        pair_rows = PairRows(*rows)
        counted = pair_rows.each if self.every_pair else pair_rows.count
        pairs = list(counted(said[: self.num_audited], said[self.num_audited :]))
        self.joint = list(map(add, self.joint, pairs)) if self.joint else pairs

    def reduction(self) -> Reduction:
        """Return the sides, and the joint counts if there are two."""
        scores, cut = self._scores(), self.num_audited
        parts = [slice(cut), slice(cut, None)] if self.joint else [slice(cut)]
        sides = [self._side(part, scores[part]) for part in parts]
        return Reduction(sides, self._joint_sums() if self.joint else None)

    def _joint_sums(self) -> JointSums:
        runs, strata = self.runs, self.about.strata
        if not self.every_pair:
            return sum_pairs(self.joint, strata, runs)

        def pairs() -> Iterator[JointSums]:
            for start in range(0, len(self.joint), runs[1]):
                yield sum_pairs(self.joint[start : start + runs[1]], strata, (1, runs[1]))

        return replace(sum_pairs(by_run(self.joint, runs), strata, runs), pairs=pairs)

    def _side(self, part: slice, scores: list[Scores]) -> RunCounts:
        totals = [found for found in self.totals[part] if found is not None]
        fits = None
        if self.wanted.products:
            fits = np.stack([r_squared(whole_and_left_out(found.gram)) for found in totals])
        sums = sum_runs(totals, self.about.strata, len(totals))
        return RunCounts(self.about, self.heads[part], sums, fits, scores)

    def _scores(self) -> list[Scores]:
        found = [run.scores(self.about.strata) for run in self.ranked]
        if found:
            log.info(
                "AUC from %s buckets of the logit, within %.6f of the exact one",
                f"{NUM_BUCKETS:,}",
                max(error for _, error in found),
            )
        return [scores for scores, _ in found]
