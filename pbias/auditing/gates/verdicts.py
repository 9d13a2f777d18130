"""Verdicts of gates on an audit (pass, fail or inconclusive), and the rows that decide them."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pbias.auditing.gates.deciding import Samples, would_decide
from pbias.auditing.gates.grammar import WORST, Gate, Record, needs_reference, numbers_of
from pbias.auditing.gates.hints import decided_at, few_changes
from pbias.auditing.gates.judged import Judged
from pbias.auditing.gates.matching import covered, record_at
from pbias.auditing.gates.survivors import LeftOut, left_out
from pbias.auditing.inference.numbers import IN_REFERENCE, MODEL_REASONS
from pbias.auditing.losses import counted, is_beyond_chance, num_lost
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
    passes; `joint`: for all gates together. `samples`: the group behind a row; `clusters`: as how
    many of equal size they count, if few.
    """

    gate: Gate
    verdict: Verdict
    rows: tuple[Judged, ...]
    strict: bool = False
    error: float = 0.05
    joint: bool = False
    samples: Samples | None = None
    clusters: float | None = None

    @property
    def of_facts(self) -> bool:
        """Whether it compares facts of the samples, which have no interval."""
        return all(row.certain for row in self.rows)

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
        if stuck := [row.attribute for row in self.rows if row.stuck]:
            parts.append(f"{self.gate.metric.fact.lower()} in both models: {listed(stuck)}")
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
            elif not (self.strict and missing) and not any(row.loss for row in open_rows):
                parts += [decided_at(self.gate, self.rows)]
                needed = would_decide(self.gate, open_rows, self.error, self.samples, self.clusters)
                parts += filter(None, [needed, open_rows[0].changes])
        return "; ".join(parts)

    def line(self) -> str:
        """Return everything in one line."""
        counts = self.counts()
        missing = counts.pop("not_assessable")
        said = ", ".join(f"{count} {place}" for place, count in counts.items())
        said += f", {missing} not assessable" if missing else ""
        note = self.note()
        rows = f"{len(self.rows)} row" + "s" * (len(self.rows) != 1)
        words = in_words({"verdict": self.verdict, **self.counts()})
        text = f"gate '{self.gate.text}': {words}; covers {self.covers()}; of {rows} {said}"
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
    clusters: float | None = None,
) -> Outcome:
    """Return the verdict on an audit, from ordinary and simultaneous intervals over all rows.

    Fail: the simultaneous interval of a row lies outside, or a row is undefined because of the
    audited model. Pass: every row's ordinary interval lies inside. With `strict`, rows that the
    data cannot decide keep a gate from passing; if there are no others, they always do. A mean also
    fails if the audited model lost attributes that the reference has. The other arguments are those
    of an Outcome.
    """
    left, mine = left_out(gate, ordinary, error), covered(gate, ordinary)
    errors = error, error / len(mine)
    found = [
        _judged(gate, (record_at(ordinary, i), record_at(simultaneous, i)), errors, left, strict)
        for i in mine
    ]
    found = [
        row._replace(changes=few_changes(gate, ordinary, record_at(ordinary, i)))
        if row.place == "undecided"
        else row
        for row, i in zip(found, mine, strict=True)
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
    return Outcome(gate, verdict, rows, strict, error, joint, samples, clusters)


def in_words(record: Mapping[str, Any]) -> str:
    """Return the verdict in an outcome's record; a pass says how many rows were not checked.

    >>> counts = {"inside": 8, "outside": 0, "undecided": 0, "not_assessable": 2}
    >>> in_words({"verdict": "pass", **counts}), in_words({"verdict": "fail", **counts})
    ('pass (2 of 10 not checked)', 'fail')
    """
    verdict, missing = str(record["verdict"]), record["not_assessable"]
    if verdict != Verdict.PASS or not missing:
        return verdict
    return f"{verdict} ({missing} of {sum(record[place] for place in PLACES)} not checked)"


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
    records: tuple[Record, Record],
    errors: tuple[float, float],
    left: Mapping[tuple[str, str], LeftOut],
    strict: bool,
) -> Judged:
    """Judge a row from its record at the ordinary level and the simultaneous one."""
    record, wide = records
    numbers, (_, *far) = numbers_of(gate, record), numbers_of(gate, wide)
    where = (record["attribute"], record["group"], record["contrast"], _reason(gate, record))
    gone = left.get((record["group"], record["contrast"]), LeftOut())
    certain = gate.metric.fact != "" or (
        needs_reference(gate) and record["change_status"] == SAME_MODEL
    )
    row = Judged("", *where, *numbers, far[0], far[1])._replace(left=gone, certain=certain)
    row = row._replace(of_runs=str(record["runs"]) not in ("1", "1:1"))
    if (share := _share_lost(gate, row)) > 0:
        return _lost(row, record, share, errors)
    if gone.lost:
        place = "outside"
    elif numbers[0] != numbers[0]:
        place = "outside" if is_lost(row.reason) else "not_assessable"
    else:
        place = _place(gate, row)
        if place == "inside" and _stays_open(row, strict=strict):
            place = "undecided"
    both = gate.change and record["value"] == record["reference"] == 1
    return row._replace(place=place, stuck=bool(gate.metric.fact and row.attribute and both))


def _share_lost(gate: Gate, row: Judged) -> float:
    """Return in which share of pairs of runs the audited one lost what the reference predicts.

    0 unless that breaks the gate: the bound on such a fact, or having a number at all.
    """
    if not (needs_reference(gate) and row.attribute):
        return 0.0
    if row.value != row.value:
        return float(is_lost(row.reason))
    broken = gate.metric.fact and gate.at_most and row.value > max(gate.bound, 0.0)
    return row.value if broken else 0.0


def _lost(row: Judged, record: Record, share: float, errors: tuple[float, float]) -> Judged:
    """Judge what the audited model no longer predicts: outside only where that is beyond chance."""
    num = num_lost(record, share)
    ordinary, simultaneous = (is_beyond_chance(num, error) for error in errors)
    place = "outside" if simultaneous else "undecided" if ordinary else "not_assessable"
    if num != num:
        return row._replace(place=place)
    chance = {"outside": "", "undecided": ", beyond chance only if it were the only row"}
    does = "predicts it" if row.value == row.value else "differs"
    said = f"the reference {does} in {counted(num, record['n'])}"
    return row._replace(place=place, loss=said + chance.get(place, ", which may be chance"))


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
