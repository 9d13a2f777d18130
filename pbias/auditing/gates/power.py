"""What gates can decide before compression: the averaged audits of simulated models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from pbias.auditing.engine import Audit
from pbias.auditing.gates.deciding import POWER, samples_needed, strays, would_decide
from pbias.auditing.gates.grammar import MEAN
from pbias.auditing.gates.judged import Judged
from pbias.auditing.gates.verdicts import Outcome, Verdict
from pbias.auditing.inference.effective_clusters import are_too_few
from pbias.errors import argument, listed
from pbias.files.table import Table

MEASURED = (
    "value", "low", "high", "reference", "change", "change_low", "change_high", "n_discordant",
)  # fmt: skip
COLUMNS = (
    "gate", "attribute", "group", "contrast", "value", "low", "high", "half_width", "detectable",
    "place", "inside", "outside", "smallest_group", "n", "n_needed", "reason",
)  # fmt: skip


class Drawn:
    """The audit of a simulated model; each of its tables is made once."""

    def __init__(self, audit: Audit) -> None:
        """Start without any tables."""
        self.samples_behind = audit.samples_behind
        self.few_clusters = audit.few_clusters
        self.table = cache(audit.table)


class Expected:
    """The audits of several simulated models, combined to one with their mean numbers."""

    def __init__(self, draws: Sequence[Drawn]) -> None:
        """Combine `draws`, which have the same files and options."""
        self.draws = draws
        self.samples_behind = draws[0].samples_behind
        self.few_clusters = draws[0].few_clusters
        self.table = cache(self._table)

    def _table(self, level: float | None = None, metric: str | None = None) -> Table:
        """Return the rows of the first draw, with the mean of every number over draws that have it.

        A number that most draws lack is undefined, with the reason from the first of them.
        """
        return _mean([draw.table(level, metric) for draw in self.draws])


def power_table(
    outcomes: Sequence[Outcome], expected: Expected, drawn: Sequence[Sequence[Outcome]]
) -> Table:
    """Return a row for each gate and row that it covers; `drawn` are the outcomes of each draw.

    value, low, high: means over the draws; half_width: of the ordinary interval; detectable: the
    true value that fails the gate with 80 % power; place: where the mean row lies; inside, outside:
    the share of draws in which the row lies there; smallest_group and n: the group value with the
    fewest labeled samples, and their number; n_needed: how many would decide the row with 80 %
    power, if its value is true (None if that takes more clusters).
    """
    records = [
        {
            "gate": outcome.gate.text,
            **_numbers(outcome, row),
            **_shares(row, [_place_of(draw[index], row) for draw in drawn]),
            **_samples(outcome, row, expected),
        }
        for index, outcome in enumerate(outcomes)
        for row in outcome.rows
    ]
    return Table({name: [record[name] for record in records] for name in COLUMNS})


def said_of(outcome: Outcome, drawn: Sequence[Outcome], discordance: float) -> dict[str, Any]:
    """Return a gate as plain data: how many draws pass, fail or stay open, and what would decide.

    `verdict` and `note` are those of the mean rows; where these are inside but more than a fifth
    of the draws stay open, the note says, too, how many samples it takes. Of a gate on facts, whose
    means say nothing, the note names what is not inside in some draws.
    """
    verdicts = [one.verdict for one in drawn]
    record = outcome.record()
    kept = {name: record[name] for name in ("gate", "verdict", "covers", "note")}
    kept["discordance"] = discordance
    if outcome.of_facts:
        kept["verdict"] = max(verdicts, key=verdicts.count).value
        kept["note"] = _beyond_bound(outcome, drawn)
        return {**kept, "draws": len(drawn), **{v.value: verdicts.count(v) for v in Verdict}}
    inside = outcome.at("inside")
    often_open = verdicts.count(Verdict.INCONCLUSIVE) > (1 - POWER) * len(drawn)
    if outcome.verdict is Verdict.PASS and often_open and inside:
        o = outcome
        needed = would_decide(o.gate, inside, o.error, o.samples, o.clusters)
        kept["note"] = "; ".join(filter(None, (kept["note"], needed)))
    return {**kept, "draws": len(drawn), **{v.value: verdicts.count(v) for v in Verdict}}


def _beyond_bound(outcome: Outcome, drawn: Sequence[Outcome]) -> str:
    """Return which rows are not inside in some draws, and in how many."""
    parts = []
    for place in ("outside", "undecided", "not_assessable"):
        found = Counter(
            " ".join(filter(None, (row.attribute or MEAN, row.group, row.contrast)))
            for draw in drawn
            for row in draw.at(place)
        )
        if found:
            named = listed([f"{name} in {num} draws" for name, num in found.most_common()])
            parts.append(f"{place.replace('_', ' ')}: {named}")
    where = "; ".join(parts) or f"inside in all {len(drawn)} draws"
    return f"compares facts of the samples, which have no interval; {where}"


def assumed(record: Mapping[str, Any]) -> str:
    """Return what is supposed of the models that are drawn."""
    share = record["discordance"]
    return (
        f"assumed: compression changes {100 * share:.3g} % of predictions "
        f"({argument('discordance', share)}) and is worse for nobody, so that a fail is a false "
        "alarm"
    )


def line_of(record: Mapping[str, Any]) -> str:
    """Return the same in one line."""
    counts = ", ".join(f"{v.value} in {record[v.value]}" for v in Verdict if record[v.value])
    text = (
        f"gate '{record['gate']}': of {record['draws']} draws {counts}; covers {record['covers']}"
    )
    return f"{text}; {record['note']}" if record["note"] else text


def _numbers(outcome: Outcome, row: Judged) -> dict[str, Any]:
    """Return the mean row, the width of its interval, and what would be found outside."""
    gate = outcome.gate
    if gate.absolute:  # the lower end stops at 0
        half, far = row.high - row.value, row.far_high - row.value
    else:
        half = (row.high - row.low) / 2
        far = row.value - row.far_low if gate.at_most else row.far_high - row.value
    beyond = far + strays(half, outcome.error)
    return {
        "attribute": row.attribute,
        "group": row.group,
        "contrast": row.contrast,
        "value": row.value,
        "low": row.low,
        "high": row.high,
        "half_width": half,
        "detectable": gate.bound + (beyond if gate.at_most else -beyond),
        "place": row.place,
        "reason": row.reason if row.value != row.value else "",
    }


def _shares(row: Judged, places: Sequence[str]) -> dict[str, Any]:
    """Return where a row lies, and how often; a fact, whose mean says nothing, where most do."""
    shares = {name: places.count(name) / len(places) for name in ("inside", "outside")}
    return {"place": max(places, key=places.count), **shares} if row.certain else shares


def _samples(outcome: Outcome, row: Judged, expected: Expected) -> dict[str, Any]:
    name, num = expected.samples_behind(row.attribute, row.group, row.contrast)
    needed = None
    if not are_too_few(outcome.clusters):
        needed = samples_needed(outcome.gate, row, outcome.error, num)
    return {"smallest_group": name, "n": num, "n_needed": needed}


def _place_of(outcome: Outcome, row: Judged) -> str:
    key = (row.attribute, row.group, row.contrast)
    return next(r.place for r in outcome.rows if (r.attribute, r.group, r.contrast) == key)


def _mean(tables: Sequence[Table]) -> Table:
    first = tables[0].columns
    columns = dict(first)
    for name in MEASURED:
        stacked = np.array([table.columns[name] for table in tables], np.float64)
        known = ~np.isnan(stacked)
        num = known.sum(axis=0)
        total = np.where(known, stacked, 0.0).sum(axis=0)
        mean = np.where(2 * num >= len(tables), total / np.maximum(num, 1), np.nan)
        columns[name] = mean.tolist()
    reasons = [list(filter(None, found)) for found in _each("reason", tables)]
    undefined = [value != value for value in columns["value"]]
    columns["reason"] = [
        found[0] if gone and found else "" for found, gone in zip(reasons, undefined, strict=True)
    ]
    return Table(columns)


def _each(name: str, tables: Sequence[Table]) -> list[tuple[Any, ...]]:
    return list(zip(*(table.columns[name] for table in tables), strict=True))
