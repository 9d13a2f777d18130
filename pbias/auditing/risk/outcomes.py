"""Measure how well flags, made before pruning, find the predictions that it overturned.

Shape suffixes: A targets, n samples, J folds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.ranks.ranking import auc_left_out, rank
from pbias.auditing.counts.sums import whole_and_left_out
from pbias.auditing.inference.distributions import Floats, critical
from pbias.auditing.inference.intervals import scaled_interval, wilson
from pbias.auditing.inference.jackknife import estimate
from pbias.auditing.metrics.entry import Scale
from pbias.auditing.metrics.measures import FEW
from pbias.files.logits import UNKNOWN

MIN_RANKED = 4
COLUMNS = (
    "run", "measure", "outcome", "group", "ranking", "value", "low", "high", "status", "reason",
    "n", "n_outcome", "n_flagged",
)  # fmt: skip
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Ranking:
    """A way to choose: scores [A, n], the riskiest largest, and the flags, bool [A, n]."""

    name: str
    scores: Floats
    flagged: Mask


@dataclass(frozen=True)
class Outcome:
    """An event of predictions, bool [A, n], and where it is known, bool [A, n]."""

    name: str
    happened: Mask
    known: Mask


@dataclass(frozen=True)
class Folds:
    """The fold of each sample, int [n], the number of folds, and whether samples have clusters."""

    of: NDArray[np.intp]
    num: int
    clustered: bool

    def sums(self, mask_an: Mask) -> NDArray[np.int64]:
        """Return the number of set values: in all, then without each fold, [1+J]."""
        counts = np.bincount(self.of, mask_an.sum(axis=0), self.num)
        return whole_and_left_out(counts.astype(np.int64))


def outcomes(d_an: Mask, s_an: Mask, labels_an: NDArray[np.int8]) -> list[Outcome]:
    """Return flips, s != d, and lost_positives, y = d = 1 and s = 0 (labeled predictions only)."""
    lost = (labels_an == 1) & d_an & ~s_an
    return [
        Outcome("flips", d_an != s_an, np.ones_like(d_an)),
        Outcome("lost_positives", lost, labels_an != UNKNOWN),
    ]


def score_ranking(
    ranking: Ranking, outcome: Outcome, folds: Folds, level: float
) -> list[dict[str, Any]]:
    """Return precision, recall, lift and auc of a ranking for an outcome, one per row.

    Precision is `P(outcome given flagged)`, recall `P(flagged given outcome)`, lift precision over
    `P(outcome)`, and auc that of the scores over all predictions. They are undefined if a condition
    is empty. The list is taken as given: intervals reflect the sampling of other data for it.
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
    """Return a share with its interval: Wilson's for few counts on either side, else by folds."""
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
    """Return the AUC over the predictions of all attributes together."""
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


class Number(NamedTuple):
    """A value with its interval; NaN if undefined (`reason`), and for unknown ends."""

    value: float
    low: float = float("nan")
    high: float = float("nan")
    status: str = "ok"
    reason: str = ""


def undefined(reason: str) -> Number:
    """Return a number without a value, because of `reason`."""
    return Number(float("nan"), status="undefined", reason=reason)


def of_folds(values: Floats, level: float, scale: Scale, few: bool) -> Number:
    """Return a number from values [1+J], in all and without each fold, with an interval on a scale.

    With few events, the errors of a ratio are too asymmetric for any scale: low power.
    """
    found = estimate(values[None, :, None])
    low, high = (float(end[0]) for end in scaled_interval(scale, found, level))
    return Number(float(values[0]), low, high, "low_power" if few else "ok")


def spearman(x: Floats, ys: Floats, level: float) -> tuple[Number, int]:
    """Return the rank correlation of x and y over rows where both are known, and their number.

    For several y [K, rows] it is the mean of the correlations, and the number counts rows known in
    any. Ties have their mean rank. The interval is that of Bonett and Wright (2000), Psychometrika
    65:23: Fisher's z with variance `(1 + r^2 / 2) / (n - 3)`. It treats the rows as a sample.
    """
    ys = np.atleast_2d(ys)
    known = ~(np.isnan(x) | np.isnan(ys))
    num = int(known.any(axis=0).sum())
    pairs = [(x[at], y[at]) for y, at in zip(ys, known, strict=True) if at.sum() >= MIN_RANKED]
    if not pairs:
        return undefined(f"fewer than {MIN_RANKED} attributes"), num
    varied = [pair for pair in pairs if all(np.ptp(one) > 0 for one in pair)]
    if not varied:
        return undefined("all attributes alike"), num
    r = float(np.mean([_rank_correlation(*pair) for pair in varied]))
    reach = float(critical(level)) * np.sqrt((1 + r**2 / 2) / (num - 3))
    with np.errstate(divide="ignore"):
        z = np.arctanh(r)
    status = "low_power" if num < FEW else "ok"
    return Number(r, float(np.tanh(z - reach)), float(np.tanh(z + reach)), status), num


def _rank_correlation(x: Floats, y: Floats) -> float:
    return float(np.clip(np.corrcoef(mean_ranks(x), mean_ranks(y))[0, 1], -1.0, 1.0))


def mean_ranks(values: Floats) -> Floats:
    """Return ranks from 1; ties have their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[inverse])
