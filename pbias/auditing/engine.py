"""An audit from beginning to end: files in, the table of all numbers out.

Shape suffixes as in measures.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.folds import NUM_FOLDS
from pbias.auditing.counts.reduction import Reduction, count_rows, reduce_whole, row_members
from pbias.auditing.counts.sides import RANKED
from pbias.auditing.counts.streaming import reduce_blocks
from pbias.auditing.inference.numbers import Setting
from pbias.auditing.metrics import flips
from pbias.auditing.metrics.measures import (
    NOT,
    Measure,
    contrasts,
    largest_change,
    spreads,
    strata_rows,
)
from pbias.auditing.metrics.registry import METRICS, known_metric
from pbias.auditing.table_rows import Rows
from pbias.files.logits import Logits
from pbias.files.logits.blocks import LogitsBlocks
from pbias.files.table import Table

Files = Sequence[Logits] | Sequence[LogitsBlocks]
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
    """What to audit: groups, attributes and metrics by name (None: all of them).

    `level` of the intervals; `num_folds` 1: none.
    """

    groups: Sequence[str] | None = None
    attributes: Sequence[str] | None = None
    metrics: Sequence[str] | None = None
    level: float = 0.95
    num_folds: int = NUM_FOLDS


def audit(audited: Files, references: Files = (), options: Options | None = None) -> Table:
    """Every metric of the audited runs and, with references, how each changed.

    Several files a side are runs (seeds) of one model; all must be of the same samples, joined by
    id. Raises UserError where files do not fit together or a name is not known.
    """
    return Audit(audited, references, options or Options()).table()


class Audit:
    """The sides of an audit, reduced once, from which tables at any level are made."""

    def __init__(
        self,
        audited: Files,
        references: Files,
        options: Options,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Join the files and check the options; raises UserError as `audit` does.

        `progress` takes rows (done, total) of files that are read in blocks.
        """
        self.options = options
        self.metrics = [known_metric(name) for name in options.metrics or METRICS]
        self.sides, self.joint = self._reduce(audited, references, progress)
        self.design = self.sides[0].design
        self.strata = self.design.strata

    def _reduce(
        self, audited: Files, references: Files, progress: Callable[[int, int], None] | None
    ) -> Reduction:
        o, files = self.options, [*audited, *references]
        whole = [run for run in files if isinstance(run, Logits)]
        if whole:
            assert len(whole) == len(files), "all files are read in blocks, or none"
            whole_sides = whole[: len(audited)], whole[len(audited) :]
            return reduce_whole(*whole_sides, o.groups, o.attributes, o.num_folds)
        blocks = [run for run in files if isinstance(run, LogitsBlocks)]
        sides = blocks[: len(audited)], blocks[len(audited) :]
        ranked = not RANKED.isdisjoint(self.metrics)
        return reduce_blocks(
            *sides, o.groups, o.attributes, o.num_folds, ranked=ranked, progress=progress
        )

    def table(self, level: float | None = None) -> Table:
        """All rows, with intervals at `level` (that of the options unless given)."""
        rows = Rows(
            targets=self.design.targets,
            counts=count_rows(self.sides[0], self.joint),
            members=row_members(self.strata),
            num_runs=":".join(str(len(side.totals)) for side in self.sides),
            setting=Setting(
                level=level or self.options.level,
                clustered=self.design.clustered,
                single_runs=all(len(side.totals) == 1 for side in self.sides),
                intervals=self.options.num_folds > 1,
            ),
        )
        for name in self.metrics:
            self._add(rows, name)
        return rows.table()

    @cached_property
    def _flips(self) -> dict[str, Measure]:
        if self.joint is None:
            return {}
        return {m.name: m for m in flips.flips(self.joint, strata_rows(self.strata))}

    @cached_property
    def _paired(self) -> dict[str, NDArray[np.float64]]:
        return {} if self.joint is None else flips.paired_tables(self.joint)

    def _measures(self, name: str) -> list[Measure]:
        """The metric of each side, the audited one with its paired counts; none if not one."""
        found = [measure for side in self.sides if (measure := side.measure(name)) is not None]
        return [replace(m, paired=self._paired.get(name)) for m in found[:1]] + found[1:]

    def _add(self, rows: Rows, name: str) -> None:
        if name in self._flips:
            self._add_all(rows, [self._flips[name]])
        elif measures := self._measures(name):
            self._add_all(rows, measures)
        elif len(self.sides) == 2 and len(self.strata.partitions) > 1 and name in CHANGES:
            self._add_change(rows, name)

    def _add_all(self, rows: Rows, measures: Sequence[Measure]) -> None:
        """One metric: over strata or groups, then contrasts, then spreads."""
        shown = [i for i, row in enumerate(measures[0].rows) if not row.contrast.startswith(NOT)]
        rows.add(*(measure.take(shown) for measure in measures))
        if measures[0].name in CONTRASTED and len(self.strata.partitions) > 1:
            rows.add(*(contrasts(measure, self.strata) for measure in measures))
            rows.add(*(spreads(measure, self.strata) for measure in measures))

    def _add_change(self, rows: Rows, name: str) -> None:
        """A metric that is the change of something: did_*, excess_ba, ceag."""
        if name.startswith("did_"):
            parts = self._measures(name.removeprefix("did_"))
            rows.add_change(name, *(contrasts(part, self.strata) for part in parts))
        else:
            parts = [side.parts[name] for side in self.sides]
            rows.add_change(name, *parts)
            if name == "ceag":
                rows.add(largest_change(*parts))
