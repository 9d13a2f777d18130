"""A complete audit: from files to the table of all numbers.

Shape suffixes as in counts/sums.py.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.chosen_targets import take_targets
from pbias.auditing.counts.folds import NUM_FOLDS
from pbias.auditing.counts.join import select_targets
from pbias.auditing.counts.parts.counts import Counts
from pbias.auditing.counts.parts.reducing import reduce_counts
from pbias.auditing.counts.reduction import Reduction, RunCounts, Wanted, reduce_whole
from pbias.auditing.counts.strata import Strata
from pbias.auditing.counts.streaming import reduce_blocks
from pbias.auditing.counts.sums import NOT, JointSums, Row, Sums, strata_rows
from pbias.auditing.counts.trained import NO_TRAIN_COUNTS
from pbias.auditing.inference.distributions import Floats
from pbias.auditing.inference.effective_clusters import FEW_CLUSTERS, clusters_behind, in_words
from pbias.auditing.inference.estimates import Estimates, Setting
from pbias.auditing.metrics.entry import Compares, Metric
from pbias.auditing.metrics.measures import (
    MAX,
    MIN,
    SPREAD,
    Measure,
    contrasts,
    largest_change,
    smallest,
    spreads,
)
from pbias.auditing.metrics.models import Model
from pbias.auditing.metrics.registry import chosen_metrics
from pbias.auditing.pair_spreads import spreads_of_pairs
from pbias.auditing.table_rows import Block, RowCounts, make_table
from pbias.errors import argument
from pbias.files.logits import Logits, select_rows
from pbias.files.logits.blocks import LogitsBlocks
from pbias.files.table import Table

log = logging.getLogger(__name__)

# Measures kept for tables at other levels; beyond this size they are computed again.
MAX_KEPT_BYTES = 256 << 20

Files = Sequence[Logits] | Sequence[LogitsBlocks]
_Run = tuple[Logits | LogitsBlocks, Logits]  # as given, and as joined


@dataclass(frozen=True)
class Options:
    """What to audit: groups, attributes and metrics by name (None: all).

    `level` is that of the intervals; `num_folds` 1 means none. Without `keep_predictions`, the
    predictions of all runs except the first of a side are released after counting. Group values
    with fewer rows than `min_cell` are dropped.
    """

    groups: Sequence[str] | None = None
    attributes: Sequence[str] | None = None
    metrics: Sequence[str] | None = None
    level: float = 0.95
    num_folds: int = NUM_FOLDS
    keep_predictions: bool = True
    min_cell: int = 0


def audit(audited: Files, references: Files = (), options: Options | None = None) -> Table:
    """Return every metric of the audited runs and, with references, its change.

    Several files on one side are runs (seeds) of one model. All must have the same samples, joined
    by id. Raises UserError for files that do not fit together and for unknown names.
    """
    return Audit(audited, references, options or Options()).table()


class Audit:
    """The sides of an audit, counted once; tables at any level are made from them."""

    def __init__(
        self,
        audited: Files | Counts,
        references: Files,
        options: Options,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Join the files and check the options; raises UserError as `audit` does.

        Counts contain both sides. `progress` takes runs (done, total), or rows for files read in
        blocks. While a table is made, `on_metric` takes metrics (done, total).
        """
        self.options = options
        self.on_metric: Callable[[int, int], None] = lambda done, total: None
        self.metrics = chosen_metrics(options.metrics)
        self.sides, joint = self._reduce(audited, references, progress)
        self.design = self.sides[0].design
        self.of_counts = isinstance(audited, Counts)
        self.strata = self.design.strata
        _say_if_untrained(self.sides[0].heads[0], self.metrics if options.metrics else [])
        self.same_model = _are_the_same(audited, references, self.sides)
        if not options.keep_predictions:
            self.sides = list(map(_with_one_run, self.sides))
        self._joint, self._estimates = joint, Estimates(self.clusters_behind)
        if self.few_clusters is not None:
            log.warning(
                "few clusters hold most samples: they say no more than %s of one size would, and "
                "intervals are as wide", in_words(self.few_clusters),
            )  # fmt: skip
        self._tables: dict[tuple[float, str | None], Table] = {}
        self._blocks: dict[str, list[Block]] = {}
        self._models = [
            Model.of(side, joint, self.sides[-1].sums) if joint and not place else Model.of(side)
            for place, side in enumerate(self.sides)
        ]

    def _reduce(
        self,
        audited: Files | Counts,
        references: Files,
        progress: Callable[[int, int], None] | None,
    ) -> Reduction:
        chosen = self.options.attributes
        first = audited.facts if isinstance(audited, Counts) else audited[0]
        if not chosen or first.activation != "softmax":
            return self._reduce_targets(audited, references, chosen, progress)
        # The predicted class depends on all outputs, also on those that were not requested.
        found = self._reduce_targets(audited, references, None, progress)
        return take_targets(found, select_targets(found.sides[0].heads[0], chosen).targets)

    def _reduce_targets(
        self,
        audited: Files | Counts,
        references: Files,
        attributes: Sequence[str] | None,
        progress: Callable[[int, int], None] | None,
    ) -> Reduction:
        o, wanted = self.options, wanted_by(self.metrics)
        if isinstance(audited, Counts):
            return reduce_counts(audited, o.groups, attributes, o.num_folds, wanted=wanted)
        files = [*audited, *references]
        whole = [run for run in files if isinstance(run, Logits)]
        if whole:
            assert len(whole) == len(files), "all files are read in blocks, or none"
            whole_sides = whole[: len(audited)], whole[len(audited) :]
            return reduce_whole(
                *whole_sides, o.groups, attributes, o.num_folds,
                wanted=wanted, min_cell=o.min_cell, progress=progress,
            )  # fmt: skip
        blocks = [run for run in files if isinstance(run, LogitsBlocks)]
        sides = blocks[: len(audited)], blocks[len(audited) :]
        return reduce_blocks(
            *sides, o.groups, attributes, o.num_folds,
            wanted=wanted, min_cell=o.min_cell, progress=progress,
        )  # fmt: skip

    def table(self, level: float | None = None, metric: str | None = None) -> Table:
        """Return all rows, or those of one metric, at `level` (default: the level of the options).

        Each table is made once; p-values are adjusted over the rows of the table.
        """
        key = level or self.options.level, metric
        if key not in self._tables:
            self._tables[key] = self._table(*key)
        return self._tables[key]

    def _table(self, level: float, metric: str | None) -> Table:
        setting = Setting(
            level=level,
            clustered=self.design.clustered,
            single_runs=all(len(side.heads) == 1 for side in self.sides),
            intervals=self.options.num_folds > 1,
            compared=self._joint is not None,
            estimates=self._estimates,
        )
        num_runs = ":".join(str(len(side.heads)) for side in self.sides)
        return make_table(
            self._blocks_of(metric),
            self.design.targets,
            self._row_counts,
            num_runs,
            setting,
            same_model=self.same_model,
        )

    @cached_property
    def clusters_behind(self) -> Callable[[Sequence[Row]], Floats] | None:
        """The effective number of clusters behind rows of the table; None without clusters."""
        if not self.design.clustered or self.options.num_folds == 1:
            return None
        rows = self.sides[0].sums.num_rows[0, :, :, 0]
        return clusters_behind(rows[0] - rows[1:], self.strata, row_members(self.strata))

    @cached_property
    def few_clusters(self) -> float | None:
        """The effective number of clusters, if a few of many contain most samples."""
        if self.clusters_behind is None or self.sides[0].sums.cells.shape[1] <= FEW_CLUSTERS:
            return None
        effective = float(self.clusters_behind(self.sides[0].sums.rows[:1])[0])
        return effective if effective < FEW_CLUSTERS else None

    def samples_behind(self, attribute: str, group: str, contrast: str) -> tuple[str, int]:
        """Return the smallest group value behind a row, as GROUP=VALUE, and its known labels.

        "" stands for everyone. A mean over attributes (no `attribute`) has the mean number. For
        files without labels, all samples count.
        """
        counts, targets = self._row_counts, self.design.targets
        mine = [targets.index(attribute)] if attribute else list(range(len(targets)))
        num = counts.n if counts.n.any() else counts.n_rows
        sizes = {i: round(float(num[i, mine].mean())) for i in counts.members[Row(group, contrast)]}
        smallest = min(sizes, key=lambda i: sizes[i])
        stratum = self.strata.rows[smallest]
        sign = "!=" if stratum.rest else "="
        name = f"{stratum.group}{sign}{stratum.value}" if stratum.group else ""
        return name, sizes[smallest]

    def _blocks_of(self, name: str | None) -> Iterator[Block]:
        """Yield the rows of one metric or of all, in order, skipping empty ones."""
        for done, metric in enumerate(self.metrics):
            if name not in (None, metric.name):
                continue
            self.on_metric(done, len(self.metrics))
            if metric.name not in self._blocks:
                found = [block for block in self._of_metric(metric) if block.audited.rows]
                self._blocks[metric.name] = found
            yield from self._blocks[metric.name]
            if not self._keeps_measures:
                self._forget_measures()

    @cached_property
    def _keeps_measures(self) -> bool:
        """Whether the measures of all metrics are small enough to keep."""
        each = sum(side.sums.uncertain.size for side in self.sides) * np.float64().itemsize
        return each * len(self.metrics) <= MAX_KEPT_BYTES

    def _forget_measures(self) -> None:
        self._blocks.clear()
        self._estimates.clear()
        for model in self._models:
            model.clear()

    def _of_metric(self, metric: Metric) -> Iterator[Block]:
        """Yield a metric over strata or groups, contrasts, and spreads or the largest change."""
        measures = self._measures(metric)
        if not measures:
            return
        if metric.compares is Compares.MODELS:
            yield self._block(metric, measures, is_change=True)
            if metric.largest:
                yield self._block(metric, [largest_change(*measures)])
            return
        rows = measures[0].rows
        shown = [i for i, row in enumerate(rows) if not row.contrast.startswith(NOT)]
        yield self._block(metric, [measure.take(shown) for measure in measures])
        if metric.smallest:
            yield self._block(metric, list(map(smallest, measures)))
        if metric.contrasted and len(self.strata.partitions) > 1:
            yield self._block(metric, self._contrasts(metric, measures))
            yield self._block(metric, self._spreads(metric, measures))

    def _block(
        self, metric: Metric, measures: Sequence[Measure], *, is_change: bool = False
    ) -> Block:
        return Block.of(metric, *measures, estimates=self._estimates, is_change=is_change)

    def _measures(self, metric: Metric) -> list[Measure]:
        """Return the metric for each side that it needs; empty if it has no rows."""
        if metric.is_change and self._joint is None:
            return []
        if metric.compares is Compares.PREDICTIONS:
            measure: Measure = metric.compute(self._joint)
            runs = (len(self.sides[0].heads), len(self.sides[1].heads))
            return [replace(measure.as_metric(metric), runs=runs)]
        found = [model.measure(metric) for model in self._models]
        return [measure for measure in found if measure is not None]

    def _contrasts(self, metric: Metric, measures: Sequence[Measure]) -> list[Measure]:
        if metric.is_change:
            return [contrasts(measure, self.strata) for measure in measures]
        found = [model.contrasts(metric) for model in self._models]
        return [measure for measure in found if measure is not None]

    def _spreads(self, metric: Metric, measures: Sequence[Measure]) -> list[Measure]:
        found = [spreads(measure, self.strata) for measure in measures]
        if metric.name not in self._spreads_of_pairs:
            return found
        return [replace(found[0], value=self._spreads_of_pairs[metric.name])]

    @cached_property
    def _spreads_of_pairs(self) -> dict[str, Floats]:
        if self._joint is None:
            return {}
        return spreads_of_pairs(self._joint, self.metrics, self.strata)

    @cached_property
    def _row_counts(self) -> RowCounts:
        return count_rows(self.sides[0].sums, self.strata, self._joint)


