"""The numbers of one metric by attribute and group value, for heat maps and forest plots."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pbias.auditing.findings.labels import group_values
from pbias.auditing.metrics.registry import METRICS
from pbias.files.escaping import printable
from pbias.reporting.sections import Record, number, signed, span

SURE = 0.05
SPREADS = ("max-min", "max", "min")


@dataclass(frozen=True)
class Cell:
    """The number of an attribute and a place (`GROUP=VALUE`, or a contrast of two values).

    `number` is the change if there is a reference, otherwise the value; NaN if undefined. `holds`
    means that it differs from 0 after correction for everything that was examined; `span` is its
    interval as text.
    """

    attribute: str
    group: str
    place: str
    number: float
    low: float
    high: float
    before: float
    after: float
    n: float
    few: bool
    holds: bool
    reason: str
    span: str

    @property
    def defined(self) -> bool:
        """Whether the number is defined."""
        return self.number == self.number

    @property
    def marks(self) -> list[str]:
        """The marks of a number in a chart: undefined, beyond chance, few samples."""
        if not self.defined:
            return ["undefined"]
        way = "rose" if self.number > 0 else "fell"
        said = [f"{way}, beyond chance"] if self.holds else []
        return [*said, "few samples"] if self.few else said

    @property
    def note(self) -> str:
        """The marks as text."""
        return "; ".join(self.marks)

    def text(self, label: str) -> str:
        """Return the full description, for a tooltip."""
        where = f"{label} of {self.attribute}, {self.place}"
        if not self.defined:
            return f"{where}: undefined, {self.reason}"
        span = f" {self.span}" if self.span else ""
        if self.before == self.before:
            told = f"{number(self.before)} to {number(self.after)}, {signed(self.number)}{span}"
        else:
            told = number(self.number) + span
        mark = f"; {self.note}" if self.marks else ""
        return f"{where}: {told}; n = {self.n:g}{mark}"

    def row(self) -> list[str]:
        """Return the cells of the data table, in the order of `HEADER`."""
        return [
            self.attribute, self.place, number(self.before), number(self.after),
            signed(self.number), self.span or "-",
            "-" if self.n != self.n else f"{self.n:g}", self.note,
        ]  # fmt: skip


HEADER = ["attribute", "group", "reference", "audited", "change", "interval", "n", "note"]


def is_change(records: Iterable[Record], metric: str) -> bool:
    """Return whether a metric's numbers are changes, by definition or due to a reference."""
    mine = (r for r in records if r["metric"] == metric)
    return METRICS[metric].is_change or any(r["change"] == r["change"] for r in mine)


def every_cell(records: Iterable[Record], metric: str) -> list[Cell]:
    """Return the cells of a metric for everyone, then of its group values or contrasts."""
    mine = [r for r in records if r["metric"] == metric and r["attribute"]]
    all_ = [{**r, "contrast": "everyone"} for r in mine if not r["group"]]
    changed = is_change(mine, metric) and not METRICS[metric].is_change
    everyone = [_cell(r, changed=changed, of_values=False) for r in all_]
    return [*everyone, *cells(mine, metric)]


def cells(records: Iterable[Record], metric: str) -> list[Cell]:
    """Return the cells of a metric for its group values, or if there are none for its contrasts."""
    mine = [r for r in records if r["metric"] == metric and r["attribute"] and r["group"]]
    known = group_values(mine)
    values = [r for r in mine if r["contrast"] in known.get(r["group"], ())]
    chosen = values or [r for r in mine if r["contrast"] not in SPREADS]
    changed = is_change(chosen, metric) and not METRICS[metric].is_change
    return [_cell(r, changed=changed, of_values=bool(values)) for r in chosen]


def _cell(r: Record, *, changed: bool, of_values: bool) -> Cell:
    nan = float("nan")
    status = r["change_status" if changed else "status"]
    keys = ("change", "change_low", "change_high") if changed else ("value", "low", "high")
    value, low, high = (r[key] for key in keys)
    sign = "=" if of_values else " "
    place = f"{r['group']}{sign}{r['contrast']}" if r["contrast"] and r["group"] else r["group"]
    place = place or "everyone"
    return Cell(
        attribute=printable(r["attribute"]),
        group=r["group"],
        place=printable(place),
        number=value,
        low=low,
        high=high,
        before=r["reference"] if changed else nan,
        after=r["value"] if changed or not METRICS[r["metric"]].is_change else nan,
        n=nan if r["n"] is None else float(r["n"]),
        few="low_power" in (r["status"], r["change_status"]),
        holds=bool(r["p_adjusted"] < SURE) and status != "undefined",
        reason=printable(r["reason"] or "in the reference"),
        span=span(r, changed=changed).strip(),
    )
