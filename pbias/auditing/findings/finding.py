"""The findings of an audit: numbers that got worse or better and hold after correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.findings.candidates import (
    Candidates,
    Finding,
    Record,
    changes,
    gaps,
    spoken_metrics,
    with_ends,
)
from pbias.auditing.findings.labels import group_values
from pbias.auditing.findings.selection import AtLevel, Widened, holding, selection_level
from pbias.auditing.findings.unknowns import (
    NeverPredicted,
    SmallGroup,
    Undefined,
    never_predicted,
    num_changed,
    small_groups,
    undefined,
)
from pbias.auditing.metrics.entry import Good
from pbias.auditing.metrics.registry import METRICS
from pbias.auditing.table_rows import SAME_MODEL
from pbias.files.table import Table

MAX_NAMED = 3
MAX_PROBABILITIES = 2


@dataclass(frozen=True)
class Findings:
    """The findings of an audit, the worst first and better ones last, and what it could miss.

    `paired`: changes from a reference; otherwise gaps between the groups of one model. `looked_at`
    is the number of changes (gaps) with a p-value, `selected_level` the level of each interval.
    `missed` is the median of the smallest true changes that would have been found four times out of
    five, and `missed_most` the largest of them. `attributes` are those with any examined number.
    `beside` is the worst finding's number for the other values of its group, with intervals at
    `level`. `changed`: how many predictions changed, of how many; of attributes, not of classes.
    `suspect` is the largest number that got worse by its interval at `level` but does not hold.
    `probabilities` are numbers from probabilities that got worse, corrected over those `of_scores`.
    `all_too_few`: no value of any group has enough samples. `effective_clusters` of equal size say
    as much as the samples, which are from `num_clusters`; None: many.
    """

    paired: bool
    same_model: bool
    has_intervals: bool
    level: float
    selected_level: float
    looked_at: int
    found: tuple[Finding, ...]
    missed: float
    missed_most: float
    too_few: tuple[SmallGroup, ...]
    never: NeverPredicted
    undefined: tuple[Undefined, ...]
    metrics: tuple[str, ...]
    attributes: tuple[str, ...] = ()
    beside: tuple[Finding, ...] = ()
    changed: tuple[float, float] | None = None
    suspect: Finding | None = None
    probabilities: tuple[Finding, ...] = ()
    of_scores: int = 0
    all_too_few: bool = False
    num_clusters: int | None = None
    effective_clusters: float | None = None

    @property
    def worse(self) -> tuple[Finding, ...]:
        """The findings that got worse, or are worse for a group than for others."""
        return tuple(finding for finding in self.found if finding.worse)

    @property
    def better(self) -> tuple[Finding, ...]:
        """The findings that got better."""
        return tuple(finding for finding in self.found if not finding.worse)

    def named(self) -> tuple[Finding, ...]:
        """Return the worst findings to name, at most three: different attributes, then groups."""
        chosen: list[Finding] = []
        for keys in (("attribute",), ("attribute", "group", "group_value")):
            for finding in self.worse:
                seen = {tuple(getattr(c, k) for k in keys) for c in chosen}
                new = tuple(getattr(finding, k) for k in keys) not in seen
                if new and len(chosen) < MAX_NAMED:
                    chosen.append(finding)
        return tuple(finding for finding in self.worse if finding in chosen)


def find(table: Table, level: float = 0.95, at_level: AtLevel | None = None) -> Findings:
    """Derive the findings from an audit's table, whose intervals are at `level`.

    `at_level` computes the rows of a metric at another level; without it, intervals are widened
    with the normal distribution. Candidates are the metrics of verdicts, for everyone and each
    group value. If the table has none of them, all metrics with a good direction are candidates.
    """
    records = table.records()
    paired = any(":" in record["runs"] for record in records)
    metrics = spoken_metrics(records)
    looked_at = changes(records, metrics) if paired else gaps(records, metrics)
    rows = [row for row, _ in looked_at]
    p, adjusted = (np.array([r[k] for r in rows], float) for k in ("p", "p_adjusted"))
    held = holding(p, adjusted, 1.0 - level)
    num = int((~np.isnan(p)).sum())
    selected = selection_level(level, max(int(held.sum()), 1), num)
    widened = Widened(level, at_level)
    found = [
        with_ends(finding, row, widened, selected)
        for (row, finding), holds in zip(looked_at, held, strict=True)
        if holds
    ]
    never = never_predicted(records, p, 1.0 - level, paired=paired)
    too_few = small_groups(records, metrics)
    of_scores, probabilities = _probabilities(records if paired else [], metrics, widened)
    values = {(group, value) for group, known in group_values(records).items() for value in known}
    found.sort(key=lambda f: (not f.worse, -f.nearer_end))
    sizes = [row["detectable"] for row in rows if row["detectable"] == row["detectable"]]
    return Findings(
        paired=paired,
        same_model=any(record["change_status"] == SAME_MODEL for record in records),
        has_intervals=any(record["low"] == record["low"] for record in records),
        level=level,
        selected_level=selected,
        looked_at=num,
        found=_lost_once(found, never.names if paired else ()),
        missed=median(sizes) if sizes else float("nan"),
        missed_most=max(sizes, default=float("nan")),
        too_few=too_few,
        never=never,
        undefined=undefined(records, metrics),
        metrics=metrics,
        attributes=tuple(dict.fromkeys(r["attribute"] for r in rows if r["attribute"])),
        beside=_beside(found, looked_at, widened) if paired else (),
        changed=num_changed(records, metrics) if paired else None,
        suspect=_suspect(looked_at, held, never.names, widened),
        probabilities=probabilities,
        of_scores=of_scores,
        all_too_few={(small.group, small.value) for small in too_few} == values,
    )


def _lost_once(found: Sequence[Finding], lost: Sequence[str]) -> tuple[Finding, ...]:
    """Return all findings, but only the worst for each attribute that is no longer predicted.

    The others add nothing: without positive predictions there are no false alarms.
    """
    told: dict[str, Finding] = {}
    for finding in found:
        if finding.attribute in lost and finding.worse:
            told.setdefault(finding.attribute, finding)
    return tuple(f for f in found if f.attribute not in lost or f is told.get(f.attribute))


def _beside(
    found: Sequence[Finding], looked_at: Candidates, widened: Widened
) -> tuple[Finding, ...]:
    """Return the worst finding's number for the other values of its group, worst first."""
    if not found or not (found[0].worse and found[0].group):
        return ()
    worst = found[0]
    others = [
        with_ends(other, row, widened, widened.level)
        for row, other in looked_at
        if (other.metric, other.attribute, other.group)
        == (worst.metric, worst.attribute, worst.group)
        and other.group_value != worst.group_value
    ]
    return tuple(sorted(others, key=lambda f: (not f.worse, -abs(f.change))))


