"""How well flags, made before pruning, find the predictions that it overturned.

Shape suffixes: A targets, n samples, J folds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.ranking import auc_left_out, rank
from pbias.auditing.counts.sums import whole_and_left_out
from pbias.auditing.inference.distributions import Floats
from pbias.auditing.inference.intervals import wilson
from pbias.auditing.metrics.entry import Scale
from pbias.auditing.metrics.measures import FEW
from pbias.auditing.risk.scored_numbers import Number, of_folds, undefined
from pbias.files.logits import UNKNOWN

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Ranking:
    """One way to choose: scores [A, n], the riskiest largest, and what it flags, bool [A, n]."""

    name: str
    scores: Floats
    flagged: Mask


@dataclass(frozen=True)
class Outcome:
    """What may have happened to a prediction, bool [A, n], where it can be told, bool [A, n]."""

    name: str
    happened: Mask
    known: Mask


@dataclass(frozen=True)
class Folds:
    """The fold of each sample, int [n], their number, and whether samples come in clusters."""

    of: NDArray[np.intp]
    num: int
    clustered: bool

    def sums(self, mask_an: Mask) -> NDArray[np.int64]:
        """How many are set: in all, then without each fold, [1+J]."""
        counts = np.bincount(self.of, mask_an.sum(axis=0), self.num)
        return whole_and_left_out(counts.astype(np.int64))


def outcomes(d_an: Mask, s_an: Mask, labels_an: NDArray[np.int8]) -> list[Outcome]:
    """flips, s != d, over all; lost_positives, y = d = 1 and s = 0, over labelled predictions."""
    lost = (labels_an == 1) & d_an & ~s_an
    return [
        Outcome("flips", d_an != s_an, np.ones_like(d_an)),
        Outcome("lost_positives", lost, labels_an != UNKNOWN),
    ]


def found(ranking: Ranking, outcome: Outcome, folds: Folds, level: float) -> list[dict[str, Any]]:
    """precision, recall, lift and auc of a ranking for an outcome, a row each.

    precision `P(outcome given flagged)`, recall `P(flagged given outcome)`, lift precision over
    `P(outcome)`, auc that of the scores over all predictions. Undefined where a condition is empty.
    The list is taken as it is: intervals are about samples that it would meet with.
    """
    flagged = ranking.flagged & outcome.known
    totals = [
        folds.sums(mask)
        for mask in (flagged & outcome.happened, flagged, outcome.happened, outcome.known)
    ]
    hits, num_flagged, events, rows = totals
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = hits / num_flagged, hits / events
        lift = precision * rows / events
    whole = folds if not folds.clustered else None
    numbers = {
        "precision": _share(precision, hits[0], num_flagged[0], "nothing is flagged", whole, level),
        "recall": _share(recall, hits[0], events[0], f"no {outcome.name}", whole, level),
        "lift": _lift(lift, hits[0], num_flagged[0], events[0], outcome.name, level),
        "auc": _auc(ranking, outcome, folds, level),
    }
    shared = {"outcome": outcome.name, "group": "", "ranking": ranking.name}
    counts = {"n": int(rows[0]), "n_outcome": int(events[0]), "n_flagged": int(num_flagged[0])}
    return [
        {"measure": name, **shared, **number._asdict(), **counts}
        for name, number in numbers.items()
    ]


def _share(
    values: Floats, top: int, bottom: int, why: str, independent: Folds | None, level: float
) -> Number:
    """A share with its interval: Wilson's where there are few on either side, else by folds."""
    if not bottom:
        return undefined(why)
    few = min(top, bottom - top) < FEW
    number = of_folds(values, level, Scale.LOGIT, few)
    if few and independent is not None:
        low, high = wilson(top, bottom, level)
        number = number._replace(low=float(low), high=float(high))
    return number


def _lift(values: Floats, hits: int, flagged: int, events: int, name: str, level: float) -> Number:
    if not flagged or not events:
        return undefined(f"no {name}" if flagged else "nothing is flagged")
    return of_folds(values, level, Scale.LOG, hits < FEW)


def _auc(ranking: Ranking, outcome: Outcome, folds: Folds, level: float) -> Number:
    """Pooled over attributes."""
    happened = outcome.happened[outcome.known]
    if happened.all() or not happened.any():
        return undefined(
            f"no {outcome.name}" if len(happened) and not happened.any() else "no other"
        )
    order, runs = rank(ranking.scores[outcome.known])
    fold_an = np.broadcast_to(folds.of, outcome.known.shape)[outcome.known]
    values = auc_left_out(
        happened[order].astype(np.int8),
        runs,
        fold_an[order] if folds.num > 1 else None,
        folds.num,
    )
    few = min(int(happened.sum()), int((~happened).sum())) < FEW
    return of_folds(values, level, Scale.LOGIT, few)
