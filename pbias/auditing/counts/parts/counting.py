"""Count one part of the samples, in one pass over blocks of its rows."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.block_join import check_lengths, hash_ids
from pbias.auditing.counts.folds import hash_owners, row_folds
from pbias.auditing.counts.parts.counts import RANKED, Counts, layout
from pbias.auditing.counts.reduction import Advance, Wanted, design
from pbias.auditing.counts.strata import build_strata
from pbias.auditing.counts.streaming import RunSums, sum_blocks
from pbias.files.counts_file import NUM_FOLDS, Facts, Group, Run
from pbias.files.logits import Logits, threshold_logits
from pbias.files.logits.blocks import LogitsBlocks
from pbias.files.logits.relabel import train_counts_of

log = logging.getLogger(__name__)

# The facts about a run that `predict` records: training and compression, nothing about samples.
_FACTS = (
    "model", "model_arguments", "recipe", "preprocess", "data", "sparsity", "pruning", "parents",
    "quantization", "int8_share",
)  # fmt: skip


def count_blocks(
    audited: Sequence[LogitsBlocks],
    references: Sequence[LogitsBlocks],
    groups: Sequence[str] | None,
    *,
    wanted: Wanted,
    first_row: int = 0,
    progress: Advance | None = None,
) -> Counts:
    """Count the rows of files whose samples have the same order in all of them.

    Folds are hashes of clusters, else of ids, else of row numbers, which start at `first_row`.
    Raises UserError for files that do not fit together, and for repeated ids.
    """
    files, first = [*audited, *references], audited[0]
    check_lengths(files)
    about = design(first.head, build_strata(first.head, groups))
    owners = _Owners(first, first_row)
    facts = Facts(
        rows=len(first),
        owners=owners.kind,
        targets=about.targets,
        activation=first.activation,
        groups=tuple(
            Group(p.name, p.values, p.name in first.head.group_names, (False,) * len(p.values))
            for p in about.strata.partitions[1:]
        ),
        runs=tuple(map(_run, files)),
        audited=len(audited),
        products=wanted.products,
        ranked=wanted.ranked,
        same=_same_logits(audited, references),
    )
    arrays = {
        name: np.zeros(*of)
        for name, of in layout(facts, products=True, ranked=True).items()
        if name in RANKED
    }
    sums = RunSums(about, [file.head for file in files], len(audited), wanted, NUM_FOLDS, arrays)
    sum_blocks(sums, files, owners.folds, progress)
    owners.check(files)
    return Counts(facts, arrays | _arrays(sums, facts, first.head))


class _Owners:
    """The folds of successive rows, and a check of their ids."""

    def __init__(self, first: LogitsBlocks, first_row: int) -> None:
        known = first.npz.members
        self.kind = next((name for name in ("clusters", "ids") if name in known), "rows")
        self._first_row = first_row
        self._ids: list[NDArray[np.uint64]] = []

    def folds(self, block: Logits, row: int) -> NDArray[np.intp]:
        """Return the folds of a block that begins at `row`."""
        if block.ids is not None:
            self._ids.append(hash_owners(block.ids))
        if self.kind == "rows":
            start = self._first_row + row
            return row_folds(start, start + len(block), NUM_FOLDS).astype(np.intp)
        hashes = self._ids[-1] if block.clusters is None else hash_owners(block.clusters)
        return (hashes % np.uint64(NUM_FOLDS)).astype(np.intp)

    def check(self, files: Sequence[LogitsBlocks]) -> None:
        """Raise UserError for repeated ids, reading the file that has ids a second time."""
        if not self._ids:
            return
        hashes = np.concatenate(self._ids)
        hashes.sort()
        if (hashes[1:] == hashes[:-1]).any():
            hash_ids(files)


def _run(file: LogitsBlocks) -> Run:
    cuts = file.first_row.thresholds
    if cuts is not None and file.probabilities and file.thresholds is None:
        cuts = threshold_logits(cuts)  # thresholds in a file are on the scale of its values
    name = Path(file.path).name
    return Run(name, None if cuts is None else tuple(cuts.tolist()), _meta(file.head))


def _meta(head: Logits) -> dict[str, Any]:
    """Return the facts about a file's network; other programs may store anything there."""
    meta, found = head.meta, {}
    if isinstance(digests := meta.get("sha256"), dict):
        found = {name: meta[name] for name in _FACTS if name in meta}
        found["sha256"] = {"model": str(digests.get("model", ""))}
    elif isinstance(sparsity := meta.get("sparsity"), int | float):
        found["sparsity"] = sparsity
    if isinstance(said := meta.get("no_scores"), dict):
        found["no_scores"] = {name: str(said[name]) for name in head.targets if name in said}
    return found


def _same_logits(audited: Sequence[LogitsBlocks], references: Sequence[LogitsBlocks]) -> bool:
    """Return whether a model is compared with itself: equal logits and thresholds on both sides."""

    def of(file: LogitsBlocks) -> tuple[object, ...]:
        cuts = file.first_row.thresholds
        return file.npz.checksum("logits"), b"" if cuts is None else (cuts + 0.0).tobytes()

    return bool(references) and sorted(map(of, audited)) == sorted(map(of, references))


def _arrays(sums: RunSums, facts: Facts, head: Logits) -> dict[str, NDArray[Any]]:
    """Return the arrays of a counts file, in its layout, except those added to in place."""
    totals = [found for found in sums.totals if found is not None]
    parts: dict[str, list[NDArray[Any]]] = {
        "cells": [run.cells for run in totals],
        "uncertain": [run.uncertain for run in totals],
        "errors": [run.errors for run in totals],
        "squares": [run.squares for run in totals],
        "gram": [run.gram for run in totals],
        "classes": [run.classes for run in totals],
        "joint": [pair.cells for pair in sums.joint],
        "joint_classes": [pair.classes for pair in sums.joint],
        "train_counts": [],
    }
    found: dict[str, NDArray[Any]] = {}
    for name, (shape, dtype) in layout(facts, products=True, ranked=True).items():
        if name == "train_counts":
            found[name] = _train_counts(facts, head, shape)
            continue
        if name in RANKED:
            continue
        stacked = parts.pop(name)
        # A single run needs no second copy.
        found[name] = stacked[0][None] if len(stacked) == 1 else np.stack(stacked)
        assert (found[name].shape, found[name].dtype) == (shape, dtype), name
    return found


def _train_counts(facts: Facts, head: Logits, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the training counts, all 0 if there are none."""
    groups = [group for group in facts.groups if group.column]
    names, values = [g.name for g in groups], [g.values for g in groups]
    found = train_counts_of(head, names, values)
    return np.zeros(shape, np.int64) if found is None else found
