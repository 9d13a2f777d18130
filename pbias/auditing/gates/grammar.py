"""Gates: a bound on a metric that an audit passes, fails, or cannot decide, and its grammar.

`[abs(][change(]METRIC[)][)][@GROUP[=CONTRAST]][/ATTRIBUTE] <= NUMBER`, or `>=`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pbias.auditing.metrics.entry import Metric
from pbias.auditing.metrics.registry import known_metric
from pbias.errors import UserError

GRAMMAR = re.compile(
    r"""\s*(?P<abs>abs\s*\()?\s*(?P<change>change\s*\()?\s*(?P<metric>\w+)\s*(?P<close>[)\s]*)
    (?:@\s*(?P<group>[^\s/<>=][^/<>=]*?)\s*(?:=\s*(?P<contrast>[^\s/<>][^/<>]*?))?)?
    \s*(?:/\s*(?P<attribute>[^\s<>][^<>]*?))?
    \s*(?P<side><=|>=)\s*(?P<bound>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*""",
    re.VERBOSE,
)
MEAN = "mean"

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Gate:
    """A parsed gate; `contrast` None: the rows that the metric has for groups as such."""

    text: str
    metric: Metric
    absolute: bool
    change: bool
    group: str | None
    contrast: str | None
    attribute: str | None
    at_most: bool
    bound: float


def parse_gate(text: str) -> Gate:
    """A gate from its text; raises UserError for anything else, and for unknown metrics."""
    match = GRAMMAR.fullmatch(text)
    opened = 0 if match is None else bool(match["abs"]) + bool(match["change"])
    if match is None or match["close"].count(")") != opened:
        strict = re.search(r"[<>](?!=)", text)
        hint = f"use {strict[0]}= in place of {strict[0]}; " if strict else ""
        raise UserError(
            f"gate '{text}' is not of the form METRIC@GROUP/ATTRIBUTE <= NUMBER; "
            f"{hint}for example 'abs(did_tpr)@Male <= 0.05'"
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
    if gate.change and gate.metric.is_change:
        raise UserError(
            f"gate '{gate.text}': {gate.metric.name} is a change already; leave out change(...)"
        )
    return gate


def needs_reference(gate: Gate) -> bool:
    """Whether a gate is about a change."""
    return gate.change or gate.metric.is_change


def numbers_of(gate: Gate, record: Record) -> tuple[float, float, float]:
    """Value, low and high, of the change and of the absolute value where the gate says so."""
    names = ("change", "change_low", "change_high") if gate.change else ("value", "low", "high")
    value, low, high = (record[name] for name in names)
    if not gate.absolute:
        return value, low, high
    nearest = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    return abs(value), nearest, max(abs(low), abs(high))
