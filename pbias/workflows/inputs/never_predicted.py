"""Warn early about attributes that a network never predicts: later numbers are undefined."""

from __future__ import annotations

import logging
import shlex
from typing import TYPE_CHECKING

from pbias.files.streams import STDIO

if TYPE_CHECKING:
    from pbias.files.logits import Logits
    from pbias.files.logits.blocks import LogitsBlocks

log = logging.getLogger(__name__)


VALID = "valid"


def say_never_predicted(run: Logits | LogitsBlocks, network: str = "", labels: str = "") -> None:
    """Warn about attributes that are predicted for no sample, although some samples have them.

    Without known labels, an attribute may occur. Of classes, one is always predicted, so there is
    no warning. `network` and `labels` are the files that validation data can be predicted from,
    where they are known.
    """
    import numpy as np

    from pbias.auditing.counts.totals import predictions
    from pbias.errors import listed
    from pbias.files.logits import UNKNOWN, Logits

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
        log.warning(
            "%s: never predicted: %s; %s", run.path, listed(names), _hint(run, network, labels)
        )


def _hint(run: Logits | LogitsBlocks, network: str, labels: str) -> str:
    """Return the commands that fit thresholds, with the names of files that are known."""
    from pbias.files.logits import Logits
    from pbias.reporting.verdict.unknowns import calibrate_hint

    head = run if isinstance(run, Logits) else run.head
    if head.split == VALID and run.path.endswith(".npz"):
        return calibrate_hint("", run.path)
    if not network or not labels or STDIO in (network, labels):
        return calibrate_hint()
    words = ["pbias", "predict", network, labels, "--split", VALID, "-o", "valid.npz"]
    return calibrate_hint(f"`{shlex.join(words)}`")
