"""Evaluate flags, made from the dense model alone, against what pruning then changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pbias.auditing.counts.folds import NUM_FOLDS
from pbias.auditing.counts.join import align
from pbias.auditing.counts.reduction import Side, join_sides
from pbias.auditing.counts.totals import UNCERTAIN_MARGIN, Predictions, predictions
from pbias.auditing.risk.carried_bias import carried
from pbias.auditing.risk.criteria import Scores, attribute_rankings
from pbias.auditing.risk.flagging import Budget
from pbias.auditing.risk.foretold import foretold
from pbias.auditing.risk.outcomes import COLUMNS, Folds, Ranking, outcomes, score_ranking
from pbias.auditing.risk.prediction_risk import flag_risk
from pbias.auditing.risk.rankings import prediction_rankings
from pbias.files.logits import Logits
from pbias.files.table import Table


def evaluate(
    dense: Logits,
    pruned: Sequence[Logits],
    margin: float = UNCERTAIN_MARGIN,
    budget: Budget | None = None,
    level: float = 0.95,
    num_folds: int = NUM_FOLDS,
    *,
    by_group: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Table:
    """Evaluate the flags of `flag_samples` and the risk of attributes on each pruned model.

    `margin`, `budget` and `by_group` are those of the list; other rankings flag as many. `progress`
    takes pruned models (done, total).

    Measures are described in `score_ranking`, `carried` and `foretold`; rankings of predictions in
    `prediction_rankings`, and of attributes in `attribute_rankings`. Raises UserError if files have
    different samples.
    """
    (before,) = join_sides([dense], (), None, None, num_folds)
    runs = [align(run, dense) for run in pruned]
    rankings = prediction_rankings(dense, margin, budget, by_group=by_group)
    of_attributes = attribute_rankings(before, flag_risk(dense))
    names = _names([run.path for run in pruned])
    rows: list[dict[str, Any]] = []
    for done, (name, run) in enumerate(zip(names, runs, strict=True), 1):
        found = _evaluated(before, predictions(run), rankings, of_attributes, level)
        rows += [{"run": name, **row} for row in found]
        progress(done, len(runs))
    return Table({name: [row.get(name) for row in rows] for name in COLUMNS})


def _evaluated(
    before: Side,
    after: Predictions,
    rankings: Sequence[Ranking],
    of_attributes: Mapping[str, Scores],
    level: float,
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
    return rows + foretold(sample, dense, after, of_attributes, level)


def _names(paths: Sequence[str]) -> list[str]:
    """Return names that distinguish runs: the file's name, or its whole path if two share it."""
    stems = [Path(path).stem for path in paths]
    return stems if len(set(stems)) == len(stems) else list(paths)
