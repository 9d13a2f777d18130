"""Rankings of predictions before pruning: by risk, and by simpler rules.

Shape suffixes: A targets, n samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.trained import rare_is_one
from pbias.auditing.inference.distributions import Floats
from pbias.auditing.risk.flagging import Budget, flagged, in_order
from pbias.auditing.risk.outcomes import Ranking
from pbias.auditing.risk.prediction_risk import Risk, flag_risk
from pbias.files.logits import Logits

RANDOM_SEED = 0


RISK, BY_GROUP = "risk", "risk_by_group"


def prediction_rankings(
    dense: Logits, margin: float, budget: Budget | None, *, by_group: bool = False
) -> tuple[Ranking, ...]:
    """Rank the predictions by risk and by simpler rules, each with as many flags as the list.

    `risk` is the score of `flag_risk`. `risk_by_group` uses the training counts of the sample's
    group; it is the list of `by_group`. `rarer_first` puts predictions of the value that is rarer
    in training first, each half the least certain first (without training counts all are alike).
    `positive_first` puts positive predictions first, each half the least certain first. `margin`
    puts the least certain first; `random` is random.
    """
    risk, of_group = flag_risk(dense), flag_risk(dense, by_group=True)
    target, row = flagged(dense, of_group if by_group else risk, margin, budget)
    chosen = np.zeros(risk.s.shape, bool)
    chosen[target, row] = True
    scores = {
        RISK: risk.log_odds,
        BY_GROUP: of_group.log_odds,
        "rarer_first": _first(_rarer(dense, risk), risk),
        "positive_first": _first(risk.s, risk),
        "margin": -risk.margin,
        "random": _by_chance(dense, risk),
    }
    listed = BY_GROUP if by_group else RISK
    return tuple(
        Ranking(name, of, chosen if name == listed else _largest(dense, of, len(row)))
        for name, of in scores.items()
    )


def _first(before: NDArray[np.bool_], risk: Risk) -> Floats:
    """Return scores that put the predictions `before` first, each half by margin (0.5 at most)."""
    return before - risk.margin


def _rarer(dense: Logits, risk: Risk) -> NDArray[np.bool_]:
    if dense.train_counts is None:
        return np.zeros_like(risk.s)
    return np.asarray(risk.s == rare_is_one(dense.train_counts)[:, None])


def _by_chance(dense: Logits, risk: Risk) -> Floats:
    """Return a random number for every prediction, independent of the order of the samples."""
    drawn = np.random.default_rng(RANDOM_SEED).random(risk.s.shape)
    if dense.ids is None:
        return drawn
    return np.asarray(drawn[:, np.unique(dense.ids, return_inverse=True)[1]])


def _largest(dense: Logits, scores: Floats, count: int) -> NDArray[np.bool_]:
    """Return the predictions with the `count` largest scores."""
    at = np.nonzero(np.ones(scores.shape, bool))
    order = in_order(dense, at, -scores[at])[:count]
    chosen = np.zeros(scores.shape, bool)
    chosen[at[0][order], at[1][order]] = True
    return chosen
