"""From files to the sides of an audit: joined, with their strata, folds and counts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.folds import assign_folds, fold_rows
from pbias.auditing.counts.join import align, select_targets
from pbias.auditing.counts.sides import Design, Reduced, Sample, Side, joint_counts
from pbias.auditing.counts.strata import Strata, build_strata
from pbias.auditing.metrics import flips
from pbias.auditing.metrics.amplification import trained_groups
from pbias.auditing.metrics.measures import MAX, Row, strata_rows
from pbias.auditing.table_rows import Counts
from pbias.errors import argument
from pbias.files.logits import UNKNOWN, Logits

log = logging.getLogger(__name__)

FEW_FOLDS = 20


class Reduction(NamedTuple):
    """The audited side and, if there is one, the reference; with two, their joint counts."""

    sides: list[Reduced]
    joint: NDArray[np.int64] | None


def reduce_whole(
    audited: Sequence[Logits],
    references: Sequence[Logits],
    groups: Sequence[str] | None,
    attributes: Sequence[str] | None,
    num_folds: int,
) -> Reduction:
    """Both sides, joined and reduced; raises UserError as `join_sides`."""
    sides = join_sides(audited, references, groups, attributes, num_folds)
    joint = joint_counts(*sides) if references else None
    return Reduction([side.reduced for side in sides], joint)


def join_sides(
    audited: Sequence[Logits],
    references: Sequence[Logits],
    groups: Sequence[str] | None,
    attributes: Sequence[str] | None,
    num_folds: int,
) -> list[Side]:
    """The audited side and, if there is one, the reference side, on the same samples.

    Raises UserError where files do not fit together or a name is not known.
    """
    first = audited[0]
    if attributes:
        first = select_targets(first, attributes)
    strata = build_strata(audited[0], groups)
    say_what_is_missing(first, labels=bool((first.labels != UNKNOWN).any()))
    folds, found = sample_folds(first, num_folds)
    sample = Sample(
        **vars(design(first, strata)),
        labels_an=np.ascontiguousarray(first.labels.T),
        folds=folds,
        num_folds=found,
    )
    runs = [first, *(align(run, first) for run in audited[1:])]
    others = [align(run, first) for run in references]
    if found > 1:
        say_how_runs_vary(len(runs), len(others))
    return [Side(sample, side) for side in (runs, others) if side]


def design(first: Logits, strata: Strata) -> Design:
    """What an audit is about, from its first file, of whose groups `strata` are."""
    return Design(
        targets=first.targets,
        strata=strata,
        clustered=first.clusters is not None,
        trained=trained_groups(first, strata),
        train_counts=first.train_counts,
    )


def say_how_runs_vary(num_audited: int, num_references: int) -> None:
    """Note what cannot be known with so many runs a side."""
    if 1 in (num_audited, num_references) and max(num_audited, num_references) > 1:
        log.warning(
            "several runs against one: how the single run varies is not assessed, and intervals of "
            "changes are too narrow; give both sides several"
        )
    elif num_audited == 1:
        log.info("one run: run-to-run variation not assessed")


def sample_folds(logits: Logits, num_folds: int) -> tuple[NDArray[np.intp], int]:
    """The fold of each sample, int [N], and their number: what belongs together stays together."""
    if num_folds == 1:
        return np.zeros(len(logits), np.intp), 1
    owners = logits.ids if logits.clusters is None else logits.clusters
    if owners is None:
        folds, found = fold_rows(0, len(logits), len(logits), num_folds)
    else:
        folds, found = assign_folds(owners, num_folds)
    say_how_many_folds(found)
    return folds.astype(np.intp), found


def say_how_many_folds(found: int) -> None:
    """Warn of folds that are too few for good intervals."""
    if found < FEW_FOLDS:
        log.warning("only %d folds, for there are no more clusters: intervals are rough", found)


def say_what_is_missing(logits: Logits, *, labels: bool) -> None:
    """Warn of what a file, with or without known `labels`, lacks and so leaves undefined."""
    if logits.train_counts is None:
        log.warning(
            "%s has no training counts: bias amplification and tcb stay undefined; "
            "%s adds them from rows of split train",
            logits.path,
            argument("train_labels"),
        )
    if not labels:
        log.warning(
            "%s has no labels: only metrics that need none are defined; %s adds them",
            logits.path,
            argument("labels"),
        )


def count_rows(after: Reduced, joint: NDArray[np.int64] | None) -> Counts:
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


def row_members(strata: Strata) -> dict[Row, list[int]]:
    """The strata that each row of the table is made of."""
    members = {row: [index] for index, row in enumerate(strata_rows(strata))}
    for contrast in strata.contrasts:
        members[Row(contrast.group, contrast.label)] = [contrast.plus, contrast.minus]
    for partition in strata.partitions[1:]:
        for label in ("", MAX, "max-min"):
            members[Row(partition.name, label)] = strata.values_of(partition.name)
    return members
