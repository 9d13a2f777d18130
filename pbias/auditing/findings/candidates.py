"""The numbers that a verdict looks at: changes by compression, or gaps between groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pbias.auditing.findings.labels import group_values, other_side
from pbias.auditing.findings.selection import Widened, key_of, told_columns
from pbias.auditing.metrics.entry import Good
from pbias.auditing.metrics.registry import METRICS

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


Candidates = Sequence[tuple[Record, Finding]]


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


def changes(records: Sequence[Record], metrics: Sequence[str]) -> list[tuple[Record, Finding]]:
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


def gaps(records: Sequence[Record], metrics: Sequence[str]) -> list[tuple[Record, Finding]]:
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


def with_ends(finding: Finding, row: Record, widened: Widened, level: float) -> Finding:
    """Return the finding with the interval of its row at a level."""
    ends = widened.ends(row, level)
    turned = finding.against and (row["value"] < 0) != (finding.change < 0)
    low, high = (-ends.high, -ends.low) if turned else ends
    return replace(finding, low=low, high=high)
