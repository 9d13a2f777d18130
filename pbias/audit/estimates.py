"""From measures to numbers: means over runs, changes against the reference, means over targets.

Shape suffixes as in measures.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pbias.audit.measures import Measure, Row


@dataclass(frozen=True)
class Estimate:
    """One number a row and target: [S, A] each, NaN where undefined, for which `reason` says why.

    `left_out` [J, S, A] are the values without each fold; `spread` [S, A] is the run-to-run
    variance of the mean over runs and `spread_df` its degrees of freedom (0 with one run).
    """

    name: str
    rows: tuple[Row, ...]
    value: NDArray[np.float64]
    left_out: NDArray[np.float64]
    spread: NDArray[np.float64]
    spread_df: NDArray[np.float64]
    reason: NDArray[np.object_]
    few: NDArray[np.bool_]


def estimate(measure: Measure) -> Estimate:
    """The mean over runs; undefined where any run is, so that no run drops out unseen."""
    runs = len(measure.value)
    whole = measure.value[:, 0]
    spread = whole.var(axis=0, ddof=1) / runs if runs > 1 else np.zeros(whole.shape[1:])
    return Estimate(
        measure.name,
        measure.rows,
        whole.mean(axis=0),
        measure.value[:, 1:].mean(axis=0),
        spread,
        np.full(spread.shape, float(runs - 1)),
        _reason_of_runs(measure),
        measure.few,
    )


def _reason_of_runs(measure: Measure) -> NDArray[np.object_]:
    missing = np.isnan(measure.value[:, 0]).sum(axis=0)
    some = (missing > 0) & (missing < len(measure.value))
    text = f" in {{}} of {len(measure.value)} runs"
    noted = measure.reason + np.array([text.format(n) for n in missing.flat]).reshape(missing.shape)
    return np.where(some, noted, measure.reason)


def change(audited: Estimate, reference: Estimate, name: str = "") -> Estimate:
    """audited - reference, with the variances of both sides; undefined where either is."""
    reason = np.where(audited.reason != "", audited.reason, reference.reason)
    only_reference = (audited.reason == "") & (reference.reason != "")
    total = audited.spread + reference.spread
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = [e.spread**2 / np.maximum(e.spread_df, 1) for e in (audited, reference)]
        df = np.where(total > 0, total**2 / (parts[0] + parts[1]), 0.0)
    return Estimate(
        name or audited.name,
        audited.rows,
        audited.value - reference.value,
        audited.left_out - reference.left_out,
        total,
        df,
        np.where(only_reference, reason + " in the reference", reason),
        audited.few | reference.few,
    )


def mean_over_targets(measure: Measure, defined: NDArray[np.bool_]) -> Measure:
    """The mean over the targets that are `defined` [S, A]: one column [S, 1]; undefined over none.

    The reason of a mean that leaves targets out counts them, though the mean itself is defined.
    """
    value = np.where(defined, measure.value, np.nan)
    count = defined.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nansum(value, axis=3, where=defined) / count
    return Measure(
        measure.name,
        measure.rows,
        mean[..., None],
        np.where(count > 0, "", "undefined for every attribute").astype(object)[:, None],
        np.zeros((len(count), 1), bool),
    )
