"""The table of an audit, block by block: every estimate becomes rows, means over targets first.

Shape suffixes as in measures.py; a block has S rows x (1 + A) targets, the mean in front.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.audit.amplification import ITSELF
from pbias.audit.estimates import Estimate, change, estimate, mean_over_targets
from pbias.audit.measures import Measure, Row
from pbias.audit.registry import METRICS
from pbias.files.table import COLUMNS, Table

TEXT = ("metric", "attribute", "group", "contrast", "status", "reason", "change_status")


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
    blocks: list[dict[str, NDArray[Any]]] = field(default_factory=list)

    def add(self, audited: Measure, reference: Measure | None = None) -> None:
        """A metric of the audited model and, with a reference, how it changed."""
        if not audited.rows:
            return
        defined = audited.reason == ""
        if reference is not None:
            defined &= reference.reason == ""
        block = self._block(audited, self._with_mean(audited, defined), defined)
        if reference is not None:
            before = self._with_mean(reference, defined)
            after = self._with_mean(audited, defined)
            block |= _changed(before, change(after, before))
        self.blocks.append(block)

    def add_change(self, name: str, audited: Measure, reference: Measure) -> None:
        """A metric that is itself a change: audited minus reference, as the value."""
        if not audited.rows:
            return
        defined = (audited.reason == "") & (reference.reason == "")
        after, before = (self._with_mean(m, defined) for m in (audited, reference))
        self.blocks.append(self._block(replace(audited, name=name), change(after, before), defined))

    def table(self) -> Table:
        """All rows, in the order they were added; an attribute as a group of itself has none."""
        shown = np.concatenate([block["reason"] for block in self.blocks]) != ITSELF
        size = [block["value"].size for block in self.blocks]
        columns = {}
        for name in COLUMNS:
            blank: Any = "" if name in TEXT else np.nan
            parts = [
                block.get(name, np.full(n, blank, object if name in TEXT else float))
                for block, n in zip(self.blocks, size, strict=True)
            ]
            columns[name] = np.concatenate(parts)[shown].tolist()
        return Table(columns)

    def _with_mean(self, measure: Measure, defined: NDArray[np.bool_]) -> Estimate:
        mean, each = estimate(mean_over_targets(measure, defined)), estimate(measure)
        join = [
            np.concatenate([getattr(mean, name), getattr(each, name)], axis=-1)
            for name in ("value", "left_out", "spread", "spread_df", "reason", "few")
        ]
        return Estimate(measure.name, measure.rows, *join)

    def _block(
        self, measure: Measure, found: Estimate, defined: NDArray[np.bool_]
    ) -> dict[str, NDArray[Any]]:
        num_rows, num_columns = found.value.shape
        n = "n" if METRICS[measure.name].labels else "n_rows"
        sources = {
            "n": n,
            "n_positive": "n_positive",
            "n_predicted_positive": "n_predicted_positive",
            "n_discordant": "n_discordant",
        }
        counts = {
            name: np.array([getattr(self.counts, of)[self.members[r]].sum(0) for r in found.rows])
            for name, of in sources.items()
        }
        blank = np.full((num_rows, 1), np.nan)
        notes = found.reason.copy()
        notes[:, 0] = np.where(
            notes[:, 0] == "", self._left_out(defined, found.reason[:, 1:]), notes[:, 0]
        )
        return {
            "metric": np.full(found.value.size, measure.name, object),
            "attribute": np.tile(np.array(["", *self.targets], object), num_rows),
            "group": np.repeat(np.array([r.group for r in found.rows], object), num_columns),
            "contrast": np.repeat(np.array([r.contrast for r in found.rows], object), num_columns),
            "value": found.value.ravel(),
            "status": _status(found).ravel(),
            "reason": notes.ravel(),
            **{k: np.concatenate([blank, v], axis=1).ravel() for k, v in counts.items()},
            "runs": np.full(found.value.size, self.num_runs, object),
        }

    def _left_out(
        self, defined: NDArray[np.bool_], reason: NDArray[np.object_]
    ) -> NDArray[np.object_]:
        """What a mean over targets says of the targets that it leaves out, [S]."""
        notes = []
        for kept, why in zip(defined, reason, strict=True):
            asked = [t for t, w in zip(self.targets, why, strict=True) if w != ITSELF]
            names = [t for t in asked if not kept[self.targets.index(t)]]
            note = f"over {len(asked) - len(names)} of {len(asked)}, without {', '.join(names)}"
            notes.append(note if names else "")
        return np.array(notes, object)


def _status(found: Estimate) -> NDArray[np.object_]:
    low = np.where(found.few, "low_power", "ok").astype(object)
    return np.where(np.isnan(found.value), "undefined", low)


def _changed(before: Estimate, changed: Estimate) -> dict[str, NDArray[Any]]:
    return {
        "reference": before.value.ravel(),
        "change": changed.value.ravel(),
        "change_status": _status(changed).ravel(),
    }
