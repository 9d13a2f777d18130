"""Probabilities as logits and back, in float64.

Shapes: N samples, A targets.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST_LOGIT = 40.0  # its sigmoid differs from 1 by less than float64 can tell
CERTAIN_LOGIT = 745.0  # of the probabilities 0 and 1: further out than that of any other float64
TOLERANCE = 1e-6  # how far rounding carries probabilities out of [0, 1]
AGREE = 1e-3  # how far float16 and rounded digits carry probabilities from their logits
ROWS = 1 << 16  # compared at a time


def logits_of(p: NDArray[np.float64], activation: str = "sigmoid") -> NDArray[np.float64]:
    """Logits whose sigmoid (or softmax) the probabilities are; finite, and none below another's.

    `log(p / (1 - p))` rises with p after rounding too, unlike a difference of logarithms.
    """
    with np.errstate(divide="ignore"):
        odds = p if activation == "softmax" else p / (1.0 - p)
        return np.asarray(np.clip(np.log(odds), -CERTAIN_LOGIT, CERTAIN_LOGIT))


def threshold_logits(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logits of thresholds: below 0 everything is above it, beyond 1 nothing."""
    inside = logits_of(np.clip(p, 0.0, 1.0))
    return np.where(p < 0, -np.inf, np.where(p > 1, np.inf, inside))


def disagreement(
    p_na: NDArray[Any], z_na: NDArray[Any], activation: str
) -> tuple[int, int, float] | None:
    """Return where probabilities are furthest from those of the logits, and these, if it matters.

    That is a row, a target, and the probability that belongs to the logit.
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
    """Probabilities [N, A] of logits; of classes, scaled to add up to what is given.

    For a file may hold some of the classes, of which the ratios alone are known, and of one none.
    """
    if activation != "softmax":
        with np.errstate(over="ignore"):
            return np.asarray(1.0 / (1.0 + np.exp(-z)))
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True) * p.sum(axis=1, keepdims=True))
