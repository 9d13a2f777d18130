"""Match gates to the rows of a table, and say what exists if nothing matches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pbias.auditing.gates.grammar import MEAN, WORST, Gate, Record, needs_reference, numbers_of
from pbias.auditing.metrics.measures import MAX, MIN, SPREAD
from pbias.auditing.table_rows import SAME_MODEL
from pbias.errors import UserError, argument, did_you_mean, listed
from pbias.files.table import Table

MAX_LISTED = 12


class _Key(NamedTuple):
    place: int
    attribute: str
    group: str
    contrast: str


def covered(gate: Gate, table: Table) -> list[int]:
    """Return the rows of a table that a gate covers; raises UserError if there are none.

    It also raises if none of them has an interval, because then no bound could be kept or broken.
    Without a group, a gate covers everyone, or all groups for a metric that only groups have.
    Without a contrast, it covers the group values, or whatever else the metric has. Without an
    attribute, it covers all attributes but not their mean, which is `/mean`; `/worst` covers the
    same rows.
    """
    columns = table.columns
    keys = zip(*(columns[k] for k in ("metric", "attribute", "group", "contrast")), strict=True)
    rows = [_Key(i, *key[1:]) for i, key in enumerate(keys) if key[0] == gate.metric.name]
    if not rows:
        where = f"{argument('metrics')} and {argument('groups')}"
        raise _no_row(gate, f"the table has no {gate.metric.name}; see {where}")
    rows = _of_contrast(gate, _of_group(gate, _of_attribute(gate, rows)))
    found = [row.place for row in rows]
    same = SAME_MODEL in columns["change_status"] and needs_reference(gate)
    if not (gate.metric.fact or same) and not any(_has_ends(gate, table, index) for index in found):
        raise UserError(
            f"gate '{gate.text}': noise pushes this number up, so it has no interval; gate its "
            "change, the values of the group, or an unbiased metric"
        )
    return found


def _of_attribute(gate: Gate, rows: Sequence[_Key]) -> list[_Key]:
    named = None if gate.attribute == WORST else gate.attribute
    attribute = MEAN if named is None and gate.metric.pooled else named
    wanted = "" if attribute == MEAN else attribute
    found = [r for r in rows if (r.attribute != "" if wanted is None else r.attribute == wanted)]
    if found:
        return found
    raise _no_row(gate, _missing("attribute", wanted or MEAN, [r.attribute or MEAN for r in rows]))


def _of_group(gate: Gate, rows: Sequence[_Key]) -> list[_Key]:
    if gate.group is None:
        return [r for r in rows if r.group == ""] or list(rows)
    found = [r for r in rows if r.group == gate.group]
    if found:
        return found
    groups = [r.group for r in rows if r.group]
    if not groups:
        what = (
            f"{gate.metric.name} is not measured by group here; "
            f"leave out @{gate.group}, or see {argument('groups')}"
        )
        raise _no_row(gate, what)
    if ":" in gate.group:
        raise _no_row(
            gate, f"there is no intersection {gate.group}; add it to {argument('groups')}"
        )
    raise _no_row(gate, _missing("group", gate.group, groups))


def _of_contrast(gate: Gate, rows: Sequence[_Key]) -> list[_Key]:
    if gate.contrast is None:
        return [r for r in rows if not _is_contrast(r.contrast)] or list(rows)
    found = [r for r in rows if r.contrast == gate.contrast]
    if found:
        return found
    contrasts = [r.contrast for r in rows if r.contrast]
    if not contrasts:
        raise _no_row(
            gate, f"{gate.metric.name} has one number a group; leave out ={gate.contrast}"
        )
    raise _no_row(gate, _missing("contrast", gate.contrast, contrasts))


def _is_contrast(label: str) -> bool:
    return label in (MAX, MIN) or label.endswith(("1-0", "-rest", SPREAD))


def _no_row(gate: Gate, why: str) -> UserError:
    return UserError(f"gate '{gate.text}' matches no row: {why}")


def _missing(kind: str, name: str, known: Sequence[str]) -> str:
    """Say which part of a gate does not exist, and what does."""
    distinct = list(dict.fromkeys(known))
    hint = did_you_mean(name, distinct, f"there are: {listed(distinct, MAX_LISTED)}")
    return f"its metric has no {kind} '{name}'; {hint}"


def record_at(table: Table, index: int) -> Record:
    """Return one row of a table."""
    return {name: column[index] for name, column in table.columns.items()}


def _has_ends(gate: Gate, table: Table, index: int) -> bool:
    """Return whether a row has an interval, or would have one if it were defined."""
    value, low, _ = numbers_of(gate, record_at(table, index))
    return value != value or low == low
