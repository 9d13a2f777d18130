"""Estimate how many samples would decide an open gate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from pbias.auditing.gates.grammar import Gate
from pbias.auditing.gates.judged import Judged
from pbias.auditing.inference.distributions import critical, normal_ppf
from pbias.auditing.inference.effective_clusters import are_too_few

# The smallest group value behind a row (attribute, group, contrast), and its labeled samples.
Samples = Callable[[str, str, str], tuple[str, int]]
POWER = 0.8
# Times as many samples; beyond, the value is so near its bound, for its interval, that a number
# would rest on the noise in it.
MOST = 400.0
ON_BOUND = 1e-9  # what rounding leaves of a value on its bound


def times_as_many(gate: Gate, row: Judged, error: float) -> float:
    """Return how many times as many samples would decide a row with 80 % power.

    It is assumed that the row's value is true and that widths shrink with 1/sqrt(n), or with 1/n
    where few predictions changed. For a value inside the bound, the interval's end must come back
    to the bound; outside, the other end of the simultaneous interval must. In both cases an
    estimate from that many samples must not stray too far (Bloom 1995). `error` is that of the
    ordinary interval. Infinite for a value at the bound, NaN without an interval.
    """
    beyond = row.value - gate.bound if gate.at_most else gate.bound - row.value
    if beyond <= 0:
        end = row.high if gate.at_most else row.low
    else:  # the lower end of an absolute value stops at 0
        end = row.far_high if gate.absolute or not gate.at_most else row.far_low
    half = row.high - row.value if gate.absolute else (row.high - row.low) / 2
    width = abs(end - row.value) + strays(half, error)
    return math.inf if beyond == 0 else (width / abs(beyond)) ** (1 if row.changes else 2)


def strays(half_width: float, error: float) -> float:
    """Return how far 80 % of estimates with this half-width stray at most to one side."""
    return half_width * float(normal_ppf(POWER)) / float(critical(1.0 - error))


def samples_needed(gate: Gate, row: Judged, error: float, num: int) -> int | None:
    """Return how many labeled samples would decide a row with `num` samples, if its value is true.

    Returns None if it has no interval, or is too near the bound for any reasonable number.
    """
    times = times_as_many(gate, row, error)
    return _rounded(num * times) if times <= MOST else None


def would_decide(
    gate: Gate,
    undecided: Sequence[Judged],
    error: float,
    samples: Samples | None,
    clusters: float | None = None,
) -> str:
    """Say how many samples would decide: a single row outside fails a gate, all inside pass.

    Where samples are worth as much as very few `clusters` of equal size, more clusters would.
    """
    if samples is None:
        return ""
    known = [r for r in undecided if not math.isnan(times_as_many(gate, r, error))]
    if not known:
        return ""
    outside = [r for r in known if (r.value > gate.bound) == gate.at_most]
    pick, rows = (min, outside) if outside else (max, known)
    row = pick(rows, key=lambda r: times_as_many(gate, r, error))
    if clusters is not None and are_too_few(clusters):
        now = max(round(clusters), 1)
        return f"more clusters may decide it, not more samples of these (now as good as {now})"
    name, num = samples(row.attribute, row.group, row.contrast)
    who, needed = f" of {name}" if name else "", samples_needed(gate, row, error, num)
    if needed is None:
        if abs(row.value - gate.bound) <= ON_BOUND:
            return "the value lies on the bound, which no number of samples decides"
        more = f"more than {MOST:.0f} times as many labeled samples{who} would decide it"
        return f"{more}, because the value is almost at the bound (now {num:,})"
    said = f"about {needed:,} labeled samples{who} would decide it (now {num:,})"
    # More samples do not reduce the variation between runs.
    return f"{said} if runs differed by chance alone, else more runs" if row.of_runs else said


def _rounded(number: float) -> int:
    """Round up to two digits.

    >>> _rounded(1234.5), _rounded(3)
    (1300, 3)
    """
    step: int = 10 ** max(len(str(math.ceil(number))) - 2, 0)
    return int(math.ceil(number / step) * step)
