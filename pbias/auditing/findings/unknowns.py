"""The unknowns of an audit: groups that are too small, attributes that are never predicted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.findings.labels import group_values
from pbias.auditing.inference.numbers import MODEL_REASONS
from pbias.auditing.inference.small_counts import benjamini_hochberg
from pbias.auditing.losses import num_lost, p_of_loss
from pbias.auditing.metrics.registry import METRICS

LARGE = 0.1  # if a change this large could be missed in a group, the group is too small
LEAST = 30  # samples, if no interval shows the size
Record = Mapping[str, Any]
# Rates that rest on samples with one label: its name, and their number in a row.
COUNTED: Mapping[str, tuple[str, Callable[[Record], float]]] = {
    "tpr": ("positive", lambda row: float(row["n_positive"])),
    "fpr": ("negative", lambda row: float(row["n"] - row["n_positive"])),
}


@dataclass(frozen=True)
class SmallGroup:
    """A group value with too few samples; `missed`: a change that could be missed there.

    `kind`: "positive" or "negative" where samples are enough, but not those with such a label, of
    which there are `n`: the median over the attributes, if there are `several`.
    """

    group: str
    value: str
    n: int
    missed: float
    kind: str = ""
    several: bool = False

    @property
    def size(self) -> str:
        """Return how many samples there are, as `14` or `3 positive`."""
        return f"{'median ' * self.several}{self.n} {self.kind}".rstrip()


@dataclass(frozen=True)
class Never:
    """An attribute that is never predicted in `n` samples, of which `n_positive` have it.

    `num_before` are the predictions of the reference, all of them lost; NaN without a reference.
    `holds`: that so many are lost is beyond chance, after correction.
    """

    attribute: str
    num_before: float
    n: float
    n_positive: float
    holds: bool = False


@dataclass(frozen=True)
class NeverPredicted:
    """Attributes that are never predicted: `new` ones, and those that the reference never predicts.

    With one model all are `new`.
    """

    new: tuple[Never, ...] = ()
    before: tuple[Never, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The new ones by name."""
        return tuple(never.attribute for never in self.new)


@dataclass(frozen=True)
class Undefined:
    """A number without a value because of the data; `value` "": for everyone."""

    metric: str
    attribute: str
    group: str
    value: str
    reason: str


def small_groups(records: Sequence[Record], metrics: Sequence[str]) -> tuple[SmallGroup, ...]:
    """Return group values where a change of `LARGE` would be missed more than once in five times.

    By the median over the attributes: first of the first of these metrics that is measured there,
    the accuracy, which rests on all samples; then of the rates that rest on those with a positive
    label, or with a negative one. The groups with the fewest come first in each kind.
    """
    of_all, by_label = [], []
    for group, values in group_values(records).items():
        rows = [r for r in records if r["group"] == group and r["metric"] in metrics]
        for value in values:
            mine = [r for r in rows if r["contrast"] == value and r["n"] == r["n"]]
            first = [r for r in mine if r["metric"] == mine[0]["metric"]]
            num = max((int(r["n"]) for r in first), default=0)
            missed = _missed(first)
            if missed > LARGE or (missed != missed and num < LEAST):
                of_all.append(SmallGroup(group, value, num, missed))
            elif small := _small_by_label(group, value, mine):
                by_label.append(small)
    return (*of_all, *sorted(by_label, key=lambda small: small.n))


def _small_by_label(group: str, value: str, rows: Sequence[Record]) -> SmallGroup | None:
    """Return which label is too rare in a group value for the rates that rest on it."""
    for metric, (kind, counted) in COUNTED.items():
        mine = [r for r in rows if r["metric"] == metric and r["attribute"] not in ("", group)]
        mine = [r for r in mine if r["n_positive"] == r["n_positive"]]
        if not mine:
            continue
        num, missed = int(median(map(counted, mine))), _missed(mine)
        if missed > LARGE or (missed != missed and num < LEAST):
            return SmallGroup(group, value, num, missed, kind, several=len(mine) > 1)
    return None


def _missed(rows: Sequence[Record]) -> float:
    """Return the median of the smallest changes that would be found; NaN where none is known."""
    sizes = [r["detectable"] for r in rows if r["detectable"] == r["detectable"]]
    return median(sizes) if sizes else float("nan")


def never_predicted(
    records: Sequence[Record], p: NDArray[np.float64], error: float, *, paired: bool
) -> NeverPredicted:
    """Return the attributes for which a fact about predictions holds, by whether it is new.

    New ones hold if the p-values of their losses do among the others `p` that were looked at.
    """
    facts = [r for r in records if METRICS[r["metric"]].fact and not r["group"] and r["attribute"]]
    holds = [r for r in facts if r["value"] == 1]
    before = [r for r in holds if paired and r["reference"] == 1]
    mine = [r for r in holds if not (paired and r["reference"] == 1)]
    lost = [num_lost(r, r["value"] - r["reference"]) if paired else math.nan for r in mine]
    of_losses = [p_of_loss(num) if num == num else math.nan for num in lost]
    adjusted = benjamini_hochberg([*p, *of_losses])[len(p) :]
    new = [
        Never(r["attribute"], num, r["n"], r["n_positive"], bool(corrected <= error))
        for r, num, corrected in zip(mine, lost, adjusted, strict=True)
    ]
    neither = tuple(Never(r["attribute"], 0.0, r["n"], r["n_positive"]) for r in before)
    return NeverPredicted(tuple(new), neither)


def num_changed(records: Sequence[Record], metrics: Sequence[str]) -> tuple[float, float] | None:
    """Return how many predictions for attributes changed, of how many; None where no row tells."""
    if any(METRICS[name].pooled for name in metrics):
        return None
    everyone = [r for r in records if r["attribute"] and not r["group"] and r["n"] == r["n"]]
    mine = [r for r in everyone if r["metric"] == everyone[0]["metric"]]
    if not mine or any(r["n_discordant"] != r["n_discordant"] for r in mine):
        return None
    return sum(r["n_discordant"] for r in mine), sum(r["n"] for r in mine)


def undefined(records: Sequence[Record], metrics: Sequence[str]) -> tuple[Undefined, ...]:
    """Return the undefined numbers for everyone or a group value that are not a model's fault."""
    values = group_values(records)
    return tuple(
        Undefined(r["metric"], r["attribute"], r["group"], r["contrast"], r["reason"])
        for r in records
        if r["metric"] in metrics
        and r["status"] == "undefined"
        and r["attribute"]
        and not r["reason"].startswith(MODEL_REASONS)
        and (not r["group"] or r["contrast"] in values.get(r["group"], ()))
    )
