"""The table of an audit, block by block: measures become rows, means over targets first.

Shape suffixes as in counts/sums.py; a block has S rows x (1 + A) targets, the mean in front.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.auditing import notes
from pbias.auditing.counts.sums import Row
from pbias.auditing.counts.trained import ITSELF
from pbias.auditing.inference.estimates import Estimates, Setting
from pbias.auditing.inference.means import common_errors, ends_of_few, lengthen, widen
from pbias.auditing.inference.numbers import Numbers, most_changed, of_change, of_value
from pbias.auditing.metrics.entry import Metric
from pbias.auditing.metrics.measures import Measure, has_few_trials
from pbias.auditing.multiplicity import adjusted, is_primary
from pbias.errors import UserError, argument
from pbias.files.table import COLUMNS, TEXT, Table

SAME_MODEL = "same_model"  # the `change_status` of a model compared with itself
Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class RowCounts:
    """Samples behind a number, by stratum and target, [S, A] each; predictions are run means.

    `n` counts those with a known label, `n_rows` all. `members` lists the strata of each row.
    """

    n_rows: NDArray[np.int64]
    n: NDArray[np.float64]
    n_positive: NDArray[np.float64]
    n_predicted_positive: NDArray[np.float64]
    n_discordant: NDArray[np.float64]
    members: Mapping[Row, list[int]]
    pooled: RowCounts | None = None  # for metrics with one number over all targets, [S, 1]

    def over(self, counts: NDArray[Any], rows: Sequence[Row]) -> NDArray[Any]:
        """Sum counts by stratum over the strata of each row."""
        return np.array([counts[self.members[row]].sum(axis=0) for row in rows])


@dataclass(frozen=True)
class Block:
    """Some rows of one metric: its measure, and the reference's if there is one.

    `is_change` means that the value itself is the difference of the two. The means over targets
    cover those that are `defined` [S, A] in every run of both sides.
    """

    metric: Metric
    audited: Measure
    reference: Measure | None
    is_change: bool
    defined: NDArray[np.bool_]
    mean: Measure
    reference_mean: Measure | None

    @classmethod
    def of(
        cls,
        metric: Metric,
        audited: Measure,
        reference: Measure | None = None,
        *,
        estimates: Estimates,
        is_change: bool = False,
    ) -> Block:
        """Make a block with means over the targets that are defined on all sides."""
        sides = [audited] if reference is None else [audited, reference]
        defined = np.asarray(~np.any([np.isnan(s.value[:, 0]).any(axis=0) for s in sides], axis=0))
        if metric.pooled:  # it is already what a mean would be
            other = sides[1] if reference is not None else None
            return cls(metric, audited, reference, is_change, defined, audited, other)
        means = [estimates.mean(side, defined) for side in sides]
        other = means[1] if reference is not None else None
        return cls(metric, audited, reference, is_change, defined, means[0], other)


def make_table(
    blocks: Iterable[Block],
    targets: Sequence[str],
    counts: RowCounts,
    num_runs: str,
    setting: Setting,
    *,
    same_model: bool = False,
) -> Table:
    """Return all rows of all blocks, in order; an attribute has no rows for itself as a group.

    With `same_model`, the reference is the audited model, so changes are 0 and not estimates. Each
    block is used once, then released. Raises UserError if there are no rows.
    """
    writer = _Writer(targets, counts, num_runs, setting, same_model)
    metrics: dict[str, Metric] = {}
    found: list[Columns] = []
    for block in blocks:
        metrics[block.metric.name] = block.metric
        found.append(writer.columns(block))
        del block
    if not found:
        raise UserError(
            "the metrics asked for have no rows here; "
            f"those of a change need {argument('reference')}, "
            f"those of a difference {argument('groups')}"
        )
    shown = np.concatenate([columns["reason"] for columns in found]) != ITSELF
    table = {}
    for name in COLUMNS:
        blank: Any = "" if name in TEXT else np.nan
        parts = [
            columns.get(name, np.full(columns["value"].size, blank, type(blank)))
            for columns in found
        ]
        cells = np.concatenate(parts)[shown]
        table[name] = (_whole(cells) if name.startswith("n") else cells).tolist()
    table["p_adjusted"] = _adjusted(table, metrics).tolist()
    return Table(table)


def _adjusted(table: Mapping[str, list[Any]], metrics: Mapping[str, Metric]) -> NDArray[np.float64]:
    """Adjust p over the table; a mean over attributes is not a separate test."""
    keys = list(zip(table["metric"], table["group"], table["contrast"], strict=True))
    primary = {key: is_primary(metrics[key[0]], key[1]) for key in dict.fromkeys(keys)}
    of_mean = [
        not attribute and not metrics[key[0]].pooled
        for key, attribute in zip(keys, table["attribute"], strict=True)
    ]
    p = np.where(of_mean, np.nan, np.array(table["p"], np.float64))
    return adjusted(p, np.array([primary[key] for key in keys], bool), keys)


@dataclass(frozen=True)
class _Writer:
    """Turns blocks into columns of the table."""

    targets: Sequence[str]
    counts: RowCounts
    num_runs: str
    setting: Setting
    same_model: bool

    def columns(self, block: Block) -> Columns:
        """Return the columns of one block, row by row."""
        if block.reference is None:
            return self._as_change(block, self._values(block))
        changed = self._changes(block)
        if self.same_model:
            # Exactly 0: the same runs in another order would leave rounding errors.
            changed = replace(_no_estimate(changed), value=0.0 * changed.value)
        if block.is_change:
            return self._as_change(block, changed)
        assert block.reference_mean is not None
        value = block.reference.value
        if not block.metric.pooled:
            value = np.concatenate([block.reference_mean.value, value], axis=3)
        before = value[:, 0].mean(axis=0)
        columns = self._columns(block, self._values(block), changed)
        return columns | _change_columns(before, changed, same_model=self.same_model)

    def _as_change(self, block: Block, found: Numbers) -> Columns:
        """Return the columns if the value may itself be the change."""
        if not (self.same_model and block.metric.is_change):
            return self._columns(block, found)
        found = _no_estimate(found)
        status = _change_status(found, same_model=True)
        return self._columns(block, found) | {"change_status": status}

    def _values(self, block: Block) -> Numbers:
        if block.metric.pooled:
            return of_value(block.audited, self.setting)
        each, mean = of_value(block.audited, self.setting), of_value(block.mean, self.setting)
        found = self._with_mean(block, mean, each, [block.audited], [block.mean])
        if block.audited.sides is not None:
            return found
        return replace(found, high=np.minimum(found.high, block.metric.limit))

    def _changes(self, block: Block) -> Numbers:
        assert block.reference is not None and block.reference_mean is not None
        counts = self._counts(block)
        num_discordant = counts.over(counts.n_discordant, block.audited.rows)
        sides = (block.audited, block.reference)
        each = of_change(*sides, self.setting, num_discordant)
        if block.metric.pooled:
            return each
        of_all = np.where(block.defined, num_discordant, 0.0).sum(axis=1, keepdims=True)
        mean = of_change(block.mean, block.reference_mean, self.setting, of_all)
        means = [block.mean, block.reference_mean]
        found, limit = self._with_mean(block, mean, each, sides, means), most_changed(block.audited)
        ends = {"low": np.maximum(found.low, -limit), "high": np.minimum(found.high, limit)}
        return replace(found, **ends)

    def _with_mean(
        self,
        block: Block,
        mean: Numbers,
        each: Numbers,
        sides: Sequence[Measure],
        means: Sequence[Measure],
    ) -> Numbers:
        """Return the numbers of the mean over targets, then of each target: [S, 1+A]."""
        if self.setting.intervals:
            defined, level = block.defined, self.setting.level
            few = np.any([has_few_trials(side) for side in sides], axis=0)
            thin = defined & (few | np.isnan(each.se))
            mean = widen(mean, each, thin, defined.sum(axis=1, keepdims=True), level)
            if self.setting.clustered:
                mean = lengthen(mean, [side.value for side in means], level)
            alike: NDArray[np.float64] | float = 1.0
            if len(sides) > 1 and mean.few.any():
                alike = common_errors(self.setting.estimates, sides, means, defined)
            mean = ends_of_few(mean, each, defined, level, alike)
        names = [f.name for f in fields(Numbers)]
        parts = [np.concatenate([getattr(mean, n), getattr(each, n)], axis=-1) for n in names]
        return Numbers(*parts)

    def _columns(self, block: Block, found: Numbers, changed: Numbers | None = None) -> Columns:
        num_rows, num_columns = found.value.shape
        rows = block.audited.rows
        groups = np.array([row.group for row in rows], object)
        labels = np.array([row.contrast for row in rows], object)
        names = np.array(["", *self.targets][:num_columns], object)
        return {
            "metric": np.full(found.value.size, block.metric.name, object),
            "attribute": np.tile(names, num_rows),
            "group": np.repeat(groups, num_columns),
            "contrast": np.repeat(labels, num_columns),
            "value": found.value.ravel(),
            "low": found.low.ravel(),
            "high": found.high.ravel(),
            "status": _status(found).ravel(),
            "reason": self._reasons(block, found, changed).ravel(),
            **_p_columns(found),
            **self._count_columns(block),
            "runs": np.full(found.value.size, self.num_runs, object),
        }

    def _reasons(
        self, block: Block, found: Numbers, changed: Numbers | None
    ) -> NDArray[np.object_]:
        """Return why there is no value; or, if there is one, what it lacks."""
        reasons = found.reason.copy()
        if block.metric.pooled:
            return self._with_notes(block, reasons, found, changed)
        of_targets = found.reason[:, 1:]
        lost = np.zeros_like(block.defined)
        if block.reference is not None or block.metric.is_change:
            lost = notes.lost(of_targets, block.reference if not block.is_change else None)
        without = notes.left_out(self.targets, block.defined, of_targets, lost)
        reasons[:, 0] = np.where(reasons[:, 0] == "", without, reasons[:, 0])
        return self._with_notes(block, reasons, found, changed)

    def _with_notes(
        self, block: Block, reasons: notes.Texts, found: Numbers, changed: Numbers | None
    ) -> NDArray[np.object_]:
        if not self.setting.intervals or (self.same_model and block.metric.is_change):
            return reasons
        if self.same_model:
            changed = None
        reasons = notes.joined(reasons, notes.no_interval(block.audited, found, changed))
        if (clusters := self.setting.estimates.clusters) is None:
            return reasons
        behind = clusters(block.audited.rows)
        return notes.joined(
            reasons, notes.few_clusters(behind, found if changed is None else changed)
        )

    def _counts(self, block: Block) -> RowCounts:
        if not block.metric.pooled:
            return self.counts
        assert self.counts.pooled is not None
        return self.counts.pooled

    def _count_columns(self, block: Block) -> Columns:
        """Return the counts behind each row; a mean over targets has none of its own."""
        counts = self._counts(block)
        sources = {
            "n": counts.n if block.metric.labels else counts.n_rows,
            "n_positive": counts.n_positive,
            "n_predicted_positive": counts.n_predicted_positive,
            "n_discordant": counts.n_discordant,
        }
        rows = block.audited.rows
        blank = np.full((len(rows), 0 if block.metric.pooled else 1), np.nan)
        return {
            name: np.concatenate([blank, counts.over(source, rows)], axis=1).ravel()
            for name, source in sources.items()
        }


def _whole(counts: NDArray[np.float64]) -> NDArray[np.object_]:
    """Convert counts to whole numbers, except where they are means over runs."""
    cells = counts.astype(object)
    whole = counts == np.floor(counts)
    cells[whole] = counts[whole].astype(np.int64)
    return cells


def _status(found: Numbers) -> NDArray[np.object_]:
    low = np.where(found.few, "low_power", "ok").astype(object)
    return np.where(np.isnan(found.value), "undefined", low)


def _change_status(changed: Numbers, *, same_model: bool) -> NDArray[np.object_]:
    """Return the status of a change, as `_status` does."""
    status = _status(changed).ravel()
    return np.where(status == "undefined", status, SAME_MODEL) if same_model else status


def _p_columns(found: Numbers) -> Columns:
    return {"p": found.p.ravel(), "detectable": found.detectable.ravel()}


def _no_estimate(found: Numbers) -> Numbers:
    """Return the value alone, which is certain."""
    nothing = np.full_like(found.value, np.nan)
    return replace(found, se=nothing, low=nothing, high=nothing, p=nothing, detectable=nothing)


def _change_columns(before: NDArray[np.float64], changed: Numbers, *, same_model: bool) -> Columns:
    return {
        "reference": before.ravel(),
        "change": changed.value.ravel(),
        "change_low": changed.low.ravel(),
        "change_high": changed.high.ravel(),
        "change_status": _change_status(changed, same_model=same_model),
        **_p_columns(changed),
    }
