"""Attributes that a mean leaves out, with reasons: a mean over survivors must not pass."""

from __future__ import annotations

from typing import NamedTuple

from pbias.auditing.gates.grammar import MEAN, Gate, Record
from pbias.auditing.inference.numbers import MODEL_REASONS
from pbias.auditing.losses import is_beyond_chance, num_lost
from pbias.auditing.notes import is_lost
from pbias.files.table import Table


class LeftOut(NamedTuple):
    """Names of attributes that a mean leaves out.

    `lost`: the audited model has no number because of what it does, the reference has one, and that
    is beyond chance for one of so many attributes; `open`: it is so for this attribute alone, or
    there is no reference, or the reference has a number and only the data are to blame; `unknown`:
    the data decide neither.
    """

    lost: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def left_out(gate: Gate, table: Table, error: float) -> dict[tuple[str, str], LeftOut]:
    """Return what the mean leaves out by group and contrast; empty unless the gate is on a mean.

    `error`: how often an attribute may seem lost by chance.
    """
    if gate.attribute != MEAN or gate.metric.pooled:
        return {}
    found: dict[tuple[str, str], LeftOut] = {}
    names = (
        "metric", "attribute", "group", "contrast", "value", "reason", "reference", "runs",
        "n_discordant",
    )  # fmt: skip
    num = len({attribute for attribute in table.columns["attribute"] if attribute})
    for cells in zip(*(table.columns[name] for name in names), strict=True):
        record = dict(zip(names, cells, strict=True))
        if record["metric"] != gate.metric.name or not record["attribute"]:
            continue
        kind = "" if record["value"] == record["value"] else _kind(gate, record, error, num)
        if kind:
            place = record["group"], record["contrast"]
            before = found.get(place, LeftOut())
            more = {kind: (*getattr(before, kind), record["attribute"])}
            found[place] = before._replace(**more)
    return found


def _kind(gate: Gate, record: Record, error: float, num: int) -> str:
    reason, change = record["reason"], gate.metric.is_change
    paired = ":" in record["runs"]
    # The reason of a number that is itself a change says whose fault it is.
    known = paired and not change and record["reference"] == record["reference"]
    if not reason.startswith(MODEL_REASONS):
        return "open" if known else "unknown"
    if not paired:
        return "open"
    if not (known or (change and is_lost(reason))):
        return ""
    if is_beyond_chance(num_lost(record), error / num):
        return "lost"
    return "open" if is_beyond_chance(num_lost(record), error) else "unknown"
