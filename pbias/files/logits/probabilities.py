"""Logits files that hold probabilities: recognized, refused or turned into logits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pbias.errors import UserError, argument
from pbias.files.logits.logits_file import Logits

LARGEST_LOGIT = 40.0  # its sigmoid differs from 1 by less than float64 can tell


def as_logits(logits: Logits, *, probabilities: bool) -> Logits:
    """The file as logits: probabilities, when it is said that they are, become their logits.

    Raises UserError for values all in [0, 1] that are not said to be probabilities, and for others
    that are. Thresholds in the file are taken as probabilities too.
    """
    low, high = float(logits.logits.min()), float(logits.logits.max())
    check_scale(logits.path, low, high, probabilities=probabilities)
    if not probabilities:
        return logits
    inverse = _log if logits.activation == "softmax" else _logit
    thresholds = logits.thresholds
    return replace(
        logits,
        logits=inverse(np.asarray(logits.logits, np.float64)).astype(np.float32),
        thresholds=None if thresholds is None else _logit_of_threshold(thresholds),
    )


def check_scale(path: str, low: float, high: float, *, probabilities: bool) -> None:
    """Refuse values from `low` to `high` that are not what it is said that they are."""
    inside = low >= 0 and high <= 1
    if not probabilities and inside and low < high:
        raise UserError(
            f"{path}: all logits lie in [0, 1] ({low:g} to {high:g}) and look like "
            f"probabilities; if they are, add {argument('probabilities', True)}, "
            "else save raw model outputs"
        )
    if probabilities and not inside:
        raise UserError(
            f"{path}: values run from {low:g} to {high:g}, so they are no probabilities; "
            f"leave out {argument('probabilities', True)}"
        )


def _logit(p: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        return np.asarray(np.clip(np.log(p) - np.log1p(-p), -LARGEST_LOGIT, LARGEST_LOGIT))


def _log(p: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        return np.asarray(np.maximum(np.log(p), -2 * LARGEST_LOGIT))


def _logit_of_threshold(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Below 0 everything is above it, beyond 1 nothing."""
    inside = _logit(np.clip(p, 0.0, 1.0))
    return np.where(p < 0, -np.inf, np.where(p > 1, np.inf, inside))
