"""From measures to numbers with intervals: by folds, or from the counts where these are small.

Shape suffixes as in measures.py. Source of every rule: metrics.md section 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pbias.audit import small
from pbias.audit.jackknife import Estimate, detectable, estimate, interval, p_value
from pbias.audit.measures import FEW, MAX, Measure

Floats = NDArray[np.float64]
IN_REFERENCE = " in the reference"
# Absolute values and maxima are pushed up by noise: intervals of these are mapped from their parts,
# or there are none.
BIASED = frozenset({"ece", "eod", "never_predicted"})
# What is compared with 0 also without a reference.
SIGNED = frozenset({"bias_amplification", "directional_ba", "calibration_gap"})


@dataclass(frozen=True)
class Setting:
    """How sure an interval is to be; whether samples come in clusters; the runs of each side."""

    level: float = 0.95
    clustered: bool = False
    single_runs: bool = True

    @property
    def independent(self) -> bool:
        """Whether rows are, so that counts are whole and exact tests hold."""
        return self.single_runs and not self.clustered


@dataclass(frozen=True)
class Numbers:
    """One number a row and target, [S, A] each; NaN where undefined (`reason`) or not assessed."""

    value: Floats
    low: Floats
    high: Floats
    p: Floats
    detectable: Floats
    few: NDArray[np.bool_]
    reason: NDArray[np.object_]


def of_value(measure: Measure, setting: Setting) -> Numbers:
    """The value of one model, a mean over runs; p for 0 where it is a difference."""
    found = estimate(measure.value)
    low, high = interval(found, setting.level)
    signed = measure.sides is not None or measure.name in SIGNED
    p = p_value(found) if signed else np.full_like(low, np.nan)
    if small.has_counts(measure) and measure.few.any():
        score = small.value_interval(measure, setting.level, independent=setting.independent)
        exact = measure.few & (setting.independent and measure.name not in SIGNED)
        p_small = small.exact_p(measure, exact, change=False)
        low, high, p = _where(measure.few, (*score, p_small), (low, high, p))
    if measure.spread is not None:
        low, high = small.spread_interval(measure, setting.level, independent=setting.independent)
        p = np.full_like(p, np.nan)
    elif measure.name in BIASED or all(row.contrast == MAX for row in measure.rows):
        low = high = np.full_like(low, np.nan)
    return _numbers(found, (low, high, p), measure.few, _reason_of_runs(measure), setting)


def of_change(
    audited: Measure,
    reference: Measure,
    setting: Setting,
    num_discordant: NDArray[np.float64] | None = None,
) -> Numbers:
    """Audited less reference; p that nothing changed. Undefined where either is.

    `num_discordant` [S, A]: samples on which the two predict differently.
    """
    found = estimate(audited.value, reference.value)
    low, high, p = *interval(found, setting.level), p_value(found)
    few = audited.few | reference.few
    if num_discordant is not None:
        few = few | (num_discordant < FEW)
    paired = small.has_pairs(audited)
    if paired:
        few = few | small.few_discordant(audited)
    if small.has_counts(audited) and few.any():
        independent = setting.independent
        score = small.change_interval(audited, reference, setting.level, independent=independent)
        p_small = small.exact_p(audited, few & (paired and independent), change=True)
        low, high, p = _where(few, (*score, p_small), (low, high, p))
    if audited.spread is not None or audited.name in BIASED - {"ece"}:
        low = high = p = np.full_like(low, np.nan)
    return _numbers(found, (low, high, p), few, _reason_of_both(audited, reference), setting)


def _numbers(
    found: Estimate,
    low_high_p: tuple[Floats, Floats, Floats],
    few: NDArray[np.bool_],
    reason: NDArray[np.object_],
    setting: Setting,
) -> Numbers:
    undefined = np.isnan(found.value)
    low, high, p = (np.where(undefined, np.nan, numbers) for numbers in low_high_p)
    return Numbers(found.value, low, high, p, detectable(found, setting.level), few, reason)


def _where(
    few: NDArray[np.bool_], then: tuple[Floats, ...], otherwise: tuple[Floats, ...]
) -> tuple[Floats, ...]:
    return tuple(np.where(few, a, b) for a, b in zip(then, otherwise, strict=True))


def _reason_of_runs(measure: Measure) -> NDArray[np.object_]:
    """The reason, and in how many runs, if not all: no run drops out unseen."""
    num_runs = len(measure.value)
    missing = np.isnan(measure.value[:, 0]).sum(axis=0)
    some = (missing > 0) & (missing < num_runs)
    reason = measure.reason.copy()
    for row, target in np.argwhere(some):
        reason[row, target] += f" in {missing[row, target]} of {num_runs} runs"
    return reason


def _reason_of_both(audited: Measure, reference: Measure) -> NDArray[np.object_]:
    ours, theirs = _reason_of_runs(audited), _reason_of_runs(reference)
    return np.where((ours == "") & (theirs != ""), theirs + IN_REFERENCE, ours)
