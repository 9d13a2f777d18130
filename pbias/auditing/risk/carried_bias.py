"""The share of the change of bias that flagged predictions carry.

Shape suffixes: J folds, S rows (groups or contrasts), A targets, n samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pbias.auditing.counts.reduction import Sample
from pbias.auditing.counts.sums import sum_runs
from pbias.auditing.counts.totals import Predictions, Totals, reduce_rows
from pbias.auditing.inference.distributions import Floats
from pbias.auditing.metrics.amplification import (
    BIAS_AMPLIFICATION,
    MIN_POSITIVES,
    bias_amplification,
)
from pbias.auditing.metrics.changes import DID_TPR
from pbias.auditing.metrics.entry import Scale
from pbias.auditing.metrics.measures import Measure, contrasts
from pbias.auditing.metrics.models import Model
from pbias.auditing.metrics.rates import TCB, tcb, tpr
from pbias.auditing.risk.outcomes import Number, Ranking, of_folds, undefined

Record = dict[str, Any]
# Beyond half, the remainder without chance is too small to divide by.
MOST_NOISE = 0.5
WIDEST = 2.0  # an interval of a share that is wider than the whole change in both directions
WITHIN_CHANCE = "the change is within chance"


def bias(sample: Sample, predicted: Predictions) -> dict[str, Measure]:
    """Return the metrics of bias, as `bias_of` does for counts."""
    return bias_of(sample, count(sample, predicted))


def count(sample: Sample, predicted: Predictions) -> Totals:
    """Count the predictions on a sample by fold."""
    return reduce_rows(predicted, sample.labels_an, sample.strata, sample.folds, sample.num_folds)


def bias_of(sample: Sample, totals: Totals) -> dict[str, Measure]:
    """Return the metrics of bias: differences of TPR between groups, BA, and tcb for everyone.

    As for bias amplification, a TPR needs 10 positives or more; otherwise the difference is NaN.
    """
    model = Model(sample, sum_runs([totals], sample.strata))
    found, ba = tpr(model), bias_amplification(model)
    enough = found.trials is not None and found.trials >= MIN_POSITIVES
    found = replace(found, value=np.where(enough, found.value, np.nan))
    differences = {DID_TPR.name: contrasts(found, sample.strata)} if sample.strata.contrasts else {}
    by_group = {} if ba is None else {BIAS_AMPLIFICATION.name: ba}
    return {**differences, **by_group, TCB.name: tcb(model).take([0])}


def carried(
    sample: Sample,
    dense: Predictions,
    pruned: Predictions,
    rankings: Sequence[Ranking],
    level: float,
) -> list[Record]:
    """Return share_of_change: the part of a change of bias that dense flagged predictions remove.

    With c the change of an attribute and r the part of it that is removed, this is `sum(c r) /
    sum(c^2)` over the attributes (and contrasts of a group) that are defined in all cases, with all
    folds and without each. From both sums the contribution of chance is subtracted, the
    (co)variances of c and r. A share of 1 means all of the change, 0 none; below 0 the change
    grows. For did_tpr, which is linear, the shares of a list and of the remaining predictions add
    up to 1, and a random list has its own size as its share. Undefined if nothing changed, if
    chance makes up more than half of `sum(c^2)`, or if the share may be off by the whole change.
    """
    masks = [np.where(r.flagged, dense.s, pruned.s) for r in rankings]
    mended = [bias(sample, replace(pruned, s=s)) for s in masks]
    before, after = bias(sample, dense), bias(sample, pruned)
    found = []
    for name, group in _names(before):
        states = [_of(state[name], group) for state in (before, after, *mended)]
        defined = ~np.isnan(states).any(axis=(0, 1))
        d, s, *others = (state[:, defined] for state in states)
        for ranking, m in zip(rankings, others, strict=True):
            shared = {"outcome": name, "group": group, "ranking": ranking.name}
            counts = {"n": int(defined.sum()), "n_outcome": int((d[0] != s[0]).sum())}
            number = _share(s - d, s - m, level)._asdict()
            listed = {"n_flagged": int(ranking.flagged.sum())}
            found.append({"measure": "share_of_change", **shared, **number, **counts, **listed})
    return found


def _names(state: Mapping[str, Measure]) -> list[tuple[str, str]]:
    """Return each pair of metric and group once."""
    return list(dict.fromkeys((name, row.group) for name, one in state.items() for row in one.rows))


def _of(measure: Measure, group: str) -> Floats:
    """Return the values of a group, [1+J, S*A]."""
    mine = [i for i, row in enumerate(measure.rows) if row.group == group]
    values = measure.value[0][:, mine]
    return np.asarray(values.reshape(len(values), -1))


def _share(change: Floats, removed: Floats, level: float) -> Number:
    """Return the share from values [1+J, rows], less the jackknife's (co)variances of both sums."""
    total = (change**2).sum(axis=1)
    if not total[0] > 0:
        return undefined("nothing changed" if change.shape[1] else "undefined for every attribute")
    noise = _covariance(change, change)
    if noise > MOST_NOISE * total[0]:
        return undefined(WITHIN_CHANCE)
    both = (change * removed).sum(axis=1) - _covariance(change, removed)
    share = of_folds(both / (total - noise), level, Scale.IDENTITY, few=False)
    return undefined(WITHIN_CHANCE) if share.high - share.low > WIDEST else share


def _covariance(x: Floats, y: Floats) -> float:
    """Return the jackknife covariance of values [1+J, rows], summed over rows; 0 without folds."""
    num = len(x) - 1
    away = [v[1:] - v[1:].mean(axis=0) if num else v[1:] for v in (x, y)]
    return float((away[0] * away[1]).sum() * (num - 1) / max(num, 1))
