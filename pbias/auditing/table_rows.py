"""The table of an audit, block by block: every measure becomes rows, means over targets first.

Shape suffixes as in measures.py; a block has S rows x (1 + A) targets, the mean in front.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.auditing import notes
from pbias.auditing.inference.exact import benjamini_hochberg
from pbias.auditing.inference.means import ends_alike, widen
from pbias.auditing.inference.numbers import Numbers, Setting, of_change, of_value
from pbias.auditing.metrics.amplification import ITSELF
from pbias.auditing.metrics.measures import Measure, Row, has_few_trials, mean_over_targets
from pbias.auditing.metrics.registry import METRICS
from pbias.errors import UserError, argument
from pbias.files.table import COLUMNS, Table

TEXT = frozenset({
    "metric", "attribute", "group", "contrast", "status", "reason", "change_status", "runs",
})  # fmt: skip
Block = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Counts:
    """Samples behind a number, by stratum and target, [S, A] each; predictions are run means.

    `n` are those with a known label, `n_rows` all.
    """

    n_rows: NDArray[np.int64]
    n: NDArray[np.float64]
    n_positive: NDArray[np.float64]
    n_predicted_positive: NDArray[np.float64]
    n_discordant: NDArray[np.float64]


@dataclass
class Rows:
    """Collects blocks of columns; `members` says which strata a row is made of."""

    targets: Sequence[str]
    counts: Counts
    members: Mapping[Row, list[int]]
    num_runs: str
    setting: Setting
    blocks: list[Block] = field(default_factory=list)

    def add(self, audited: Measure, reference: Measure | None = None) -> None:
        """A metric of the audited model and, with a reference, how it changed."""
        if not audited.rows:
            return
        sides = [audited] if reference is None else [audited, reference]
        defined = _all_defined(sides)
        mean = mean_over_targets(audited, defined)
        each = of_value(audited, self.setting)
        found = self._with_mean(of_value(mean, self.setting), each, [audited], defined)
        if reference is None:
            self.blocks.append(self._block(audited, found, defined))
            return
        other = mean_over_targets(reference, defined)
        before = np.concatenate([other.value, reference.value], axis=3)[:, 0].mean(axis=0)
        changed = self._changes((mean, other), (audited, reference), defined)
        block = self._block(audited, found, defined, changed)
        self.blocks.append(block | _change_columns(before, changed))

    def add_change(self, name: str, audited: Measure, reference: Measure) -> None:
        """A metric that is itself a change: audited minus reference, as the value."""
        if not audited.rows:
            return
        defined = _all_defined([audited, reference])
        means = (mean_over_targets(audited, defined), mean_over_targets(reference, defined))
        found = self._changes(means, (audited, reference), defined)
        self.blocks.append(self._block(replace(audited, name=name), found, defined))

    def _changes(
        self,
        means: tuple[Measure, Measure],
        sides: tuple[Measure, Measure],
        defined: NDArray[np.bool_],
    ) -> Numbers:
        num_discordant = self._sum(self.counts.n_discordant, sides[0])
        each = of_change(*sides, self.setting, num_discordant)
        of_all = np.where(defined, num_discordant, 0.0).sum(axis=1, keepdims=True)
        return self._with_mean(of_change(*means, self.setting, of_all), each, sides, defined)

    def _with_mean(
        self,
        mean: Numbers,
        each: Numbers,
        sides: Sequence[Measure],
        defined: NDArray[np.bool_],
    ) -> Numbers:
        """The numbers of the mean over targets, then those of each: [S, 1+A]."""
        if self.setting.intervals:
            few = np.any([has_few_trials(side) for side in sides], axis=0)
            thin = defined & (few | np.isnan(each.se))
            mean = widen(mean, each, thin, defined.sum(axis=1, keepdims=True), self.setting.level)
            mean = ends_alike(mean, each, defined, self.setting.level)
        return _joined(mean, each)

    def table(self) -> Table:
        """All rows, in the order they were added; an attribute as a group of itself has none.

        Raises UserError where there are none at all.
        """
        if not self.blocks:
            raise UserError(
                "the metrics asked for have no rows here; "
                f"those of a change need {argument('reference')}, "
                f"those of a difference {argument('groups')}"
            )
        shown = np.concatenate([block["reason"] for block in self.blocks]) != ITSELF
        columns = {}
        for name in COLUMNS:
            blank: Any = "" if name in TEXT else np.nan
            parts = [
                block.get(name, np.full(block["value"].size, blank, type(blank)))
                for block in self.blocks
            ]
            cells = np.concatenate(parts)[shown]
            columns[name] = (_whole(cells) if name.startswith("n") else cells).tolist()
        return Table(columns)

    def _block(
        self,
        measure: Measure,
        found: Numbers,
        defined: NDArray[np.bool_],
        changed: Numbers | None = None,
    ) -> Block:
        num_rows, num_columns = found.value.shape
        return {
            "metric": np.full(found.value.size, measure.name, object),
            "attribute": np.tile(np.array(["", *self.targets], object), num_rows),
            "group": np.repeat(np.array([r.group for r in measure.rows], object), num_columns),
            "contrast": np.repeat(
                np.array([r.contrast for r in measure.rows], object), num_columns
            ),
            "value": found.value.ravel(),
            "low": found.low.ravel(),
            "high": found.high.ravel(),
            "status": _status(found).ravel(),
            "reason": self._reasons(measure, found, defined, changed).ravel(),
            **_p_columns(found),
            **self._count_columns(measure),
            "runs": np.full(found.value.size, self.num_runs, object),
        }

    def _reasons(
        self,
        measure: Measure,
        found: Numbers,
        defined: NDArray[np.bool_],
        changed: Numbers | None,
    ) -> NDArray[np.object_]:
        """Why there is no value; where there is one, what it lacks."""
        reasons = found.reason.copy()
        without = notes.left_out(self.targets, defined, found.reason[:, 1:])
        reasons[:, 0] = np.where(reasons[:, 0] == "", without, reasons[:, 0])
        if not self.setting.intervals:
            return reasons
        return notes.joined(reasons, notes.no_interval(measure, found, changed))

    def _count_columns(self, measure: Measure) -> Block:
        """The counts behind each row; a mean over targets has none of its own."""
        sources = {
            "n": self.counts.n if METRICS[measure.name].labels else self.counts.n_rows,
            "n_positive": self.counts.n_positive,
            "n_predicted_positive": self.counts.n_predicted_positive,
            "n_discordant": self.counts.n_discordant,
        }
        blank = np.full((len(measure.rows), 1), np.nan)
        columns = {}
        for name, source in sources.items():
            columns[name] = np.concatenate([blank, self._sum(source, measure)], axis=1).ravel()
        return columns

    def _sum(self, counts: NDArray[Any], measure: Measure) -> NDArray[Any]:
        """Counts by stratum, summed over the strata that each row is made of."""
        return np.array([counts[self.members[row]].sum(axis=0) for row in measure.rows])


def _whole(counts: NDArray[np.float64]) -> NDArray[np.object_]:
    """Counts are whole, but where they are means over runs."""
    cells = counts.astype(object)
    whole = counts == np.floor(counts)
    cells[whole] = counts[whole].astype(np.int64)
    return cells


def _all_defined(sides: Sequence[Measure]) -> NDArray[np.bool_]:
    """Where no run of no side is undefined, [S, A]."""
    return np.asarray(~np.any([np.isnan(s.value[:, 0]).any(axis=0) for s in sides], axis=0))


def _joined(mean: Numbers, each: Numbers) -> Numbers:
    names = [f.name for f in fields(Numbers)]
    parts = [np.concatenate([getattr(mean, n), getattr(each, n)], axis=-1) for n in names]
    return Numbers(*parts)


def _status(found: Numbers) -> NDArray[np.object_]:
    low = np.where(found.few, "low_power", "ok").astype(object)
    return np.where(np.isnan(found.value), "undefined", low)


def _p_columns(found: Numbers) -> Block:
    """p, adjusted over the targets of a row (the mean is no test of its own), and detectable."""
    adjusted = np.full_like(found.p, np.nan)
    adjusted[:, 1:] = benjamini_hochberg(found.p[:, 1:], axis=1)
    columns = {"p": found.p, "p_adjusted": adjusted, "detectable": found.detectable}
    return {name: column.ravel() for name, column in columns.items()}


def _change_columns(before: NDArray[np.float64], changed: Numbers) -> Block:
    return {
        "reference": before.ravel(),
        "change": changed.value.ravel(),
        "change_low": changed.low.ravel(),
        "change_high": changed.high.ravel(),
        "change_status": _status(changed).ravel(),
        **_p_columns(changed),
    }
