"""The findings of an audit: numbers that got worse or better and hold after correction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np

from pbias.auditing.findings.labels import group_values, other_side
from pbias.auditing.findings.selection import (
    AtLevel,
    Widened,
    holding,
    key_of,
    selection_level,
    told_columns,
)
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
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """A number that changed, or differs between groups, and holds after correction.

    `group` and `group_value` "": everyone; `attribute` "": all classes together. `reference` is the
    value before, or the value of the group value `against` which this one is compared. `low` to
    `high` is the interval of the change, adjusted for selection.
    """

    metric: str
    attribute: str
    group: str
    group_value: str
    n: float
    reference: float
    audited: float
    change: float
    low: float
    high: float
    p_adjusted: float
    worse: bool
    few: bool
    against: str = ""

    @property
    def spoken(self) -> str:
        """The name of the metric in a sentence."""
        metric = METRICS[self.metric]
        return metric.spoken or metric.title

    @property
    def nearer_end(self) -> float:
        """The minimum size of the change."""
        return max(self.low, -self.high)


@dataclass(frozen=True)
class Findings:
    """The findings of an audit, the worst first and better ones last, and what it could miss.

    `paired`: changes from a reference; otherwise gaps between the groups of one model. `looked_at`
    is the number of changes (gaps) with a p-value, `selected_level` the level of each interval.
    `missed` is the median of the smallest true changes that would have been found four times out of
    five, and `missed_most` the largest of them. `attributes` are those with any examined number.
    `beside` is the worst finding's number for the other values of its group, with intervals at
    `level`. `changed`: how many predictions changed, of how many; of attributes, not of classes.
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
    looked_at = _changes(records, metrics) if paired else _gaps(records, metrics)
    rows = [row for row, _ in looked_at]
    p, adjusted = (np.array([r[k] for r in rows], float) for k in ("p", "p_adjusted"))
    held = holding(p, adjusted, 1.0 - level)
    num = int((~np.isnan(p)).sum())
    selected = selection_level(level, max(int(held.sum()), 1), num)
    widened = Widened(level, at_level)
    found = [
        _with_ends(finding, row, widened, selected)
        for (row, finding), holds in zip(looked_at, held, strict=True)
        if holds
    ]
    never = never_predicted(records, p, 1.0 - level, paired=paired)
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
        too_few=small_groups(records, metrics),
        never=never,
        undefined=undefined(records, metrics),
        metrics=metrics,
        attributes=tuple(dict.fromkeys(r["attribute"] for r in rows if r["attribute"])),
        beside=_beside(found, looked_at, widened) if paired else (),
        changed=num_changed(records, metrics) if paired else None,
    )


def spoken_metrics(records: Sequence[Record]) -> tuple[str, ...]:
    """Return the metrics of a table that verdicts mention.

    For classes, one of which is always predicted, the accuracy of each one says little.
    """
    known = dict.fromkeys(record["metric"] for record in records)
    metrics = [METRICS[name] for name in known]
    chosen = [m for m in metrics if m.spoken] or [
        m for m in metrics if m.good is not Good.NEITHER and not (m.is_change or m.fact)
    ]
    of_classes = any(m.pooled for m in chosen)
    return tuple(m.name for m in chosen if not (of_classes and m.binary_only))


def _is_told(record: Record) -> bool:
    """Return whether a row is about one attribute that is not its own group, or all classes."""
    if METRICS[record["metric"]].pooled:
        return not record["attribute"]
    return record["attribute"] not in ("", record["group"])


def _changes(records: Sequence[Record], metrics: Sequence[str]) -> list[tuple[Record, Finding]]:
    """Return the changes for everyone and each group value."""
    values = group_values(records)
    found = []
    for row in records:
        mine = row["metric"] in metrics and _is_told(row)
        if not mine or (row["group"] and row["contrast"] not in values.get(row["group"], ())):
            continue
        value, *_ = (row[name] for name in told_columns(row))
        if value != value:
            continue
        found.append((row, _finding(row, row["contrast"], row["reference"], row["value"], value)))
    return found


def _gaps(records: Sequence[Record], metrics: Sequence[str]) -> list[tuple[Record, Finding]]:
    """Return the gaps of one model between group values, each seen from the worse-off value.

    A group of two values has one gap; with more values, each is compared with the rest.
    """
    values = group_values(records)
    by_key = {key_of(record): record for record in records}
    found = []
    for row in records:
        mine = row["metric"] in metrics and _is_told(row) and row["value"] == row["value"]
        sides = other_side(row["contrast"], values.get(row["group"], ())) if mine else None
        if sides is None:
            continue
        value, against, mirrored = sides
        gap = row["value"]
        good = METRICS[row["metric"]].good
        if mirrored and (gap > 0) == (good is Good.HIGHER):
            value, against, gap = against, value, -gap
        own = by_key[row["metric"], row["attribute"], row["group"], value]
        other = own["value"] - gap
        finding = _finding(own, value, other, own["value"], gap)
        found.append((row, replace(finding, against=against, p_adjusted=row["p_adjusted"])))
    return found


def _finding(row: Record, value: str, before: float, after: float, change: float) -> Finding:
    higher = METRICS[row["metric"]].good is not Good.LOWER
    return Finding(
        metric=row["metric"],
        attribute=row["attribute"],
        group=row["group"],
        group_value=value,
        n=row["n"],
        reference=before,
        audited=after,
        change=change,
        low=float("nan"),
        high=float("nan"),
        p_adjusted=row["p_adjusted"],
        worse=(change < 0) == higher,
        few="low_power" in (row["status"], row["change_status"]),
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
    found: Sequence[Finding], looked_at: Sequence[tuple[Record, Finding]], widened: Widened
) -> tuple[Finding, ...]:
    """Return the worst finding's number for the other values of its group, worst first."""
    if not found or not (found[0].worse and found[0].group):
        return ()
    worst = found[0]
    others = [
        _with_ends(other, row, widened, widened.level)
        for row, other in looked_at
        if (other.metric, other.attribute, other.group)
        == (worst.metric, worst.attribute, worst.group)
        and other.group_value != worst.group_value
    ]
    return tuple(sorted(others, key=lambda f: (not f.worse, -abs(f.change))))


def _with_ends(finding: Finding, row: Record, widened: Widened, level: float) -> Finding:
    ends = widened.ends(row, level)
    turned = finding.against and (row["value"] < 0) != (finding.change < 0)
    low, high = (-ends.high, -ends.low) if turned else ends
    return replace(finding, low=low, high=high)
