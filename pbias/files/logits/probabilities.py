"""The scale of logits files: logits, or probabilities to convert on request.

Files from pbias contain logits, as their `meta` shows. Files from other programs are taken as
logits unless all their values lie in [0, 1]; then the user must say which they are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pbias.errors import UserError, argument
from pbias.files.logits.logits_file import Logits
from pbias.files.logits.odds import TOLERANCE, logits_of, threshold_logits


def as_logits(logits: Logits, *, probabilities: bool | None = None) -> Logits:
    """Return the file as logits, converting probabilities if the user says that they are.

    The given probabilities are kept beside the logits, for bins and ranks. `probabilities` False
    says that values are logits, None says nothing. Raises UserError for values all in [0, 1]
    without a statement, for other values that are said to be probabilities, and for logits from
    pbias that are. Thresholds in the file are taken as probabilities, too.
    """
    low, high = float(logits.logits.min()), float(logits.logits.max())
    check_scale(logits, low, high, probabilities=probabilities)
    if not probabilities:
        return logits
    p = np.clip(np.asarray(logits.logits, np.float64), 0.0, 1.0)
    thresholds = logits.thresholds
    return replace(
        logits,
        logits=logits_of(p, logits.activation),
        probabilities=p,
        thresholds=None if thresholds is None else threshold_logits(thresholds),
    )


def check_scale(
    logits: Logits, low: float, high: float, *, probabilities: bool | None = None
) -> None:
    """Raise UserError for values from `low` to `high` that contradict the statement or need one."""
    path, inside = logits.path, low >= 0 and 0 < high <= 1  # all 0 is the same either way
    if says_logits(logits.meta) or logits.probabilities is not None:
        if probabilities:
            raise UserError(
                f"{path} holds logits, according to its metadata; leave out "
                f"{argument('probabilities', True)}"
            )
        return
    if probabilities is None and inside:
        raise UserError(
            f"{path}: all values lie in [0, 1] ({low:g} to {high:g}) and could be probabilities; "
            f"if so, add {argument('probabilities', True)}, if they are logits "
            f"{argument('probabilities', False)}"
        )
    if probabilities and not (low >= -TOLERANCE and high <= 1 + TOLERANCE):
        raise UserError(
            f"{path}: values run from {low:.9g} to {high:.9g}, so they are not probabilities; "
            f"leave out {argument('probabilities', True)}"
        )


def says_logits(meta: dict[str, Any]) -> bool:
    """Return whether a file says that it contains logits: digests in `meta` show pbias's."""
    return "sha256" in meta
