"""Why a gate is open: the nearest bounds that would be decided, and how little changed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pbias.auditing.gates.grammar import Gate, Record, needs_reference
from pbias.auditing.gates.judged import Judged
from pbias.auditing.metrics.flips import FEW
from pbias.files.table import Table


def decided_at(gate: Gate, rows: Sequence[Judged]) -> str:
    """Return the nearest bounds, of three digits, at which these rows would pass or fail.

    No bound on the other side of 0 is named: who allows a loss does not want to ask for a gain.
    """
    measured = [row for row in rows if row.value == row.value]
    if any(row.low != row.low for row in measured):
        return "a row without an interval decides nothing"
    if gate.at_most:
        passes = _rounded(max(row.high for row in measured))
        fails = -_rounded(-max(row.far_low for row in measured), beyond=True)
        possible, sign = fails >= 0 or (gate.bound < 0 and not gate.absolute), "<="
    else:
        passes = -_rounded(-min(row.low for row in measured))
        fails = _rounded(min(row.far_high for row in measured), beyond=True)
        possible, sign = fails <= 0 or gate.bound > 0, ">="
    return f"would pass at {sign} {passes:.3g}" + (
        f", fail at {sign} {fails:.3g}" if possible else ""
    )


def few_changes(gate: Gate, table: Table, record: Record) -> str:
    """Return how many predictions behind a row of the table changed, if these are few.

    A mean has the sum over its attributes.
    """
    if not needs_reference(gate):
        return ""
    place = {name: record[name] for name in ("metric", "group", "contrast")}
    rows = [record] if record["attribute"] else table.where(**place)
    mine = [row for row in rows if row["n"] == row["n"] and row["n_discordant"] >= 0]
    num, total = (sum(row[name] for row in mine) for name in ("n_discordant", "n"))
    if not mine or num >= FEW:
        return ""
    return (
        f"{num:.3g} of {total:,.0f} predictions changed: with fewer than {FEW} the interval "
        "allows for changes that these samples do not show"
    )


def _rounded(number: float, *, beyond: bool = False) -> float:
    """Round up to three digits; `beyond`: to more than the number even if it has no more."""
    if not math.isfinite(number):
        return number
    from decimal import ROUND_CEILING, Decimal  # slow to import, and for gates alone

    # As it is written, so that a bound that is read back holds.
    exact = Decimal(repr(float(number)))
    step = Decimal(1).scaleb(exact.adjusted() - 2) if exact else Decimal("0.001")
    up = exact.quantize(step, ROUND_CEILING)
    return float(up + step if beyond and up == exact else up)