def wanted_by(metrics: Sequence[Metric]) -> Wanted:
    """Return the counts that metrics need beside labels and predictions."""
    return Wanted(
        products=any(metric.products for metric in metrics),
        ranked=any(metric.ranked for metric in metrics),
    )


def _are_the_same(audited: Files | Counts, references: Files, sides: Sequence[RunCounts]) -> bool:
    """Return whether a model is compared with itself: both sides have the same runs, equally often.

    This also holds if all runs of both sides are identical, whatever their numbers.
    """
    if isinstance(audited, Counts):
        return audited.facts.same
    if not references:
        return False
    ours: list[_Run] = list(zip(audited, sides[0].heads, strict=True))
    theirs: list[_Run] = list(zip(references, sides[1].heads, strict=True))
    first = [_is_same(ours[0], run) for run in theirs]
    if not any(first):
        return False
    matches = [first, *([_is_same(run, other) for other in theirs] for run in ours[1:])]
    if all(map(all, matches)):
        return True
    # Runs that match the same runs are identical.
    return len(ours) == len(theirs) and all(sum(row) == matches.count(row) for row in matches)


def _with_one_run(side: RunCounts) -> RunCounts:
    """Return the same counts, keeping the rows of the first run and one row of each other run."""
    one = np.zeros(1, np.intp)
    return replace(side, heads=[side.heads[0], *(select_rows(run, one) for run in side.heads[1:])])


