"""The distribution of labels: groups first, then exclusive attributes, then the rest.

Shape suffixes: a attribute, g group, c condition (a combination of earlier draws), s state (a
combination of exclusive attributes), f feature.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pbias.synth.labels.celeba_table import GROUPS, Table, read_table
from pbias.synth.labels.fitting import (
    Floats,
    fit_moments,
    latent_correlations,
    logistic,
    state_probabilities,
)

HAIR_COLORS = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")
HAIR = (*HAIR_COLORS, "Bald", "Bangs", "Receding_Hairline", "Straight_Hair", "Wavy_Hair")
BEARD_PARTS = ("Goatee", "Mustache", "Sideburns")
BEARD = ("5_o_Clock_Shadow", "No_Beard", *BEARD_PARTS)
CATEGORIES = HAIR + BEARD

# Rarer combinations do not matter for a fit, and there are very many.
RAREST = 2e-6


def possible_hair(has: dict[str, bool]) -> bool:
    """Return whether hair has one color, texture and hairline; a bald head has few of them."""
    if has["Bald"] and any(has[name] for name in HAIR if name not in BALD_GOES_WITH):
        return False
    exclusive = (HAIR_COLORS, ("Straight_Hair", "Wavy_Hair"), ("Bangs", "Receding_Hairline"))
    return all(sum(has[name] for name in names) <= 1 for names in exclusive)


BALD_GOES_WITH = ("Bald", "Gray_Hair", "Receding_Hairline")


def possible_beard(has: dict[str, bool]) -> bool:
    """Return whether a beard is consistent: No_Beard excludes all but a five o'clock shadow."""
    return not (has["No_Beard"] and any(has[name] for name in BEARD_PARTS))


def _states(names: tuple[str, ...], possible: Callable[[dict[str, bool]], bool]) -> Floats:
    """Return all possible combinations of the named attributes, [S, len(names)] of 0 and 1."""
    rows = itertools.product((0, 1), repeat=len(names))
    kept = [row for row in rows if possible(dict(zip(names, map(bool, row), strict=True)))]
    return np.array(kept, dtype=np.float64)


@dataclass(frozen=True)
class LabelModel:
    """The probabilities from which `draw_labels` draws: states, then the rest given the states."""

    rest: tuple[str, ...]
    cells: Floats  # [16, G]: every combination of the groups
    cell_p: Floats
    hair: Floats
    hair_p: Floats  # [16, S]
    beard: Floats
    beard_p: Floats
    rest_theta_fa: Floats
    factor_aa: Floats  # Cholesky factor of the latent correlations of the rest


@functools.cache
def label_model() -> LabelModel:
    """Fit the distribution of labels to the embedded table (takes a second, once per process)."""
    table = read_table()
    rest = tuple(name for name in table.names if name not in GROUPS + CATEGORIES)
    cells = _states(GROUPS, lambda has: True)
    nothing_before = np.zeros((1, 0))
    cell_p = _fit_states(table, GROUPS, cells, (), nothing_before, np.ones(1))[0]
    hair, beard = _states(HAIR, possible_hair), _states(BEARD, possible_beard)
    hair_p = _fit_states(table, HAIR, hair, GROUPS, cells, cell_p)
    beard_p = _fit_states(table, BEARD, beard, GROUPS, cells, cell_p)
    given_cf, weights_c = _combinations(cells, cell_p, hair, hair_p, beard, beard_p)
    rest_theta_fa = _fit_rest(table, rest, given_cf, weights_c)
    factor_aa = _fit_latent(table, rest, rest_theta_fa, given_cf, weights_c)
    return LabelModel(rest, cells, cell_p, hair, hair_p, beard, beard_p, rest_theta_fa, factor_aa)


def _fit_states(
    table: Table,
    names: tuple[str, ...],
    states: Floats,
    given: tuple[str, ...],
    conditions: Floats,
    weights_c: Floats,
) -> Floats:
    """Return P(state given condition) [C, S] with the table's rates, also by group and pair."""
    columns, targets = [], []
    for i, name in enumerate(names):
        columns.append(np.broadcast_to(states[:, i], (len(conditions), len(states))))
        targets.append(float(table.rates[table.names.index(name)]))
        for g, group in enumerate(given):
            columns.append(conditions[:, g, None] * states[None, :, i])
            targets.append(table.both(name, group))
    for i, j in itertools.combinations(range(len(names)), 2):
        together = states[:, i] * states[:, j]
        if together.any():
            columns.append(np.broadcast_to(together, (len(conditions), len(states))))
            targets.append(table.both(names[i], names[j]))
    features_csf = np.stack(columns, axis=2)
    theta_f = fit_moments(features_csf, weights_c, np.array(targets))
    return state_probabilities(features_csf, theta_f)


def _combinations(
    cells: Floats, cell_p: Floats, hair: Floats, hair_p: Floats, beard: Floats, beard_p: Floats
) -> tuple[Floats, Floats]:
    """Return the conditions of the rest: features [C, 1 + G + categories], probabilities [C]."""
    p = cell_p[:, None, None] * hair_p[:, :, None] * beard_p[:, None, :]
    cell, hair_state, beard_state = np.nonzero(p > RAREST)
    weights_c = p[cell, hair_state, beard_state]
    given_cf = before(cells[cell], hair[hair_state], beard[beard_state])
    return given_cf, weights_c / weights_c.sum()


def before(groups: Floats, hair: Floats, beard: Floats) -> Floats:
    """Return the features [N, F] on which the rest depends: constant, groups, categories."""
    return np.hstack([np.ones((len(groups), 1)), groups, hair, beard])


def _fit_rest(table: Table, rest: tuple[str, ...], given_cf: Floats, weights_c: Floats) -> Floats:
    """Fit logistic coefficients [F, A]: P(attribute given groups and categories)."""
    features_csf = np.stack([np.zeros_like(given_cf), given_cf], axis=1)
    thetas = []
    for name in rest:
        rate = [float(table.rates[table.names.index(name)])]
        pairs = [table.both(name, other) for other in GROUPS + CATEGORIES]
        thetas.append(fit_moments(features_csf, weights_c, np.array(rate + pairs)))
    return np.stack(thetas, axis=1)


def _fit_latent(
    table: Table,
    rest: tuple[str, ...],
    rest_theta_fa: Floats,
    given_cf: Floats,
    weights_c: Floats,
) -> Floats:
    """Return the Cholesky factor of the correlations that groups and categories do not explain."""
    p_ca = logistic(given_cf @ rest_theta_fa)
    mean_a = weights_c @ p_ca
    between_aa = (p_ca * weights_c[:, None]).T @ p_ca - np.outer(mean_a, mean_a)
    deviation_a = np.sqrt(mean_a * (1 - mean_a))
    chosen = np.ix_(table.index(rest), table.index(rest))
    target_aa = table.correlations[chosen] * np.outer(deviation_a, deviation_a)
    latent_aa = latent_correlations(p_ca, weights_c, target_aa - between_aa)
    return np.asarray(np.linalg.cholesky(latent_aa), dtype=np.float64)
