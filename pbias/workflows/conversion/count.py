"""Count a part of the samples: totals by fold that add up, without rows and ids."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pbias.workflows.inputs.counts import drop_groups
from pbias.workflows.inputs.files import check_sides, with_thresholds
from pbias.workflows.progress import Watch, silent

if TYPE_CHECKING:
    from pbias.auditing.counts.parts.counts import Counts
    from pbias.files.logits import Logits
    from pbias.files.logits.blocks import LogitsBlocks
    from pbias.files.logits.npz import Npz


@dataclass(frozen=True)
class CountOptions:
    """Options of `count_files`.

    `groups` are names (None: the groups of the files), and so are `metrics`, the metrics to count
    for (None: all). Thresholds are paths. Group values with fewer than `min_cell` rows are dropped.
    Rows without ids are numbered from `first_row`.
    """

    groups: Sequence[str] | None = None
    metrics: Sequence[str] | None = None
    thresholds: str | None = None
    reference_thresholds: str | None = None
    probabilities: bool | None = None
    min_cell: int = 0
    first_row: int = 0


def count(
    logits: Any,
    labels: Any = None,
    *,
    reference: Any = None,
    groups: Any = None,
    targets: Sequence[str] | None = None,
    ids: Any = None,
    clusters: Any = None,
    train_counts: Any = None,
    train_labels: Any = None,
    train_groups: Any = None,
    thresholds: Any = None,
    reference_thresholds: Any = None,
    activation: str | None = None,
    probabilities: bool | None = None,
    metrics: str | Sequence[str] | None = None,
    min_cell: int = 0,
    first_row: int = 0,
) -> Counts:
    """Count a part of the samples: totals by fold, without rows and ids, that add up.

    `pbias.audit([a, b])` audits the sum of several parts; `counts.save(path)` writes a counts file.
    `metrics` are those to count for (None: all). Group values with fewer than `min_cell` rows are
    dropped. Without ids, rows are numbered from `first_row`. The other arguments mean the same as
    in `audit`; files by name are read in blocks. Raises UserError for invalid input.
    """
    from pbias.workflows.inputs.arrays import Known, is_path, name_list, read_sides, split_runs

    known = Known(
        labels, targets, ids, groups, clusters, train_counts, train_labels, train_groups,
        thresholds, probabilities, activation,
    )  # fmt: skip
    options = CountOptions(
        groups=known.group_names, metrics=name_list(metrics), min_cell=min_cell, first_row=first_row
    )
    audited, references = split_runs(logits), split_runs(reference)
    cuts = reference_thresholds
    in_files = known.by_name and labels is None and all(map(is_path, [*audited, *references]))
    if in_files and (cuts is None or is_path(cuts)):
        named = {name: path and os.fspath(path) for name, path in (
            ("thresholds", thresholds), ("reference_thresholds", cuts),
        )}  # fmt: skip
        ours, theirs = (list(map(os.fspath, side)) for side in (audited, references))
        return count_files(ours, theirs, replace(options, probabilities=probabilities, **named))
    from pbias.workflows.audit import refuse_thresholds_alone

    if cuts is not None:
        refuse_thresholds_alone(bool(references))
    runs, others = read_sides(logits, reference, known, cuts)
    return _count_runs(runs, others, options)


def _count_runs(
    audited: Sequence[Logits], references: Sequence[Logits], options: CountOptions
) -> Counts:
    """Count runs in memory, joined to the first."""
    from pbias.auditing.counts.join import align
    from pbias.files.logits import pack_logits
    from pbias.files.logits.blocks import open_blocks
    from pbias.files.logits.npz import KNOWN, Npz

    first = audited[0]
    # What the arrays are was settled when they were read, so nothing has to be guessed again.
    sides = [
        [
            open_blocks(Npz(run.path, KNOWN, packed=pack_logits(run)), probabilities=False)
            for run in (first if run is first else align(run, first) for run in side)
        ]
        for side in (audited, references)
    ]
    return _count(sides[0], sides[1], options, silent)


def count_files(
    audited: Sequence[str],
    references: Sequence[str] = (),
    options: CountOptions = CountOptions(),
    watch: Watch = silent,
) -> Counts:
    """Count logits files in blocks; `-` is standard input.

    Several files on one side are runs (seeds) of one model. Raises UserError if files cannot be
    read or do not match.
    """
    from pbias.files.logits.npz import KNOWN, Npz
    from pbias.workflows.audit import refuse_thresholds_alone

    o = options
    check_sides(audited, references, [o.thresholds, o.reference_thresholds], itself=True)
    if o.reference_thresholds is not None:
        refuse_thresholds_alone(bool(references))
    with ExitStack() as stack:
        sides = [
            [stack.enter_context(Npz(path, KNOWN)) for path in side]
            for side in (audited, references)
        ]
        runs = with_thresholds(_blocks(sides[0], o), o.thresholds)
        others = with_thresholds(_blocks(sides[1], o), o.reference_thresholds)
        return _count(runs, others, o, watch)


def _count(
    runs: Sequence[LogitsBlocks],
    others: Sequence[LogitsBlocks],
    options: CountOptions,
    watch: Watch,
) -> Counts:
    from pbias.auditing.counts.parts.counting import count_blocks
    from pbias.auditing.engine import wanted_by
    from pbias.auditing.metrics.registry import chosen_metrics
    from pbias.workflows.audit import check_models

    check_models([run.first_row for run in runs], [run.first_row for run in others])
    with watch("counting rows") as progress:
        counts = count_blocks(
            runs,
            others,
            options.groups,
            wanted=wanted_by(chosen_metrics(options.metrics)),
            first_row=options.first_row,
            progress=progress,
        )
    return drop_groups(counts, options.min_cell)


def _blocks(files: Sequence[Npz], options: CountOptions) -> list[LogitsBlocks]:
    from pbias.files.logits.blocks import open_blocks

    return [open_blocks(file, probabilities=options.probabilities) for file in files]