def _is_same(one: _Run, other: _Run) -> bool:
    """Return whether two runs have the same logits and thresholds."""
    (a, ours), (b, theirs) = one, other
    cuts = [np.zeros(1) if h.thresholds is None else h.thresholds for h in (ours, theirs)]
    if ours.activation != theirs.activation or (cuts[0] != cuts[1]).any():
        return False
    if isinstance(a, Logits) or isinstance(b, Logits):
        return bool(np.array_equal(ours.logits, theirs.logits))  # joined: in the same order
    return a.npz.checksum("logits") == b.npz.checksum("logits")


def count_rows(sums: Sums, strata: Strata, joint: JointSums | None) -> RowCounts:
    """Rows behind the numbers; predictions are means over runs."""
    whole = replace(sums, cells=sums.cells[:, :1])
    counts = {
        "n": whole.num_known,
        "n_positive": whole.num_positive,
        "n_predicted_positive": whole.num_said,
    }
    mean = {name: count[:, 0].mean(axis=0) for name, count in counts.items()}
    num_changed: NDArray[np.float64] = np.full_like(mean["n"], np.nan)
    if joint is not None:
        num_changed = joint.num_discordant
    n_rows, members = sums.cells[0, 0].sum((-1, -2)), row_members(strata)
    pooled = _count_classes(sums, joint, n_rows, members)
    return RowCounts(n_rows, **mean, n_discordant=num_changed, members=members, pooled=pooled)


