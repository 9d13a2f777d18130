"""Reduce counts to the input of an audit."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.join import select_targets
from pbias.auditing.counts.parts.counts import Arrays, Counts, columns, every_pair, places
from pbias.auditing.counts.reduction import (
    Design,
    Reduction,
    Wanted,
    say_how_many_folds,
    say_how_runs_vary,
    say_what_is_missing,
)
from pbias.auditing.counts.strata import Partition, Strata
from pbias.auditing.counts.streaming import RunSums
from pbias.auditing.counts.sums import PairTotals
from pbias.auditing.counts.totals import Totals
from pbias.auditing.counts.trained import trained_groups
from pbias.errors import UserError, did_you_mean
from pbias.files.counts_file import NUM_FOLDS, Facts, run_names
from pbias.files.logits import UNKNOWN, Logits
from pbias.files.logits.relabel import train_counts_of

log = logging.getLogger(__name__)

# With more clusters than folds, almost all folds are non-empty. With 200 clusters, one of 200 folds
# is empty with a probability of 1 / e, so 100 folds mean fewer clusters.
_EMPTY_FROM = NUM_FOLDS // 2
# Sums of products are squared in int64 (fits.py).
MOST_ROWS_OF_PRODUCTS = 3_000_000_000


def reduce_counts(
    counts: Counts,
    groups: Sequence[str] | None,
    attributes: Sequence[str] | None,
    num_folds: int,
    *,
    wanted: Wanted,
) -> Reduction:
    """Return the result of `reduce_blocks` from counts; with `num_folds` 1, without intervals.

    Raises UserError for unknown names, and for groups that were not counted.
    """
    if wanted.products and counts.facts.rows > MOST_ROWS_OF_PRODUCTS:
        raise UserError(
            f"{counts.facts.rows:,} rows are more than products of predictions are exact for; "
            "leave out interdependence"
        )
    strata, chosen = _strata(counts.facts, groups)
    heads = [select_targets(head, attributes or head.targets) for head in _heads(counts, strata)]
    cut = [counts.facts.targets.index(name) for name in heads[0].targets]
    arrays = _chosen(counts.arrays, chosen, cut, num_folds)
    folds = arrays["cells"].shape[1]
    about = Design(
        heads[0].targets,
        strata,
        counts.facts.owners == "clusters",
        trained_groups(heads[0], strata),
        heads[0].train_counts,
    )
    ranked = arrays if wanted.ranked else None
    sums = RunSums(about, heads, counts.facts.audited, wanted, folds, ranked)
    sums.every_pair = every_pair(counts.facts)
    _fill(sums, arrays)
    found = sums.reduction()
    say_what_is_missing(heads[0], labels=bool(found.sides[0].sums.num_known.any()))
    if folds > 1:
        if folds < NUM_FOLDS:
            log.warning(
                "fewer than %d clusters, in %d folds: intervals are not exactly those of the whole "
                "file, which has a fold for each cluster", NUM_FOLDS, folds,
            )  # fmt: skip
        say_how_many_folds(folds)
        say_how_runs_vary(counts.facts.audited, counts.facts.references)
    return found


def _strata(facts: Facts, names: Sequence[str] | None) -> tuple[Strata, list[int]]:
    """Return the strata of the groups `names`, and their positions among the P values."""
    known = {group.name: (group, place) for group, place in places(facts)}
    nobody = np.empty(0, np.int16)
    partitions, chosen = [Partition("", ("",), nobody)], [0]
    for name in known if names is None else names:
        if name not in known:
            otherwise = f"they have: {', '.join(known) or 'none'}; count the parts again with it"
            hint = did_you_mean(name, known, otherwise)
            raise UserError(f"the counts are not by group '{name}'; {hint}")
        group, place = known[name]
        left = [index for index, dropped in enumerate(group.dropped) if not dropped]
        if any(group.dropped) and len(left) < 2:
            log.warning("%s: left out, for its values were dropped (--min-cell)", name)
            continue
        values = tuple(group.values[index] for index in left)
        partitions.append(Partition(name, values, nobody))
        chosen += [place.start + index for index in left]
    return Strata(tuple(partitions)), chosen


def _heads(counts: Counts, strata: Strata) -> list[Logits]:
    """Return a file with one row for each run, without any known values."""
    facts = counts.facts
    stored = columns(facts)
    first = _head(facts, 0, [(group.name, group.values) for group in stored])
    training = counts.arrays["train_counts"]
    if training.any():
        first = replace(first, train_counts=training)
    names = {group.name for group in stored}
    left = [(p.name, p.values) for p in strata.partitions[1:] if p.name in names]
    found = train_counts_of(first, [name for name, _ in left], [values for _, values in left])
    return [replace(_head(facts, run, left), train_counts=found) for run in range(len(facts.runs))]


def _head(facts: Facts, run: int, groups: Sequence[tuple[str, tuple[str, ...]]]) -> Logits:
    about, num_targets = facts.runs[run], len(facts.targets)
    return Logits(
        logits=np.zeros((1, num_targets), np.float32),
        labels=np.full((1, num_targets), UNKNOWN, np.int8),
        targets=facts.targets,
        groups=np.full((1, len(groups)), UNKNOWN, np.int16),
        group_names=tuple(name for name, _ in groups),
        group_values=tuple(values for _, values in groups),
        clusters=np.array(["?"]) if facts.owners == "clusters" else None,
        activation=facts.activation,
        thresholds=None if about.thresholds is None else np.array(about.thresholds),
        meta=about.meta,
        path=run_names(facts.runs, facts.parts)[run],
    )


def _chosen(arrays: Arrays, values: list[int], targets: list[int], num_folds: int) -> Arrays:
    """Return the arrays of some group values and targets, by fold or summed over folds."""
    with_one = [0, *(target + 1 for target in targets)]
    found: dict[str, NDArray[Any]] = {}
    rows = arrays["cells"][0, :, 0, 0].sum((-1, -2))
    filled = np.flatnonzero(rows)
    if len(filled) > _EMPTY_FROM:
        filled = np.arange(NUM_FOLDS)
    for name, array in arrays.items():
        if name == "train_counts":
            continue
        if name in ("buckets", "moments"):
            found[name] = _take(array, {1: values, 2: targets})
            continue
        if num_folds == 1:
            folded = array.sum(axis=1, keepdims=True)
        else:
            folded = _take(array, {1: filled.tolist()})
        if name == "gram":
            found[name] = _take(folded, {2: with_one, 3: with_one})
        elif name in ("classes", "joint_classes"):
            found[name] = _take(folded, {2: values})
        else:
            found[name] = _take(folded, {2: values, 3: targets})
    return found


def _take(array: NDArray[Any], chosen: dict[int, list[int]]) -> NDArray[Any]:
    """Take parts of some axes, without a copy if all of an axis is taken in order."""
    for axis, places_ in chosen.items():
        if places_ != list(range(array.shape[axis])):
            array = np.take(array, places_, axis=axis)
    return array


def _fill(sums: RunSums, arrays: Arrays) -> None:
    """Store the arrays of all runs as the sums over blocks."""
    none = np.zeros((len(arrays["cells"]), arrays["cells"].shape[1], 0, 0), np.int64)
    products = arrays.get("gram", none)
    sums.totals = [
        Totals(*of)
        for of in zip(
            *(arrays[name] for name in ("cells", "uncertain", "errors", "squares")),
            products,
            arrays["classes"],
            strict=True,
        )
    ]
    if "joint" in arrays:
        sums.joint = [
            PairTotals(*of) for of in zip(arrays["joint"], arrays["joint_classes"], strict=True)
        ]
