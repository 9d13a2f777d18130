"""The reason texts of numbers with a value: what a mean leaves out, why there is no interval.

Shape suffixes as in counts/sums.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.trained import ITSELF
from pbias.auditing.inference.distributions import Floats
from pbias.auditing.inference.effective_clusters import FEW_CLUSTERS, in_words
from pbias.auditing.inference.numbers import IN_REFERENCE, MODEL_REASONS, Numbers
from pbias.auditing.metrics.entry import Noise
from pbias.auditing.metrics.measures import MIN, Measure

Texts = NDArray[np.object_]


def is_lost(reason: str) -> bool:
    """Return whether a number is undefined because of the audited model alone."""
    return reason.startswith(MODEL_REASONS) and not reason.endswith(IN_REFERENCE)


def lost(reason: Texts, reference: Measure | None) -> NDArray[np.bool_]:
    """Return the targets [S, A] that the audited model lost, from reasons and reference values.

    Without reference values, the reasons are those of the change and state whose fault it is.
    """
    found = np.array([[is_lost(why) for why in row] for row in reason], bool).reshape(reason.shape)
    if reference is not None:
        found &= ~np.isnan(reference.value[:, 0]).any(axis=0)
    return found


def left_out(
    targets: Sequence[str],
    defined: NDArray[np.bool_],
    reason: Texts,
    lost: NDArray[np.bool_],
) -> Texts:
    """Describe the targets that a mean leaves out, [S], from the reasons [S, A] of all.

    A mean over survivors says how many were `lost` [S, A].
    """
    notes = np.full(len(defined), "", object)
    for row in np.flatnonzero(~defined.all(axis=1)):
        why, kept = reason[row], defined[row]
        asked = [t for t, w in zip(targets, why, strict=True) if w != ITSELF]
        names = [t for t, k in zip(targets, kept, strict=True) if not k and t in asked]
        gone = f" ({lost[row].sum()} lost)" if lost[row].any() else ""
        note = f"over {len(asked) - len(names)} of {len(asked)}{gone}, without {', '.join(names)}"
        notes[row] = note if names else ""
    return notes


def no_interval(measure: Measure, found: Numbers, changed: Numbers | None) -> Texts:
    """Return why a defined number or its change has no interval, "" elsewhere, [S, 1+A].

    If noise biases both models upward alike, the change has an interval. The largest of several
    numbers is biased more, the less they differ, so its change has none.
    """
    of_value = np.isnan(found.low) & ~np.isnan(found.value)
    of_change = np.zeros_like(of_value)
    if changed is not None:
        of_change = np.isnan(changed.low) & ~np.isnan(changed.value)
    notes = np.full(of_value.shape, "", object)
    if not (of_value | of_change).any():
        return notes
    why = f": {_why(measure)}"
    both = of_value & (of_change | (changed is None))
    notes[of_value] = "no interval of the value" + why
    notes[of_change] = "no interval of the change" + why
    notes[both] = "no interval" + why
    return notes


def _why(measure: Measure) -> str:
    if measure.behavior.fact:
        return "a fact of these samples"
    if measure.of_extremes:
        lowest = any(row.contrast == MIN for row in measure.rows)
        return "noise pushes the smallest down" if lowest else "noise pushes the largest up"
    if measure.behavior.noise is Noise.ALIKE:
        return "noise pushes it up"
    return "undefined without some fold"


def few_clusters(effective: Floats, found: Numbers) -> Texts:
    """Say on how many clusters intervals rest, [S, 1+A], from effective numbers [S] if few.

    Empty where there is no interval.
    """
    few = (effective < FEW_CLUSTERS)[:, None] & ~np.isnan(found.low)
    texts = [f"rests on about {in_words(number)}" for number in np.nan_to_num(effective)]
    return np.where(few, np.array(texts, object)[:, None], "").astype(object)


def joined(first: Texts, second: Texts) -> Texts:
    """Join both texts where both exist."""
    both = (first != "") & (second != "")
    return np.asarray(np.where(both, first + "; " + second, first + second))
