"""Convert probabilities to logits and back, in float64.

Shapes: N samples, A targets.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST_LOGIT = 40.0  # its sigmoid differs from 1 by less than float64 can represent
CERTAIN_LOGIT = 745.0  # for the probabilities 0 and 1: beyond the logit of any other float64
TOLERANCE = 1e-6  # how far rounding may move probabilities out of [0, 1]
AGREE = 1e-3  # how far float16 and rounded digits may move probabilities from their logits
ROWS = 1 << 16  # compared at once


def logits_of(p: NDArray[np.float64], activation: str = "sigmoid") -> NDArray[np.float64]:
    """Return logits whose sigmoid (or softmax) the probabilities are: finite, in the same order.

    `log(p / (1 - p))` rises with p even after rounding, unlike a difference of logarithms.
    """
    with np.errstate(divide="ignore"):
        odds = p if activation == "softmax" else p / (1.0 - p)
        return np.asarray(np.clip(np.log(odds), -CERTAIN_LOGIT, CERTAIN_LOGIT))


def threshold_logits(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return logits of thresholds: below 0 everything is above it, beyond 1 nothing."""
    inside = logits_of(np.clip(p, 0.0, 1.0))
    return np.where(p < 0, -np.inf, np.where(p > 1, np.inf, inside))


def disagreement(
    p_na: NDArray[Any], z_na: NDArray[Any], activation: str
) -> tuple[int, int, float] | None:
    """Return where probabilities differ most from those of the logits, if the difference matters.

    The result is a row, a target, and the probability that belongs to the logit.
    """
    for start in range(0, len(p_na), ROWS):
        p = np.asarray(p_na[start : start + ROWS], np.float64)
        meant = _meant(np.asarray(z_na[start : start + ROWS], np.float64), p, activation)
        error = np.abs(meant - p)
        row, column = np.unravel_index(int(error.argmax()), error.shape)
        if error[row, column] > AGREE:
            return start + int(row), int(column), float(meant[row, column])
    return None


def _meant(z: NDArray[np.float64], p: NDArray[np.float64], activation: str) -> NDArray[np.float64]:
    """Return probabilities [N, A] of logits; for classes, scaled to the sum of the given ones.

    A file may have only some of the classes, so only their ratios are known; for one class,
    nothing.
    """
    if activation != "softmax":
        with np.errstate(over="ignore"):
            return np.asarray(1.0 / (1.0 + np.exp(-z)))
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True) * p.sum(axis=1, keepdims=True))
