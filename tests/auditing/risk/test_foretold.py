"""Rankings of attributes and predictions by simple rules, and whether they predict change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pbias.auditing.counts.fits import r_squared
from pbias.auditing.counts.reduction import join_sides
from pbias.auditing.counts.totals import predictions
from pbias.auditing.risk.criteria import CRITERIA, Scores, attribute_rankings
from pbias.auditing.risk.foretold import foretold
from pbias.auditing.risk.outcomes import spearman
from pbias.auditing.risk.prediction_risk import flag_risk
from pbias.auditing.risk.rankings import prediction_rankings
from pbias.files.logits import Logits

MakeLogits = Callable[..., Logits]
NUM, TARGETS = 2000, 24


def world(seed: int, harm: float = 0.0) -> tuple[Logits, Logits]:
    """Draw rare to common attributes: a tenth of all flips, and women lose a share of positives.

    The share grows with the position of the attribute, up to `harm`.
    """
    rng = np.random.default_rng(seed)
    rate = rng.permutation(np.geomspace(0.03, 0.5, TARGETS))
    woman = rng.random(NUM) < 0.35
    labels = rng.random((NUM, TARGETS)) < rate
    spread = rng.permutation(np.linspace(0.5, 1.5, TARGETS))
    z = 3.0 * labels - 1.5 + spread * rng.normal(size=labels.shape)
    flips = rng.random(z.shape) < 0.1
    share = harm * np.arange(TARGETS) / TARGETS
    lost = labels & woman[:, None] & (rng.random(z.shape) < share)
    after = np.where(lost, -np.abs(z), np.where(flips, -z, z))
    counts = np.zeros((TARGETS, 2, 3, 2), np.int64)
    of_label = np.stack([1 - rate, rate], axis=1)
    counts[:, 0, 0], counts[:, 0, 1] = 6500 * of_label + 1, 3500 * of_label * [1, 1.3] + 1
    counts[:, 1, 2] = counts[:, 0].sum(axis=1)
    dense = Logits(
        z.astype(np.float32),
        labels.astype(np.int8),
        tuple(f"a{i}" for i in range(TARGETS)),
        ids=np.arange(NUM).astype(str),
        groups=woman.astype(np.int16)[:, None],
        group_names=("woman",),
        group_values=(("0", "1"),),
        train_counts=counts,
    )
    return dense, replace(dense, logits=after.astype(np.float32))


def correlations(dense: Logits, pruned: Logits, extra: Scores | None = None) -> dict[Any, float]:
    """Return the rank correlation of each outcome and ranking, including `extra` ones."""
    (side,) = join_sides([dense], (), None, None, 50)
    rankings = attribute_rankings(side, flag_risk(dense))
    found = {group: {**scores, **(extra or {})} for group, scores in rankings.items()}
    rows = foretold(side.sample, side.predicted[0], predictions(pruned), found, 0.95)
    return {(row["outcome"], row["ranking"]): row["value"] for row in rows}


def test_in_a_null_world_no_ranking_foretells_the_gap() -> None:
    """By chance, rare attributes have the largest gaps, so abs(did_tpr) correlates with rarity."""
    found, naive = [], []
    for seed in range(10):
        dense, pruned = world(seed)
        rarity = -dense.labels.mean(axis=0)
        found.append(correlations(dense, pruned))
        gap = np.abs(_gap(dense, pruned))
        naive.append(spearman(rarity, gap, 0.95)[0].value)
    error = 0.25 / np.sqrt(10)
    assert np.mean(naive) > 0.35
    for ranking in ("risk", "margin", *CRITERIA, "together"):
        assert abs(np.mean([one["did_tpr^2", ranking] for one in found])) < 2.5 * error, ranking


def _gap(dense: Logits, pruned: Logits) -> np.ndarray[Any, Any]:
    """Compute did_tpr by hand."""
    change, positive = (pruned.logits > 0) * 1.0 - (dense.logits > 0), dense.labels == 1
    woman = dense.groups[:, :1] == 1
    rates = [
        (change * (positive & g)).sum(axis=0) / (positive & g).sum(axis=0) for g in (woman, ~woman)
    ]
    return np.asarray(rates[0] - rates[1])


def test_where_there_is_harm_the_order_of_the_harm_is_found() -> None:
    found = correlations(*world(0, harm=0.9), extra={"truth": np.arange(TARGETS) * 1.0})
    assert found["did_tpr^2", "truth"] > 0.85


def test_each_criterion_is_what_it_says(make_logits: MakeLogits) -> None:
    dense = make_logits(num=500)
    (side,) = join_sides([dense], (), None, None, 1)
    found = attribute_rankings(side, flag_risk(dense))["Male"]
    p = 1 / (1 + np.exp(-dense.logits.astype(float)))
    s = dense.logits > 0
    assert found["uncertainty"] == pytest.approx((np.abs(p - 0.5) < 0.4).mean(axis=0))
    counts = dense.train_counts
    assert counts is not None
    often = counts[:, -1, -1, 1] / counts[:, -1, -1].sum(axis=-1)
    assert found["rarity"] == pytest.approx(-np.minimum(often, 1 - often))
    ones = np.column_stack([np.ones(500, int), s])
    assert found["interdependence"] == pytest.approx(r_squared((ones.T @ ones)[None])[0])
    men, women = counts[:, 0, 1], counts[:, 0, 0]
    tables = [np.array([w, m]) for w, m in zip(women, men, strict=True)]
    phi = [
        (t[0, 0] * t[1, 1] - t[0, 1] * t[1, 0])
        / np.sqrt(np.prod(t.sum(axis=0) * 1.0) * np.prod(t.sum(axis=1) * 1.0))
        for t in tables
    ]
    assert found["phi"] == pytest.approx(np.abs(phi))
    ranks = [np.argsort(np.argsort(found[name])) for name in CRITERIA]
    assert found["together"] == pytest.approx((np.mean(ranks, axis=0) + 0.5) / 3)


def test_several_outcomes_have_the_mean_of_their_correlations() -> None:
    x = np.array([1.0, 2.0, 3.0, 4.0, np.nan])
    rising, one_swap = np.array([1.0, 2.0, 3.0, 9.0, 0.0]), np.array([2.0, 1.0, 3.0, 4.0, 7.0])
    number, num = spearman(x, np.array([rising, one_swap]), 0.95)
    assert (number.value, num) == (pytest.approx((1.0 + 0.8) / 2), 4)
    assert spearman(x, np.empty((0, 5)), 0.95)[0].reason == "fewer than 4 attributes"


def test_rules_rank_predictions_as_they_say(make_logits: MakeLogits) -> None:
    dense = make_logits(num=300)
    found = {r.name: r for r in prediction_rankings(dense, 0.5, None)}
    z, counts = dense.logits.T.astype(float), dense.train_counts
    assert counts is not None
    everyone = counts[:, -1, -1] + 0.5
    pull = np.log(everyone[:, 0] / everyone[:, 1])[:, None]
    expected = np.where(z > 0, pull, -pull) - np.abs(z)
    assert found["risk"].scores == pytest.approx(expected, abs=1e-9)
    of_group = flag_risk(dense, by_group=True).log_odds
    assert (found["risk_by_group"].scores == of_group).all()
    positive_is_rarer = (everyone[:, 1] <= everyone[:, 0])[:, None]
    for name, first in (("positive_first", z > 0), ("rarer_first", (z > 0) == positive_is_rarer)):
        scores = found[name].scores
        assert scores[first].min() > scores[~first].max()
        for part in (first, ~first):
            order = np.argsort(-scores[part], kind="stable")
            assert (np.diff(np.abs(1 / (1 + np.exp(-z[part][order])) - 0.5)) >= -1e-12).all()


def test_without_training_counts_no_value_is_rarer(make_logits: MakeLogits) -> None:
    dense = replace(make_logits(num=100), train_counts=None)
    found = {r.name: r.scores for r in prediction_rankings(dense, 0.4, None)}
    assert (found["rarer_first"] == found["margin"]).all()