def _count_classes(
    sums: Sums, joint: JointSums | None, n_rows: NDArray[np.int64], members: dict[Row, list[int]]
) -> RowCounts:
    """Count the rows behind numbers over all targets: those of one known class."""
    known = sums.classes[:, 0].sum(-1, keepdims=True).mean(axis=0)
    unknown = np.full_like(known, np.nan)
    changed = unknown
    if joint is not None:
        pairs = joint.over_pairs(joint.classes[:, 0])
        changed = (pairs[..., 0, 1] + pairs[..., 1, 0])[:, None]
    return RowCounts(n_rows[:, :1], known, unknown, unknown, changed, members)


def row_members(strata: Strata) -> dict[Row, list[int]]:
    """Return the strata that make up each row of the table."""
    members = {row: [index] for index, row in enumerate(strata_rows(strata))}
    for contrast in strata.contrasts:
        members[Row(contrast.group, contrast.label)] = [contrast.plus, contrast.minus]
    for partition in strata.partitions[1:]:
        for label in ("", MAX, MIN, SPREAD):
            members[Row(partition.name, label)] = strata.values_of(partition.name)
    return members


def _say_if_untrained(logits: Logits, metrics: Sequence[Metric]) -> None:
    """Note which of the metrics that were asked for need training counts that a file lacks."""
    needed = [metric.name for metric in metrics if NO_TRAIN_COUNTS in metric.undefined]
    if needed and logits.train_counts is None:
        log.info(
            "%s has no training counts: %s stay undefined; %s adds them from rows of split train",
            logits.path, ", ".join(needed), argument("train_labels"),
        )  # fmt: skip
