"""Choose some classes of a softmax after counting all, because the prediction depends on all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

from pbias.auditing.counts.join import select_targets
from pbias.auditing.counts.reduction import Design, Reduction, RunCounts
from pbias.auditing.counts.scores import Scores
from pbias.auditing.counts.sums import Sums
from pbias.auditing.counts.trained import Trained


def take_targets(found: Reduction, names: Sequence[str]) -> Reduction:
    """Return the counts of some targets, in that order; counts over all classes do not change."""
    columns = [found.sides[0].design.targets.index(name) for name in names]
    joint = found.joint and replace(found.joint, cells=found.joint.cells[:, :, :, columns])
    return Reduction([_side(side, names, columns) for side in found.sides], joint)


def _side(side: RunCounts, names: Sequence[str], columns: list[int]) -> RunCounts:
    return RunCounts(
        _design(side.design, names, columns),
        [select_targets(head, names) for head in side.heads],
        _sums(side.sums, columns),
        None if side.fits is None else side.fits[..., columns],
        [Scores(s.auc[:, :, columns], s.calibration[:, :, columns]) for s in side.scores],
    )


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


def _sums(whole: Sums, columns: list[int]) -> Sums:
    by_target = ("cells", "uncertain", "error", "absolute_error", "squares")
    return replace(whole, **{name: getattr(whole, name)[:, :, :, columns] for name in by_target})
