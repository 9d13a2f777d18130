"""Rankings of attributes before pruning: by risk, by the paper's criteria, and by all of these.

Shape suffixes: A targets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pbias.auditing.counts.reduction import Side
from pbias.auditing.inference.distributions import Floats
from pbias.auditing.metrics.amplification import bias_amplification
from pbias.auditing.metrics.interdependence import interdependence
from pbias.auditing.metrics.models import Model
from pbias.auditing.metrics.rates import tcb
from pbias.auditing.risk.attribute_risk import (
    frequency,
    group_risks,
    phi_in_training,
    uncertainty_of_rare,
)
from pbias.auditing.risk.outcomes import mean_ranks
from pbias.auditing.risk.prediction_risk import Risk

Scores = Mapping[str, Floats]
# The paper's criteria, from the dense model and its training data; TOGETHER is their mean rank.
CRITERIA = ("uncertainty", "rarity", "tcb", "phi", "bias_amplification", "interdependence")
RISK, MARGIN, TOGETHER = "risk", "margin", "together"


def attribute_rankings(dense: Side, risk: Risk) -> dict[str, Scores]:
    """Return the scores [A] of each ranking for each group, the riskiest largest.

    risk: attribute_risk; margin: the smallest mean margin first; uncertainty: share of uncertain
    predictions; rarity: the rarer value's frequency in training, the rarest first; tcb: the
    smallest first; phi: size of the association with the group in training; bias_amplification;
    interdependence: R^2 of the predictions on the predictions of all other attributes; together:
    mean rank in the defined ones of the last six. Scores are NaN if the risk is undefined.
    Source: docs/flagging.md; after the paper, section 5 (criteria of the dense model alone).
    """
    logits = dense.runs[0]
    model, often = Model.of(dense.counts), frequency(logits)
    found, amplified = group_risks(dense, uncertainty_of_rare(logits, risk)[0]), None
    if found:
        amplified = bias_amplification(model)
    fit = interdependence(model)
    nothing = np.full(len(often), np.nan)
    shared = {
        MARGIN: -risk.margin.mean(axis=1),
        "uncertainty": risk.unsure.mean(axis=1),
        "rarity": -np.minimum(often, 1 - often),
        "tcb": -tcb(model).value[0, 0, 0],
        "interdependence": nothing if fit is None else fit.value[0, 0, 0],
    }
    return {
        one.group: _ranked({
            RISK: one.risk,
            **shared,
            "phi": np.abs(phi_in_training(logits, one.group)),
            "bias_amplification": nothing if amplified is None else amplified.value[0, 0, index],
        })
        for index, one in enumerate(found)
    }  # fmt: skip


def highest(rankings: Sequence[Scores]) -> Scores:
    """Return the largest score of any group, for outcomes that are the same for all groups."""
    names = rankings[0]
    return {name: np.fmax.reduce([scores[name] for scores in rankings]) for name in names}


def _ranked(scores: Scores) -> Scores:
    """Return the scores in order, NaN if the risk is undefined, with all criteria together."""
    known = ~np.isnan(scores[RISK])
    kept = {name: np.where(known, scores[name], np.nan) for name in (RISK, MARGIN, *CRITERIA)}
    ranks = np.array([_share_below(kept[name]) for name in CRITERIA])
    defined = ~np.isnan(ranks)
    num = defined.sum(axis=0)
    mean = np.where(defined, ranks, 0.0).sum(axis=0) / np.maximum(num, 1)
    return {**kept, TOGETHER: np.where(num > 0, mean, np.nan)}


def _share_below(values: Floats) -> Floats:
    """Return the ranks of defined values, scaled from 0 to 1."""
    found, known = np.full(len(values), np.nan), ~np.isnan(values)
    if known.any():
        found[known] = (mean_ranks(values[known]) - 0.5) / known.sum()
    return found