def _suspect(
    looked_at: Candidates, held: NDArray[Any], lost: Sequence[str], widened: Widened
) -> Finding | None:
    """Return the number that is worst by its own interval among those that do not hold.

    Lost attributes are told anyway. None if the intervals of all others contain 0.
    """
    found = [
        with_ends(finding, row, widened, widened.level)
        for (row, finding), holds in zip(looked_at, held, strict=True)
        if finding.worse and not holds and row["p"] == row["p"] and finding.attribute not in lost
    ]
    return max((f for f in found if f.nearer_end > 0), key=lambda f: f.nearer_end, default=None)


def _probabilities(
    records: Sequence[Record], metrics: Sequence[str], widened: Widened
) -> tuple[int, tuple[Finding, ...]]:
    """Return how many changes of probabilities were looked at, and the worst that hold.

    At most `MAX_PROBABILITIES` of different metrics. What is among the `metrics` of the verdict is
    looked at there.
    """
    names = [
        m.name for m in METRICS.values()
        if m.of_scores and m.good is not Good.NEITHER and not m.is_change and m.name not in metrics
    ]  # fmt: skip
    looked_at = changes(records, names)
    p, adjusted = (np.array([row[k] for row, _ in looked_at], float) for k in ("p", "p_adjusted"))
    held = holding(p, adjusted, 1.0 - widened.level)
    own = [
        (with_ends(finding, row, widened, widened.level), row)
        for (row, finding), holds in zip(looked_at, held, strict=True)
        if holds and finding.worse
    ]
    worst: dict[str, tuple[Finding, Record]] = {}
    for finding, row in sorted(own, key=lambda one: -one[0].nearer_end):
        worst.setdefault(finding.metric, (finding, row))
    num = int((~np.isnan(p)).sum())
    selected = selection_level(widened.level, max(int(held.sum()), 1), num)
    named = list(worst.values())[:MAX_PROBABILITIES]
    return num, tuple(with_ends(finding, row, widened, selected) for finding, row in named)
