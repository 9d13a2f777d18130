"""Roughly how many samples would decide a gate that is open."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from pbias.auditing.gates.grammar import Gate
from pbias.auditing.gates.judged import Judged

# The smallest group value behind a row (attribute, group, contrast), and its labelled samples.
Samples = Callable[[str, str, str], tuple[str, int]]
MOST = 1000.0  # times as many samples; beyond, no number is worth naming


def times_as_many(gate: Gate, row: Judged) -> float:
    """How many times as many samples would decide a row, if its value stayed.

    Widths go by 1/sqrt(n). Inside the bound the interval's end must come back to it, outside the
    simultaneous one's other end. Infinite for a value at the bound, NaN without an interval.
    """
    beyond = row.value - gate.bound if gate.at_most else gate.bound - row.value
    ends = (row.high, row.value) if gate.at_most else (row.value, row.low)
    if beyond > 0 and not gate.absolute:
        ends = (row.value, row.far_low) if gate.at_most else (row.far_high, row.value)
    elif beyond > 0:  # the lower end of an absolute value stops at 0
        ends = (row.far_high, row.value)
    width = ends[0] - ends[1]
    return math.inf if beyond == 0 else (width / beyond) ** 2


def would_decide(gate: Gate, undecided: Sequence[Judged], samples: Samples | None) -> str:
    """How many samples, of which group: one row outside fails a gate, all inside pass it."""
    if samples is None:
        return ""
    outside = [r for r in undecided if (r.value > gate.bound) == gate.at_most]
    pick, rows = (min, outside) if outside else (max, list(undecided))
    row = pick(rows, key=lambda r: times_as_many(gate, r))
    times = times_as_many(gate, row)
    if times != times:
        return ""
    name, num = samples(row.attribute, row.group, row.contrast)
    who = f" of {name}" if name else ""
    if times > MOST:
        return f"the value is too near the bound for any number of samples{who} to decide soon"
    return f"about {_rounded(num * times):,} labeled samples{who} would decide it (now {num:,})"


def _rounded(number: float) -> int:
    """Up, to two digits.

    >>> _rounded(1234.5), _rounded(3)
    (1300, 3)
    """
    step: int = 10 ** max(len(str(math.ceil(number))) - 2, 0)
    return int(math.ceil(number / step) * step)
