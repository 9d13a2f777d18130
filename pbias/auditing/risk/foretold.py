"""How well rankings of attributes, made before pruning, predict where bias changes.

Shape suffixes: J folds, S rows (groups or contrasts), A targets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from pbias.auditing.counts.reduction import Sample
from pbias.auditing.counts.totals import Predictions, Totals
from pbias.auditing.inference.distributions import Floats
from pbias.auditing.metrics.amplification import BIAS_AMPLIFICATION
from pbias.auditing.metrics.changes import DID_TPR
from pbias.auditing.metrics.measures import Measure
from pbias.auditing.metrics.rates import TCB
from pbias.auditing.risk.carried_bias import Record, bias_of, count
from pbias.auditing.risk.criteria import Scores, highest
from pbias.auditing.risk.outcomes import spearman

NUM_SPLITS, SPLIT_SEED = 20, 0
Changes = Mapping[str, Floats]  # [S, A] by metric


def foretold(
    sample: Sample,
    dense: Predictions,
    pruned: Predictions,
    rankings: Mapping[str, Scores],
    level: float,
) -> list[Record]:
    """Return spearman, the rank correlation of each ranking of attributes and the changes.

    For each group, the changes are the change of bias amplification, its square, and the square of
    did_tpr (summed over contrasts). For everyone, the change is that of tcb, ranked by the largest
    score of any group; an informative ranking makes that correlation negative.

    Squares are corrected for noise: a change's own error makes its square large if few samples are
    behind it, and this correlates with every ranking. So the folds are split into halves at random,
    and the change in one half is multiplied by the change in the other. If nothing changed, this
    product is as often below 0 as above, whatever the error. The correlation is the mean over such
    splits.
    """
    before, after = count(sample, dense), count(sample, pruned)
    whole, rows = _changes(sample, before, after)
    halves = [
        tuple(_changes(half, *sides)[0] for half, *sides in cut)
        for cut in _cuts(sample, before, after)
    ]
    found = []
    for index, (group, scores) in enumerate(rankings.items()):
        mine = [i for i, row in enumerate(rows) if row == group]
        amplified = BIAS_AMPLIFICATION.name
        outcomes = {
            f"change({amplified})": [whole[amplified][index]],
            f"change({amplified})^2": _products(halves, amplified, [index]),
            f"{DID_TPR.name}^2": _products(halves, DID_TPR.name, mine),
        }
        for name, values in outcomes.items():
            found += _correlated(name, group, scores, values, level)
    if rankings:
        scores = highest(list(rankings.values()))
        found += _correlated("change(tcb)", "", scores, [whole[TCB.name][0]], level)
    return found


def _correlated(
    outcome: str, group: str, scores: Scores, values: Sequence[Floats], level: float
) -> list[Record]:
    records = []
    for ranking, score in scores.items():
        number, num = spearman(score, np.reshape(values, (len(values), len(score))), level)
        shared = {"outcome": outcome, "group": group, "ranking": ranking}
        records.append({"measure": "spearman", **shared, **number._asdict(), "n": num})
    return records


def _changes(sample: Sample, before: Totals, after: Totals) -> tuple[Changes, list[str]]:
    """Return the changes [S, A] by metric, and the group of each row of did_tpr."""
    states = [bias_of(sample, totals) for totals in (before, after)]
    found = {name: _value(states[1][name]) - _value(states[0][name]) for name in states[0]}
    return found, [
        row.group for row in states[0][DID_TPR.name].rows
    ] if DID_TPR.name in found else []


def _value(measure: Measure) -> Floats:
    return np.asarray(measure.value[0, 0])


def _cuts(sample: Sample, before: Totals, after: Totals) -> list[Any]:
    """Return random splits of the folds in two halves, each with its sample and both totals."""
    if sample.num_folds < 2:
        return []
    rng = np.random.default_rng(SPLIT_SEED)
    one_fold, cuts = replace(sample, num_folds=1), []
    for _ in range(NUM_SPLITS):
        first = np.zeros(sample.num_folds, bool)
        first[rng.permutation(sample.num_folds)[: sample.num_folds // 2]] = True
        cuts.append(
            [(one_fold, _part(before, half), _part(after, half)) for half in (first, ~first)]
        )
    return cuts


def _part(totals: Totals, folds: Any) -> Totals:
    """Return the totals of some folds, as one fold."""
    return Totals(
        *(getattr(totals, f.name)[folds].sum(axis=0, keepdims=True) for f in fields(totals))
    )


def _products(halves: Sequence[Any], name: str, rows: Sequence[int]) -> list[Floats]:
    """Return the change in one half times the change in the other [A], for each split."""
    found = []
    for first, second in halves:
        product = first[name][rows] * second[name][rows]
        known = ~np.isnan(product)
        total = np.where(known, product, 0.0).sum(axis=0)
        found.append(np.where(known.any(axis=0), total, np.nan))
    return found
