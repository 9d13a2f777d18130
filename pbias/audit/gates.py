"""Gates: a bound on a metric that an audit passes, fails, or cannot decide (metrics.md section 6).

`[abs(][change(]METRIC[)][)][@GROUP[=CONTRAST]][/ATTRIBUTE] <= NUMBER`, or `>=`.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pbias.audit.inference import IN_REFERENCE
from pbias.audit.measures import MAX, SPREAD
from pbias.audit.registry import known_metric
from pbias.errors import UserError
from pbias.files.table import Table

GRAMMAR = re.compile(
    r"""\s*(?P<abs>abs\s*\()?\s*(?P<change>change\s*\()?\s*(?P<metric>\w+)\s*(?P<close>[)\s]*)
    (?:@\s*(?P<group>[^\s/<>=][^/<>=]*?)\s*(?:=\s*(?P<contrast>[^\s/<>][^/<>]*?))?)?
    \s*(?:/\s*(?P<attribute>[^\s<>][^<>]*?))?
    \s*(?P<side><=|>=)\s*(?P<bound>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*""",
    re.VERBOSE,
)
MEAN = "mean"
CHANGES = ("did_", "excess_ba", "ceag", "churn", "nfr", "pfr", "lost_positives", "gained_positives")
# Undefined because of what the audited model does, not of the data: outside every bound.
MODEL_REASONS = ("never predicted", "constant predictions")
EXACT = frozenset({"never_predicted"})  # a fact of the sample, not an estimate

Record = Mapping[str, Any]


class Verdict(enum.StrEnum):
    """What a gate says; a fail beats an inconclusive one, which beats a pass."""

    PASS = "pass"
    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"


@dataclass(frozen=True)
class Gate:
    """A parsed gate; `contrast` None: the rows that the metric has for groups as such."""

    text: str
    metric: str
    absolute: bool
    change: bool
    group: str | None
    contrast: str | None
    attribute: str | None
    at_most: bool
    bound: float


@dataclass(frozen=True)
class Outcome:
    """A verdict with its counts of rows and the row that decides most."""

    gate: Gate
    verdict: Verdict
    inside: int
    outside: int
    undecided: int
    not_assessable: int
    worst: str

    def line(self) -> str:
        """All of it on one line."""
        rows = self.inside + self.outside + self.undecided + self.not_assessable
        counts = f"{self.inside} inside, {self.outside} outside, {self.undecided} undecided"
        rest = f", {self.not_assessable} not assessable" if self.not_assessable else ""
        return f"gate '{self.gate.text}': {self.verdict}; of {rows} rows {counts}{rest}{self.worst}"


def parse_gate(text: str) -> Gate:
    """A gate from its text; raises UserError for anything else, and for unknown metrics."""
    match = GRAMMAR.fullmatch(text)
    opened = 0 if match is None else bool(match["abs"]) + bool(match["change"])
    if match is None or match["close"].count(")") != opened:
        raise UserError(
            f"gate '{text}' is not of the form METRIC@GROUP/ATTRIBUTE <= NUMBER; "
            "for example 'abs(did_tpr)@Male <= 0.05'"
        )
    gate = Gate(
        text=text.strip(),
        metric=known_metric(match["metric"]),
        absolute=bool(match["abs"]),
        change=bool(match["change"]),
        group=match["group"],
        contrast=match["contrast"],
        attribute=match["attribute"],
        at_most=match["side"] == "<=",
        bound=float(match["bound"]),
    )
    if gate.change and gate.metric.startswith(CHANGES):
        raise UserError(
            f"gate '{gate.text}': {gate.metric} is a change already; leave out change(...)"
        )
    return gate


def needs_reference(gate: Gate) -> bool:
    """Whether a gate is about a change."""
    return gate.change or gate.metric.startswith(CHANGES)


def covered(gate: Gate, table: Table) -> list[int]:
    """The rows of a table that a gate is about; raises UserError where there are none.

    So it does where none of them has an interval: no bound could ever be held or broken.
    Without a group: those of everyone, or of all groups for a metric that has no others. Without a
    contrast: the group values, or whatever else the metric has. Without an attribute: all, but not
    their mean, which `/mean` names.
    """
    columns = table.columns
    keys = zip(*(columns[k] for k in ("metric", "attribute", "group", "contrast")), strict=True)
    rows = [(i, *key[1:]) for i, key in enumerate(keys) if key[0] == gate.metric]
    wanted = "" if gate.attribute == MEAN else gate.attribute
    rows = [r for r in rows if (r[1] != "" if wanted is None else r[1] == wanted)]
    if gate.group is not None:
        rows = [r for r in rows if r[2] == gate.group]
    elif any(r[2] == "" for r in rows):
        rows = [r for r in rows if r[2] == ""]
    if gate.contrast is not None:
        rows = [r for r in rows if r[3] == gate.contrast]
    elif any(not _is_contrast(r[3]) for r in rows):
        rows = [r for r in rows if not _is_contrast(r[3])]
    if not rows:
        raise UserError(f"gate '{gate.text}' matches no row; check its group and attribute")
    found = [r[0] for r in rows]
    if gate.metric not in EXACT and not any(_has_ends(gate, table, index) for index in found):
        raise UserError(
            f"gate '{gate.text}': noise alone pushes these numbers up, so that they have no "
            "interval; gate their change, the values of the group, or an unbiased metric"
        )
    return found


def _is_contrast(label: str) -> bool:
    return label == MAX or label.endswith(("1-0", "-rest", SPREAD))


def _has_ends(gate: Gate, table: Table, index: int) -> bool:
    """Whether a row has an interval, or could have had one, were it not undefined."""
    value, low, _ = _numbers(gate, _record(table, index))
    return value != value or low == low


def judge(gate: Gate, ordinary: Table, simultaneous: Table, *, strict: bool = False) -> Outcome:
    """The verdict from the same audit at the ordinary level and at that level over all its rows.

    Fail: some row lies outside with its simultaneous interval, or is undefined because of the
    audited model. Pass: every row's ordinary interval is inside. `strict`: rows that the data
    cannot decide keep a gate from passing; where there are no others, they always do.
    """
    counts = dict.fromkeys(("inside", "outside", "undecided", "not_assessable"), 0)
    worst: tuple[float, str] = (float("-inf"), "")
    for index in covered(gate, ordinary):
        record, wide = _record(ordinary, index), _record(simultaneous, index)
        counts[_place(gate, record, wide)] += 1
        worst = max(worst, _distance(gate, record))
    decided = sum(counts.values()) - counts["not_assessable"]
    if counts["outside"]:
        verdict = Verdict.FAIL
    elif counts["undecided"] or not decided or (strict and counts["not_assessable"]):
        verdict = Verdict.INCONCLUSIVE
    else:
        verdict = Verdict.PASS
    return Outcome(gate, verdict, **counts, worst=worst[1])


def _record(table: Table, index: int) -> Record:
    return {name: column[index] for name, column in table.columns.items()}


def _place(gate: Gate, record: Record, wide: Record) -> str:
    value, low, high = _numbers(gate, record)
    if value != value:
        return "outside" if _of_model(record["reason"]) else "not_assessable"
    if gate.metric in EXACT:
        return "inside" if _within(gate, value, value) else "outside"
    _, far_low, far_high = _numbers(gate, wide)
    if far_low > gate.bound if gate.at_most else far_high < gate.bound:
        return "outside"
    return "inside" if _within(gate, low, high) else "undecided"


def _of_model(reason: str) -> bool:
    mine = any(reason.startswith(start) for start in MODEL_REASONS)
    return mine and not reason.endswith(IN_REFERENCE)


def _within(gate: Gate, low: float, high: float) -> bool:
    return high <= gate.bound if gate.at_most else low >= gate.bound


def _numbers(gate: Gate, record: Record) -> tuple[float, float, float]:
    """Value, low and high, of the change and of the absolute value where the gate says so."""
    names = ("change", "change_low", "change_high") if gate.change else ("value", "low", "high")
    value, low, high = (record[name] for name in names)
    if not gate.absolute:
        return value, low, high
    nearest = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    return abs(value), nearest, max(abs(low), abs(high))


def _distance(gate: Gate, record: Record) -> tuple[float, str]:
    """How far a row is beyond the bound, and the row in words."""
    value, low, high = _numbers(gate, record)
    if value != value:
        return float("-inf"), ""
    beyond = value - gate.bound if gate.at_most else gate.bound - value
    parts = (record["attribute"] or MEAN, record["group"], record["contrast"])
    name = " ".join(filter(None, parts))
    ends = "" if low != low else f" [{low:.4g}, {high:.4g}]"
    return beyond, f"; worst: {name} {value:.4g}{ends}"


def overall(outcomes: Sequence[Outcome]) -> Verdict:
    """The verdict of all gates together."""
    verdicts = {outcome.verdict for outcome in outcomes}
    for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
        if verdict in verdicts:
            return verdict
    return Verdict.PASS
