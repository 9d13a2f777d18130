"""Warn early about attributes that a network never predicts: later numbers are undefined."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pbias.files.logits import Logits
    from pbias.files.logits.blocks import LogitsBlocks

log = logging.getLogger(__name__)


def say_never_predicted(run: Logits | LogitsBlocks) -> None:
    """Warn about attributes that are predicted for no sample, although some samples have them.

    Without known labels, an attribute may occur. Of classes, one is always predicted, so there is
    no warning.
    """
    import numpy as np

    from pbias.auditing.counts.totals import predictions
    from pbias.errors import listed
    from pbias.files.logits import UNKNOWN, Logits
    from pbias.reporting.verdict import calibrate_hint

    if run.activation == "softmax" or not len(run):
        return
    positive, predicted = np.zeros((2, len(run.targets)), bool)
    unlabeled = np.ones(len(run.targets), bool)
    for block in [run] if isinstance(run, Logits) else run.blocks():
        positive |= (block.labels == 1).any(axis=0)
        unlabeled &= (block.labels == UNKNOWN).all(axis=0)
        predicted |= predictions(block).s.any(axis=1)
    silent = (positive | unlabeled) & ~predicted
    names = [name for name, never in zip(run.targets, silent.tolist(), strict=True) if never]
    if names:
        log.warning("%s: never predicted: %s; %s", run.path, listed(names), calibrate_hint())
