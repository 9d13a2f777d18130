"""Attributes that a mean leaves out, with reasons: a mean over survivors must not pass."""

from __future__ import annotations

from typing import NamedTuple

from pbias.auditing.gates.grammar import MEAN, Gate
from pbias.auditing.inference.numbers import MODEL_REASONS
from pbias.auditing.notes import is_lost
from pbias.files.table import Table


class LeftOut(NamedTuple):
    """Names of attributes that a mean leaves out.

    `lost`: the audited model has no number because of what it does, the reference has one; `open`:
    the same without a reference, or the reference has one and only the data are to blame;
    `unknown`: the data decide neither.
    """

    lost: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def left_out(gate: Gate, table: Table) -> dict[tuple[str, str], LeftOut]:
    """Return what the mean leaves out by group and contrast; empty unless the gate is on a mean."""
    if gate.attribute != MEAN or gate.metric.pooled:
        return {}
    found: dict[tuple[str, str], LeftOut] = {}
    names = ("metric", "attribute", "group", "contrast", "value", "reason", "reference", "runs")
    for cells in zip(*(table.columns[name] for name in names), strict=True):
        metric, attribute, group, contrast, value, reason, reference, runs = cells
        if metric != gate.metric.name or not attribute or value == value:
            continue
        paired = ":" in runs
        # The reason of a number that is itself a change says whose fault it is.
        in_reference = paired and not gate.metric.is_change and reference == reference
        kind = _kind(reason, paired=paired, known=in_reference, change=gate.metric.is_change)
        if kind:
            before = found.get((group, contrast), LeftOut())
            more = {kind: (*getattr(before, kind), attribute)}
            found[group, contrast] = before._replace(**more)
    return found


def _kind(reason: str, *, paired: bool, known: bool, change: bool) -> str:
    if reason.startswith(MODEL_REASONS):
        if not paired:
            return "open"
        return "lost" if known or (change and is_lost(reason)) else ""
    return "open" if known else "unknown"
