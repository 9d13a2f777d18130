"""Reduce files to the input of an audit: join runs, split them by group and fold, and count them.

Shape suffixes as in sums.py.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.fits import r_squared
from pbias.auditing.counts.folds import assign_folds, fold_rows
from pbias.auditing.counts.join import align, select_targets
from pbias.auditing.counts.pairs import Decisions, PairRows
from pbias.auditing.counts.scores import Scores, score_rows
from pbias.auditing.counts.strata import Strata, build_strata, drop_small_values
from pbias.auditing.counts.sums import (
    JointSums,
    Sums,
    sum_pairs,
    sum_runs,
    whole_and_left_out,
)
from pbias.auditing.counts.totals import Predictions, Totals, predictions, reduce_rows
from pbias.auditing.counts.trained import Trained, trained_groups
from pbias.errors import argument
from pbias.files.logits import UNKNOWN, Logits

log = logging.getLogger(__name__)

FEW_FOLDS = 20
Advance = Callable[[int, int], None]


@dataclass(frozen=True)
class Design:
    """The properties that both sides of an audit share, for any source of their counts."""

    targets: tuple[str, ...]
    strata: Strata
    clustered: bool
    trained: list[Trained]
    train_counts: NDArray[np.int64] | None


@dataclass(frozen=True)
class Sample(Design):
    """The rows of both sides: their labels int8 [A, N] and folds int [N]."""

    labels_an: NDArray[np.int8]
    folds: NDArray[np.intp]
    num_folds: int


@dataclass(frozen=True)
class RunCounts:
    """The counts of one side's runs, from which metrics are made.

    `heads` are the runs, whose rows are no longer read. `fits` [R, 1+J, A] says how well each
    target's predictions follow from all others', and `scores` contains the scores from each run's
    order of logits; both only if requested.
    """

    design: Design
    heads: Sequence[Logits]
    sums: Sums
    fits: NDArray[np.float64] | None = None
    scores: Sequence[Scores] = ()


class Reduction(NamedTuple):
    """The audited side and, if there is one, the reference; with two, their joint totals."""

    sides: list[RunCounts]
    joint: JointSums | None


@dataclass(frozen=True)
class Wanted:
    """The counts that metrics need beside labels and predictions.

    `products` are products of the predictions for pairs of targets; `ranked` means the order of
    logits.
    """

    products: bool = True
    ranked: bool = True


@dataclass(frozen=True)
class Side:
    """The runs of one side, audited or reference, on one sample."""

    sample: Sample
    runs: list[Logits]

    @cached_property
    def predicted(self) -> list[Predictions]:
        """The predictions of each run."""
        return [predictions(run) for run in self.runs]

    @cached_property
    def counts(self) -> RunCounts:
        """Counts of each run, without the order of its logits."""
        return self.count(Wanted(ranked=False))[0]

    @property
    def sums(self) -> Sums:
        """The totals by stratum."""
        return self.counts.sums

    def count(
        self, wanted: Wanted, advance: Callable[[], None] = lambda: None
    ) -> tuple[RunCounts, list[Decisions]]:
        """Count one run after the other, keeping its predictions; call `advance` after each."""
        s = self.sample
        rows = (s.labels_an, s.strata, s.folds, s.num_folds)
        fits: list[NDArray[np.float64]] = []
        scores: list[Scores] = []
        decisions: list[Decisions] = []

        def totals() -> Iterator[Totals]:
            for run in self.runs:
                predicted = predictions(run)
                found = reduce_rows(predicted, *rows, products=wanted.products)
                if wanted.products:
                    fits.append(r_squared(whole_and_left_out(found.gram)))
                if wanted.ranked:
                    scores.append(score_rows(predicted, *rows))
                decisions.append(Decisions.of(predicted.s, multiclass=predicted.multiclass))
                yield found
                advance()

        sums = sum_runs(totals(), s.strata, len(self.runs))
        together = np.stack(fits) if fits else None
        return RunCounts(s, self.runs, sums, together, scores), decisions


def reduce_whole(
    audited: Sequence[Logits],
    references: Sequence[Logits],
    groups: Sequence[str] | None,
    attributes: Sequence[str] | None,
    num_folds: int,
    *,
    wanted: Wanted,
    min_cell: int = 0,
    progress: Advance | None = None,
) -> Reduction:
    """Join and count both sides; raises UserError as `join_sides` does.

    `progress` takes runs (done, total).
    """
    sides = join_sides(audited, references, groups, attributes, num_folds, min_cell)
    done, total = count(1), len(audited) + len(references)

    def advance() -> None:
        if progress is not None:
            progress(next(done), total)

    found = [side.count(wanted, advance) for side in sides]
    joint = join_predictions(sides[0].sample, *(runs for _, runs in found)) if references else None
    return Reduction([counts for counts, _ in found], joint)


def join_sides(
    audited: Sequence[Logits],
    references: Sequence[Logits],
    groups: Sequence[str] | None,
    attributes: Sequence[str] | None,
    num_folds: int,
    min_cell: int = 0,
) -> list[Side]:
    """Return the audited side and, if there is one, the reference side, on the same samples.

    Group values with fewer rows than `min_cell` are dropped. Raises UserError for files that do not
    fit together and for unknown names.
    """
    first = audited[0]
    if attributes:
        first = select_targets(first, attributes)
    strata = build_strata(audited[0], groups)
    if min_cell > 1:
        strata, first = drop_small_values(strata, strata.sizes, first, min_cell, audited[0].targets)
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


def join_predictions(
    sample: Sample, after: Sequence[Decisions], before: Sequence[Decisions]
) -> JointSums:
    """Count both models' predictions row by row."""
    rows = PairRows(sample.labels_an, sample.strata, sample.folds, sample.num_folds)

    def joint(ours: Sequence[Decisions]) -> JointSums:
        return sum_pairs(rows.count(ours, before), sample.strata, (len(ours), len(before)))

    found = joint(after)
    if min(found.runs) == 1:
        return found
    return replace(found, pairs=lambda: (joint([run]) for run in after))


def design(first: Logits, strata: Strata) -> Design:
    """Return the design of an audit, from its first file and the strata made from its groups."""
    return Design(
        targets=first.targets,
        strata=strata,
        clustered=first.clusters is not None,
        trained=trained_groups(first, strata),
        train_counts=first.train_counts,
    )


def say_how_runs_vary(num_audited: int, num_references: int) -> None:
    """Log what cannot be known with these numbers of runs per side."""
    if 1 in (num_audited, num_references) and max(num_audited, num_references) > 1:
        log.warning(
            "several runs against one: how the single run varies is not assessed, and intervals of "
            "changes hold for that run alone; give both sides several to speak of the method"
        )
    elif num_audited == 1:
        log.info("one run: run-to-run variation not assessed")


def sample_folds(logits: Logits, num_folds: int) -> tuple[NDArray[np.intp], int]:
    """Return the fold of each sample, int [N], and the number of folds; clusters stay together."""
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
    """Warn if there are too few folds for good intervals."""
    if found < FEW_FOLDS:
        log.warning("only %d folds, for there are no more clusters: intervals are rough", found)


def say_what_is_missing(logits: Logits, *, labels: bool) -> None:
    """Warn of what a file, with or without known `labels`, lacks and so leaves undefined."""
    if not labels:
        log.warning(
            "%s has no labels: only metrics that need none are defined; %s adds them",
            logits.path,
            argument("labels"),
        )
