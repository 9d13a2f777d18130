"""Flags made from the dense model alone, held against what pruning then did."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.folds import NUM_FOLDS
from pbias.auditing.counts.join import align
from pbias.auditing.counts.reduction import Side, join_sides
from pbias.auditing.counts.totals import UNCERTAIN_MARGIN, Predictions, predictions
from pbias.auditing.inference.distributions import Floats
from pbias.auditing.risk.attribute_risk import group_risks, uncertainty_of_rare
from pbias.auditing.risk.carried_bias import bias, carried, correlated
from pbias.auditing.risk.flagging import Budget, flagged, in_order
from pbias.auditing.risk.outcomes import COLUMNS, Folds, Ranking, outcomes, score_ranking
from pbias.auditing.risk.prediction_risk import Risk, flag_risk
from pbias.files.logits import Logits
from pbias.files.table import Table

RANDOM_SEED = 0


def evaluate(
    dense: Logits,
    pruned: Sequence[Logits],
    margin: float = UNCERTAIN_MARGIN,
    budget: Budget | None = None,
    level: float = 0.95,
    num_folds: int = NUM_FOLDS,
) -> Table:
    """What the flags of `flag_samples`, and the risk of attributes, foretold of each pruned model.

    Measures: `score_ranking`, `carried` and `correlated` say what they are. Rankings: the risk;
    `margin`, as many predictions of the smallest margin; `random`, as many drawn by chance.
    Raises UserError where files are not of the same samples.
    """
    (before,) = join_sides([dense], (), None, None, num_folds)
    runs = [align(run, dense) for run in pruned]
    risk = flag_risk(dense)
    rankings = _rankings(dense, risk, margin, budget)
    names = _names([run.path for run in pruned])
    rows = [
        {"run": name, **row}
        for name, run in zip(names, runs, strict=True)
        for row in _evaluated(before, risk, predictions(run), rankings, level)
    ]
    return Table({name: [row.get(name) for row in rows] for name in COLUMNS})


def _evaluated(
    before: Side, risk: Risk, after: Predictions, rankings: Sequence[Ranking], level: float
) -> list[dict[str, Any]]:
    sample, dense = before.sample, before.predicted[0]
    folds = Folds(sample.folds, sample.num_folds, before.runs[0].clusters is not None)
    rows = [
        row
        for outcome in outcomes(dense.s, after.s, sample.labels_an)
        for ranking in rankings
        for row in score_ranking(ranking, outcome, folds, level)
    ]
    rows += carried(sample, dense, after, rankings, level)
    unsure, _ = uncertainty_of_rare(before.runs[0], risk)
    risks = group_risks(before, unsure)
    if not risks:
        return rows
    margin = risk.margin.mean(axis=1)
    return rows + correlated(bias(sample, dense), bias(sample, after), risks, margin, level)


def _rankings(
    dense: Logits, risk: Risk, margin: float, budget: Budget | None
) -> tuple[Ranking, ...]:
    target, row = flagged(dense, risk, margin, budget)
    chosen = np.zeros(risk.s.shape, bool)
    chosen[target, row] = True
    others = {"margin": -risk.margin, "random": _by_chance(dense, risk)}
    return (
        Ranking("risk", risk.log_odds, chosen),
        *(
            Ranking(name, scores, _largest(dense, scores, len(row)))
            for name, scores in others.items()
        ),
    )


def _by_chance(dense: Logits, risk: Risk) -> Floats:
    """A number for every prediction, the same in whatever order the samples stand."""
    drawn = np.random.default_rng(RANDOM_SEED).random(risk.s.shape)
    if dense.ids is None:
        return drawn
    return np.asarray(drawn[:, np.unique(dense.ids, return_inverse=True)[1]])


def _largest(dense: Logits, scores: Floats, count: int) -> NDArray[np.bool_]:
    """The predictions with the `count` largest scores."""
    at = np.nonzero(np.ones(scores.shape, bool))
    order = in_order(dense, at, -scores[at])[:count]
    chosen = np.zeros(scores.shape, bool)
    chosen[at[0][order], at[1][order]] = True
    return chosen


def _names(paths: Sequence[str]) -> list[str]:
    """What tells runs apart: the file's name, or its whole path where two share it."""
    stems = [Path(path).stem for path in paths]
    return stems if len(set(stems)) == len(stems) else list(paths)
