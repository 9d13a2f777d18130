"""Verdicts of gates on an audit (pass, fail or inconclusive), and the rows that decide them."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from pbias.auditing.gates.deciding import Samples, would_decide
from pbias.auditing.gates.grammar import WORST, Gate, Record, needs_reference, numbers_of
from pbias.auditing.gates.judged import Judged
from pbias.auditing.gates.matching import covered, record_at
from pbias.auditing.gates.survivors import LeftOut, left_out
from pbias.auditing.inference.numbers import IN_REFERENCE, MODEL_REASONS
from pbias.auditing.notes import is_lost
from pbias.auditing.table_rows import SAME_MODEL
from pbias.errors import argument, listed
from pbias.files.table import Table

PLACES = ("inside", "outside", "undecided", "not_assessable")


class Verdict(enum.StrEnum):
    """The verdict of a gate; a fail outranks an inconclusive one, which outranks a pass."""

    PASS = "pass"
    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"


@dataclass(frozen=True)
class Outcome:
    """A verdict with its rows, those farthest beyond the bound first.

    `strict`: rows that are not assessable keep it open. `error`: the maximum rate of wrong fails or
    passes; `joint`: for all gates together. `samples`: the group behind a row.
    """

    gate: Gate
    verdict: Verdict
    rows: tuple[Judged, ...]
    strict: bool = False
    error: float = 0.05
    joint: bool = False
    samples: Samples | None = None

    def covers(self) -> str:
        """Describe what the gate covers: attributes, group and contrasts, and how they count."""
        names = list(dict.fromkeys(row.attribute for row in self.rows))
        if self.gate.attribute == WORST:
            what = f"the worst of {_counted(len(names), 'attribute')}"
        elif names == [""]:
            what = "everything as one" if self.gate.metric.pooled else "the mean over attributes"
        else:
            what = names[0] if len(names) == 1 else f"each of {len(names)} attributes"
        contrasts: dict[str, list[str]] = {}
        for row in self.rows:
            contrasts.setdefault(row.group, []).append(row.contrast)
        groups = [_of_group(g, list(dict.fromkeys(c))) for g, c in contrasts.items()]
        return f"{what}, {listed(groups)}"

    def largest(self) -> str:
        """Describe the largest harm over the covered rows, with an interval for the largest.

        The upper end comes from the rows' own intervals, because the largest is one of them. The
        lower end needs all simultaneous intervals to hold.
        """
        known = [row for row in self.rows if row.low == row.low]
        if not known:
            return ""
        if self.gate.at_most:
            ends = max(r.far_low for r in known), max(r.high for r in known)
        else:
            ends = min(r.low for r in known), min(r.far_high for r in known)
        return known[0]._replace(low=ends[0], high=ends[1]).words()

    def at(self, place: str) -> list[Judged]:
        """Return the rows that lie `inside`, `outside`, or are `undecided` or `not_assessable`."""
        return [row for row in self.rows if row.place == place]

    def counts(self) -> dict[str, int]:
        """Return the number of rows at each place."""
        return {place: len(self.at(place)) for place in PLACES}

    def note(self) -> str:
        """Name the rows that decide, and the bounds that would have been decided."""
        missing = self.at("not_assessable")
        parts = [_named("outside", self.at("outside"))] if self.at("outside") else []
        if missing:
            effect = f"{argument('strict', True)} counts them"
            effect = "keep the gate open" if self.strict else effect
            parts.append(f"{_named('not assessable', missing)} ({effect})")
        measured = self.at("undecided") or self.at("inside")
        if self.gate.attribute == WORST and self.largest():
            parts.insert(0, f"largest harm: {self.largest()}")
        elif measured and not self.at("outside"):
            parts.insert(0, f"worst: {measured[0].words()}")
        open_rows = self.at("undecided")
        if open_rows and not self.at("outside"):
            left = [row.left for row in open_rows if _stays_open(row, strict=self.strict)]
            if left:
                names = left[0].open or left[0].unknown
                parts.append(f"open, for the mean leaves out {len(names)} ({listed(names)})")
            elif not (self.strict and missing):
                parts += [_decided_at(self.gate, self.rows)]
                parts += filter(
                    None, [would_decide(self.gate, open_rows, self.error, self.samples)]
                )
        return "; ".join(parts)

    def line(self) -> str:
        """Return everything in one line."""
        counts = self.counts()
        missing = counts.pop("not_assessable")
        said = ", ".join(f"{count} {place}" for place, count in counts.items())
        said += f", {missing} not assessable" if missing else ""
        note = self.note()
        rows = f"{len(self.rows)} row" + "s" * (len(self.rows) != 1)
        text = f"gate '{self.gate.text}': {self.verdict}; covers {self.covers()}; of {rows} {said}"
        return f"{text}; {note}" if note else text

    def record(self) -> dict[str, Any]:
        """Return the outcome as plain data: counts, rows outside or not assessable, the note."""
        keys = ("attribute", "group", "contrast")
        return {
            "gate": self.gate.text,
            "verdict": self.verdict.value,
            "covers": self.covers(),
            **self.counts(),
            "rows_outside": [{k: getattr(r, k) for k in keys} for r in self.at("outside")],
            "rows_not_assessable": [
                {k: getattr(r, k) for k in keys} for r in self.at("not_assessable")
            ],
            "note": self.note(),
        }


def judge(
    gate: Gate,
    ordinary: Table,
    simultaneous: Table,
    *,
    strict: bool = False,
    error: float = 0.05,
    joint: bool = False,
    samples: Samples | None = None,
) -> Outcome:
    """Return the verdict on an audit, from ordinary and simultaneous intervals over all rows.

    Fail: the simultaneous interval of a row lies outside, or a row is undefined because of the
    audited model. Pass: every row's ordinary interval lies inside. With `strict`, rows that the
    data cannot decide keep a gate from passing; if there are no others, they always do. A mean also
    fails if the audited model lost attributes that the reference has. The other arguments are those
    of an Outcome.
    """
    left = left_out(gate, ordinary)
    found = [
        _judged(
            gate, record_at(ordinary, index), record_at(simultaneous, index), left, strict=strict
        )
        for index in covered(gate, ordinary)
    ]
    rows = tuple(sorted(found, key=lambda row: -_beyond(gate, row)))
    places = {row.place for row in rows}
    if "outside" in places:
        verdict = Verdict.FAIL
    elif "undecided" in places or places == {"not_assessable"}:
        verdict = Verdict.INCONCLUSIVE
    else:
        open_ = strict and "not_assessable" in places
        verdict = Verdict.INCONCLUSIVE if open_ else Verdict.PASS
    return Outcome(gate, verdict, rows, strict, error, joint, samples)


def overall(outcomes: Sequence[Outcome]) -> Verdict:
    """Return the verdict of all gates together."""
    verdicts = {outcome.verdict for outcome in outcomes}
    for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
        if verdict in verdicts:
            return verdict
    return Verdict.PASS


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return the verdict of several gates together, and how often they err; "" for one or none."""
    if len(outcomes) < 2:
        return ""
    verdicts = [outcome.verdict for outcome in outcomes]
    said = ", ".join(f"{verdicts.count(v)} {v}" for v in Verdict if v in verdicts)
    num, error = len(outcomes), outcomes[0].error
    together = f"{num} gates: {overall(outcomes)} ({said})"
    if outcomes[0].joint:
        return f"{together}; any of them fails or passes wrongly in at most {_percent(error * num)}"
    return (
        f"{together}; each fails or passes wrongly in at most {_percent(error)} of samples, any of "
        f"them in at most {_percent(min(error * num, 1.0))} ({argument('joint', True)}: "
        f"{_percent(error)})"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _counted(num: int, what: str) -> str:
    return f"{num} {what}" + "s" * (num != 1)


def _of_group(group: str, contrasts: Sequence[str]) -> str:
    if not group:
        return "everyone"
    known = [contrast for contrast in contrasts if contrast]
    return f"{group} {listed(known)}" if known else group


def _stays_open(row: Judged, *, strict: bool) -> bool:
    return bool(row.left.open or (strict and row.left.unknown))


def _judged(
    gate: Gate,
    record: Record,
    wide: Record,
    left: Mapping[tuple[str, str], LeftOut],
    *,
    strict: bool,
) -> Judged:
    numbers, (_, *far) = numbers_of(gate, record), numbers_of(gate, wide)
    where = (record["attribute"], record["group"], record["contrast"], _reason(gate, record))
    gone = left.get((record["group"], record["contrast"]), LeftOut())
    certain = gate.metric.fact != "" or (
        needs_reference(gate) and record["change_status"] == SAME_MODEL
    )
    row = Judged("", *where, *numbers, far[0], far[1])._replace(left=gone, certain=certain)
    row = row._replace(of_runs=str(record["runs"]) not in ("1", "1:1"))
    if gone.lost:
        place = "outside"
    elif numbers[0] != numbers[0]:
        place = "outside" if is_lost(row.reason) else "not_assessable"
    else:
        place = _place(gate, row)
        if place == "inside" and _stays_open(row, strict=strict):
            place = "undecided"
    return row._replace(place=place)


def _reason(gate: Gate, record: Record) -> str:
    both = gate.change and record["reference"] != record["reference"]
    if both and record["reason"].startswith(MODEL_REASONS):
        return f"{record['reason']}, as{IN_REFERENCE}"
    return str(record["reason"])


def _place(gate: Gate, row: Judged) -> str:
    if row.certain:
        return "inside" if _within(gate, row.value, row.value) else "outside"
    if row.far_low > gate.bound if gate.at_most else row.far_high < gate.bound:
        return "outside"
    return "inside" if _within(gate, row.low, row.high) else "undecided"


def _within(gate: Gate, low: float, high: float) -> bool:
    return high <= gate.bound if gate.at_most else low >= gate.bound


def _beyond(gate: Gate, row: Judged) -> float:
    """Return how far a row is beyond the bound; rows without a number come last."""
    if row.value != row.value:
        return -math.inf
    return row.value - gate.bound if gate.at_most else gate.bound - row.value


def _named(kind: str, rows: Sequence[Judged]) -> str:
    return f"{kind}: {listed([row.words() for row in rows])}"


def _decided_at(gate: Gate, rows: Sequence[Judged]) -> str:
    """Return the nearest bounds, of three digits, at which these rows would pass or fail."""
    measured = [row for row in rows if row.value == row.value]
    if any(row.low != row.low for row in measured):
        return "a row without an interval decides nothing"
    if gate.at_most:
        passes = _rounded(max(row.high for row in measured))
        fails = -_rounded(-max(row.far_low for row in measured), beyond=True)
        possible, sign = not gate.absolute or fails >= 0, "<="
    else:
        passes = -_rounded(-min(row.low for row in measured))
        fails = _rounded(min(row.far_high for row in measured), beyond=True)
        possible, sign = True, ">="
    return f"would pass at {sign} {passes:.3g}" + (
        f", fail at {sign} {fails:.3g}" if possible else ""
    )


def _rounded(number: float, *, beyond: bool = False) -> float:
    """Up to three digits; `beyond`: to more than the number even if it has no more."""
    if not math.isfinite(number):
        return number
    exact = Decimal(
        repr(float(number))
    )  # as it is written, so that a bound that is read back holds
    step = Decimal(1).scaleb(exact.adjusted() - 2) if exact else Decimal("0.001")
    up = exact.quantize(step, ROUND_CEILING)
    return float(up + step if beyond and up == exact else up)
