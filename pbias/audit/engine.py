"""An audit from beginning to end: files in, the table of all numbers out.

Shape suffixes as in measures.py.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pbias.audit import flips
from pbias.audit.amplification import trained_groups
from pbias.audit.join import align, select_targets
from pbias.audit.measures import NOT, Measure, Row, contrasts, spreads, strata_rows
from pbias.audit.registry import METRICS
from pbias.audit.rows import Counts, Rows
from pbias.audit.sides import Sample, Side, joint_counts
from pbias.audit.strata import Strata, build_strata
from pbias.files.logits import UNKNOWN, Logits
from pbias.files.table import Table

log = logging.getLogger(__name__)

CONTRASTED = frozenset({
    "accuracy", "prevalence", "predicted_positive_rate", "tpr", "fpr", "fnr", "ppv", "uncertainty",
    "tcb", "underprediction", "calibration_gap", "brier", "auc", "calibration_error_debiased",
    "churn", "nfr", "pfr", "lost_positives", "gained_positives",
})  # fmt: skip
CHANGES = frozenset({
    "did_tpr", "did_fpr", "did_ppv", "did_accuracy", "did_predicted_positive_rate", "excess_ba",
    "ceag",
})  # fmt: skip


@dataclass(frozen=True)
class Options:
    """What to audit: groups, attributes and metrics by name (None: all of them)."""

    groups: Sequence[str] | None = None
    attributes: Sequence[str] | None = None
    metrics: Sequence[str] | None = None


def audit(
    audited: Sequence[Logits], references: Sequence[Logits] = (), options: Options | None = None
) -> Table:
    """Every metric of the audited runs and, with references, how each changed.

    Several files a side are runs (seeds) of one model; all must be of the same samples, joined by
    id. Raises UserError where files do not fit together or a name is not known.
    """
    options = options or Options()
    sides = _sides(audited, references, options)
    strata = sides[0].sample.strata
    joint = joint_counts(*sides) if references else None
    rows = Rows(
        targets=sides[0].runs[0].targets,
        counts=_counts(sides[0], joint),
        members=_members(strata),
        num_runs=":".join(str(len(side.runs)) for side in sides),
    )
    changed = {} if joint is None else {m.name: m for m in flips.flips(joint, strata_rows(strata))}
    for name in options.metrics or METRICS:
        _add(rows, name, sides, changed)
    return rows.table()


def _sides(audited: Sequence[Logits], references: Sequence[Logits], options: Options) -> list[Side]:
    """The audited side and, if there is one, the reference side, on the same samples."""
    first = audited[0]
    if options.attributes is not None:
        first = select_targets(first, options.attributes)
    strata = build_strata(audited[0], options.groups)
    _say_what_is_missing(first)
    sample = Sample(
        strata=strata,
        labels_an=np.ascontiguousarray(first.labels.T),
        folds=np.zeros(len(first), np.intp),
        num_folds=1,
        trained=trained_groups(first, strata),
        train_counts=first.train_counts,
    )
    runs = [first, *(align(run, first) for run in audited[1:])]
    others = [align(run, first) for run in references]
    return [Side(sample, side) for side in (runs, others) if side]


def _say_what_is_missing(logits: Logits) -> None:
    if logits.train_counts is None:
        log.warning(
            "%s has no training counts: bias amplification and tcb stay undefined", logits.path
        )
    if (logits.labels == UNKNOWN).all():
        log.warning("%s has no labels: only metrics that need none are defined", logits.path)


def _add(rows: Rows, name: str, sides: Sequence[Side], changed: Mapping[str, Measure]) -> None:
    """One metric: over strata or groups, then contrasts, then spreads."""
    strata = sides[0].sample.strata
    if name in changed:
        _add_all(rows, [changed[name]], strata)
    elif name in sides[0].measures:
        _add_all(rows, [side.measures[name] for side in sides], strata)
    elif len(sides) == 2 and len(strata.partitions) > 1 and name in CHANGES:
        _add_change(rows, name, sides)


def _add_all(rows: Rows, measures: Sequence[Measure], strata: Strata) -> None:
    shown = [i for i, row in enumerate(measures[0].rows) if not row.contrast.startswith(NOT)]
    rows.add(*(measure.take(shown) for measure in measures))
    if measures[0].name in CONTRASTED:
        rows.add(*(contrasts(measure, strata) for measure in measures))
        rows.add(*(spreads(measure, strata) for measure in measures))


def _add_change(rows: Rows, name: str, sides: Sequence[Side]) -> None:
    """A metric that is the change of something: did_*, excess_ba, ceag."""
    if name.startswith("did_"):
        base, strata = name.removeprefix("did_"), sides[0].sample.strata
        parts = [contrasts(side.measures[base], strata) for side in sides]
    else:
        parts = [side.parts[name] for side in sides]
    rows.add_change(name, *parts)


def _counts(after: Side, joint: NDArray[np.int64] | None) -> Counts:
    """Rows behind the numbers; predictions are means over runs."""
    sums = after.sums
    whole = {
        "n": sums.num_known,
        "n_positive": sums.num_positive,
        "n_predicted_positive": sums.cells[..., 1].sum(-1),
    }
    mean = {name: count[:, 0].mean(axis=0) for name, count in whole.items()}
    num_changed = np.full_like(mean["n"], np.nan)
    if joint is not None:
        num_changed = flips.discordant(joint).mean(axis=0)
    return Counts(**mean, n_rows=sums.cells[0, 0].sum((-1, -2)), n_discordant=num_changed)


def _members(strata: Strata) -> dict[Row, list[int]]:
    """The strata that each row of the table is made of."""
    members = {row: [index] for index, row in enumerate(strata_rows(strata))}
    for contrast in strata.contrasts:
        members[Row(contrast.group, contrast.label)] = [contrast.plus, contrast.minus]
    for partition in strata.partitions[1:]:
        for label in ("", "max-min"):
            members[Row(partition.name, label)] = strata.values_of(partition.name)
    return members
