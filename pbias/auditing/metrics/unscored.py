"""Attributes whose logits say what was decided, not how sure it is: no scores mean anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pbias.auditing.inference.numbers import OF_PROBABILITIES
from pbias.auditing.metrics.measures import Measure
from pbias.files.logits import Logits

NO_SCORES = "no_scores"  # key of a file's meta: {attribute: reason}


def reasons(run: Logits) -> dict[str, str]:
    """Why the logits of an attribute are no scores, by attribute."""
    said = run.meta.get(NO_SCORES)  # from a file, so anything
    if not isinstance(said, dict):
        return {}
    return {name: str(said[name]) for name in run.targets if name in said}


def without_scores(measure: Measure, runs: Sequence[Logits]) -> Measure:
    """The measure; one of probabilities or of their order is undefined where there are none.

    AUC, uncertainty, ECE, Brier score, calibration gap and debiased calibration error.
    """
    found = [reasons(run) if measure.name in OF_PROBABILITIES else {} for run in runs]
    if not any(found):
        return measure
    reason = measure.reason.copy()
    value, few = measure.value.copy(), measure.few.copy()
    for run, undefined in enumerate(found):
        for name, why in undefined.items():
            column = runs[run].targets.index(name)
            value[run, ..., column], few[:, column], reason[:, column] = np.nan, False, why
    return replace(measure, value=value, few=few, reason=reason)
