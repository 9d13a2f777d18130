"""The totals of one or several parts of the samples: their description and their arrays.

Shape suffixes as in totals.py and sums.py: J is always 200, by a hash of the id or cluster. R is
the number of runs of both sides, the audited first; K that of their pairs, in the order of
`JointSums`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.ranks.auc_buckets import NUM_BUCKETS
from pbias.auditing.counts.ranks.bucketed_scores import NUM_C, NUM_F
from pbias.auditing.counts.strata import small_values
from pbias.auditing.counts.totals import NUM_BINS, NUM_LABELS
from pbias.errors import listed
from pbias.files.counts_file import NUM_FOLDS, Facts, Group, write_counts

Layout = dict[str, tuple[tuple[int, ...], np.dtype[Any]]]
Arrays = dict[str, NDArray[Any]]
TOTALS = ("cells", "uncertain", "errors", "squares", "gram", "classes")
RANKED = ("buckets", "moments", "by_fold")
JOINT = ("joint", "joint_classes")
NAMES = (*TOTALS, *RANKED, *JOINT, "train_counts")
NOT_BY_FOLD, NOT_BY_VALUE = ("buckets", "moments"), ("gram", "train_counts")
_UINT32 = 1 << 32


@dataclass(frozen=True, repr=False)
class Counts:
    """Totals of a part of the samples, from `pbias.count`: no rows and no ids; they add up.

    `facts` say what was counted; `arrays` are by name, in the shapes of `layout`.
    """

    facts: Facts
    arrays: Arrays

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a counts file, to standard output for `-`; equal content gives equal bytes."""
        write_counts(os.fspath(path), self.facts, self.arrays)

    def __repr__(self) -> str:
        """Say what was counted; the arrays are large."""
        f = self.facts
        groups = listed([group.name for group in f.groups]) or "none"
        return f"Counts({f.rows:,} rows, {len(f.targets)} targets, groups: {groups})"


def num_pairs(facts: Facts) -> int:
    """Return the number of joint totals: every pair, or each run with all of the other side."""
    ours, theirs = facts.audited, facts.references
    if min(ours, theirs) < 2 or every_pair(facts):
        return ours * theirs
    return ours + theirs


def every_pair(facts: Facts) -> bool:
    """Return whether joint totals are kept for every pair, because a range is not linear."""
    many = any(len(group.values) > 2 for group in facts.groups)
    return many and min(facts.audited, facts.references) > 1


def layout(facts: Facts, *, products: bool, ranked: bool) -> Layout:
    """Return shapes and types of the arrays that were counted and are requested."""
    runs, pairs, targets = len(facts.runs), num_pairs(facts), len(facts.targets)
    values = 1 + sum(len(group.values) for group in facts.groups)
    by_fold = (runs, NUM_FOLDS, values, targets)
    most = max((len(group.values) for group in columns(facts)), default=0)
    whole, real = np.dtype(np.int64), np.dtype(np.float64)
    # There are many counts by bucket, and they are rarely that large.
    count = np.dtype(np.uint32 if facts.rows < _UINT32 else np.uint64)
    found: Layout = {
        "cells": ((*by_fold, NUM_LABELS, 2), whole),
        "uncertain": (by_fold, whole),
        "errors": ((*by_fold, NUM_BINS), real),
        "squares": (by_fold, real),
        "classes": ((*by_fold[:3], 2), whole),
        "train_counts": ((targets, len(columns(facts)) + 1, most + 1, 2), whole),
    }
    if facts.products and products:
        found["gram"] = ((runs, NUM_FOLDS, targets + 1, targets + 1), whole)
    if facts.ranked and ranked:
        found["buckets"] = ((runs, values, targets, 2, NUM_BUCKETS), count)
        found["moments"] = ((runs, values, targets, NUM_C, 2), real)
        found["by_fold"] = ((*by_fold, NUM_F, 2), count)
    if pairs:
        found["joint"] = ((pairs, NUM_FOLDS, values, targets, NUM_LABELS, 2, 2), whole)
        found["joint_classes"] = ((pairs, NUM_FOLDS, values, 2, 2), whole)
    return found


def columns(facts: Facts) -> list[Group]:
    """Return the groups that may have training counts: columns of the files."""
    return [group for group in facts.groups if group.column]


def places(facts: Facts) -> Iterator[tuple[Group, slice]]:
    """Yield each group, and the place of its values among the P values of all."""
    start = 1
    for group in facts.groups:
        yield group, slice(start, start + len(group.values))
        start += len(group.values)


def drop_small(counts: Counts, min_cell: int) -> Counts:
    """Drop the group values that `small_values` names. The counts are changed in place."""
    facts = counts.facts
    rows = counts.arrays["cells"][0, :, :, 0].sum((0, -1, -2))
    groups, gone = [], np.zeros(len(rows), bool)
    for group, place in places(facts):
        intersection = not group.column and group.name not in facts.targets
        small = small_values(rows[place], int(rows[0]), min_cell, whole=intersection)
        dropped = small | np.array(group.dropped)
        gone[place] = dropped
        groups.append(replace(group, dropped=tuple(dropped.tolist())))
    for name, array in counts.arrays.items():
        if name in NOT_BY_FOLD:
            array[:, gone] = 0
        elif name not in NOT_BY_VALUE:
            array[:, :, gone] = 0
    _drop_training(counts, groups, min_cell)
    return Counts(replace(facts, groups=tuple(groups)), counts.arrays)


def _drop_training(counts: Counts, groups: list[Group], min_cell: int) -> None:
    """Remove the training counts of groups that are partly dropped, or small in training."""
    training = counts.arrays["train_counts"]
    for index, group in enumerate(group for group in groups if group.column):
        rows = training[:, index].sum(-1)
        if any(group.dropped) or ((rows > 0) & (rows < min_cell)).any():
            training[:, index] = 0
