"""List the predictions that pruning is most likely to overturn, in order, with reasons.

Shape suffixes as in prediction_risk.py.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.join import decoded, group_columns
from pbias.auditing.counts.totals import UNCERTAIN_MARGIN
from pbias.auditing.risk.prediction_risk import NOTHING_KNOWN, Risk, flag_risk
from pbias.files.logits import Logits
from pbias.files.table import Table

log = logging.getLogger(__name__)

COLUMNS = ("id", "attribute", "prediction", "probability", "margin", "risk", "reasons")


@dataclass(frozen=True)
class Budget:
    """The maximum number of predictions: a number, or a percentage of all."""

    amount: float
    percent: bool = False

    def of(self, num: int) -> int:
        """Return the number of predictions out of `num`; half a prediction rounds to even."""
        return min(num, round(num * self.amount / 100) if self.percent else int(self.amount))


def flag_samples(
    logits: Logits,
    margin: float = UNCERTAIN_MARGIN,
    budget: Budget | None = None,
    *,
    by_group: bool = False,
) -> Table:
    """List the predictions that `flagged` chooses, the riskiest first, one per row.

    Columns: id (the row number without ids), attribute, prediction, probability, margin, then one
    for each group (empty: unknown), risk, reasons. With `by_group`, the risk uses the training
    counts of the sample's group (see `flag_risk`). Labels are never read.
    """
    warn_without_counts(logits)
    risk = flag_risk(logits, by_group=by_group)
    at = flagged(logits, risk, margin, budget)
    return Table(flag_columns(logits, risk, at, margin))


def warn_without_counts(logits: Logits) -> None:
    """Warn that risk does not know what is usual in training."""
    if logits.train_counts is None:
        log.warning("%s has no training counts: risk is the model's own doubt alone", logits.path)


def flag_columns(
    logits: Logits, risk: Risk, at: tuple[NDArray[np.intp], ...], margin: float, first_row: int = 0
) -> dict[str, list[Any]]:
    """Return the table's columns of predictions (targets, rows); rows count from `first_row`."""
    target, row = at
    ids = (row + first_row).astype(str) if logits.ids is None else logits.ids[row]
    return {
        "id": ids.tolist(),
        "attribute": np.array(logits.targets)[target].tolist(),
        "prediction": risk.s[at].astype(int).tolist(),
        "probability": risk.p[at].tolist(),
        "margin": risk.margin[at].tolist(),
        **group_columns(logits, row, COLUMNS),
        "risk": risk.value[at].tolist(),
        "reasons": _reasons(logits, risk, risk.uncertain(margin)[at], target, row),
    }


def flagged(
    logits: Logits, risk: Risk, margin: float = UNCERTAIN_MARGIN, budget: Budget | None = None
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return targets and rows of the flagged predictions, in order.

    Flagged are predictions with a margin below `margin`, and those for which the training odds
    against them outweigh the model's odds for them; `budget` keeps the first by risk. Ties go to
    the smaller margin, then the smaller id (or row, without ids), then the first attribute.
    """
    at = np.nonzero(risk.uncertain(margin) | risk.against)
    order = in_order(logits, at, -risk.log_odds[at], risk.margin[at])
    if budget is not None:
        order = order[: budget.of(risk.s.size)]
    return at[0][order], at[1][order]


def in_order(
    logits: Logits, at: tuple[NDArray[np.intp], ...], *keys: NDArray[Any]
) -> NDArray[np.intp]:
    """Sort the predictions `at` (targets, rows) by ascending keys, then id, then target."""
    target, row = at
    place = np.arange(len(logits))
    if logits.ids is not None:
        place = np.unique(logits.ids, return_inverse=True)[1]
    return np.lexsort((target, place[row], *reversed(keys)))


def flag_counts(table: Table, targets: Sequence[str]) -> list[tuple[str, int]]:
    """Return how many samples are flagged for each attribute, the most first."""
    names, counts = np.unique(table.columns["attribute"], return_counts=True)
    found = dict(zip(names.tolist(), counts.tolist(), strict=True))
    return sorted(((name, found.get(name, 0)) for name in targets), key=lambda x: -x[1])


def _reasons(
    logits: Logits,
    risk: Risk,
    unsure: NDArray[np.bool_],
    target: NDArray[np.intp],
    row: NDArray[np.intp],
) -> list[str]:
    """Return `uncertain`, and how rare the predicted value is in training if below one half."""
    group, share = risk.group[target, row], risk.share[target, row]
    who = np.full(len(row), "", object)
    for index, name in enumerate(logits.group_names):
        mine = group == index
        who[mine] = [f" for {name}={value}" for value in decoded(logits, index)[row[mine]]]
    rare = (group > NOTHING_KNOWN) & (share < 0.5)
    return [
        "; ".join(
            ["uncertain"] * bool(u) + [f"rare{name} ({100 * part:.3g} % in training)"] * bool(r)
        )
        for u, r, name, part in zip(unsure, rare, who, share, strict=True)
    ]
