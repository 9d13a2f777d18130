"""Some classes of a softmax, counted among all: which one is predicted rests on all outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace

from pbias.auditing.counts.join import select_targets
from pbias.auditing.counts.reduction import Design, Reduction, RunCounts
from pbias.auditing.counts.scores import Scores
from pbias.auditing.counts.totals import Totals
from pbias.auditing.counts.trained import Trained


def take_targets(found: Reduction, names: Sequence[str]) -> Reduction:
    """The counts of some targets, in that order; counts over all classes stay as they are."""
    columns = [found.sides[0].design.targets.index(name) for name in names]
    joint = found.joint and replace(found.joint, cells=found.joint.cells[:, :, :, columns])
    return Reduction([_side(side, names, columns) for side in found.sides], joint)


def _side(side: RunCounts, names: Sequence[str], columns: list[int]) -> RunCounts:
    return RunCounts(
        _design(side.design, names, columns),
        [select_targets(head, names) for head in side.heads],
        [_totals(totals, columns) for totals in side.totals],
        _ranked(side, columns),
    )


def _ranked(side: RunCounts, columns: list[int]) -> Callable[[], list[Scores]]:
    def rank() -> list[Scores]:
        return [
            Scores(run.auc[:, :, columns], run.calibration[:, :, columns]) for run in side.scores
        ]

    return rank


def _design(whole: Design, names: Sequence[str], columns: list[int]) -> Design:
    parts = {field.name: getattr(whole, field.name) for field in fields(Design)}
    counts = whole.train_counts
    parts["train_counts"] = None if counts is None else counts[columns]
    parts["trained"] = [_trained(group, columns) for group in whole.trained]
    return Design(**parts | {"targets": tuple(names)})


def _trained(group: Trained, columns: list[int]) -> Trained:
    return replace(
        group,
        largest=group.largest[columns],
        over=group.over[columns],
        reason=group.reason[columns],
    )


def _totals(whole: Totals, columns: list[int]) -> Totals:
    ends = [
        0,
        *(1 + column for column in columns),
    ]  # the Gram matrix begins with the number of rows
    return replace(
        whole,
        cells=whole.cells[:, :, columns],
        uncertain=whole.uncertain[:, :, columns],
        errors=whole.errors[:, :, columns],
        squares=whole.squares[:, :, columns],
        gram=whole.gram[:, ends][:, :, ends] if whole.gram.size else whole.gram,
    )
