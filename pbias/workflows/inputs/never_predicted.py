"""Warn early about attributes that a network never predicts: later numbers are undefined."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pbias.files.logits import Logits

log = logging.getLogger(__name__)


def say_never_predicted(run: Logits) -> None:
    """Warn about attributes that are predicted for no sample, although some samples have them.

    Without known labels, an attribute may occur. Of classes, one is always predicted, so there is
    no warning.
    """
    from pbias.auditing.counts.totals import predictions
    from pbias.errors import listed
    from pbias.files.logits import UNKNOWN
    from pbias.reporting.verdict import calibrate_hint

    if run.activation == "softmax" or not len(run):
        return
    expected = (run.labels == 1).any(axis=0) | (run.labels == UNKNOWN).all(axis=0)
    silent = expected & ~predictions(run).s.any(axis=1)
    names = [name for name, never in zip(run.targets, silent.tolist(), strict=True) if never]
    if names:
        log.warning("%s: never predicted: %s; %s", run.path, listed(names), calibrate_hint())
