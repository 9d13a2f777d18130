"""Warn early about attributes that a network never predicts: later numbers are undefined."""

from __future__ import annotations

import logging
import shlex
from typing import TYPE_CHECKING

from pbias.files.streams import STDIO

if TYPE_CHECKING:
    from pbias.files.logits import Logits

VALID = "valid"

log = logging.getLogger(__name__)


def say_never_predicted(run: Logits, network: str = "", labels: str = "") -> None:
    """Warn about attributes that are predicted for no sample, although some samples have them.

    `network` and `labels` are the files that validation data can be predicted from, where they are
    known.
    """
    seen = Predicted(run)
    seen.add(run)
    seen.say(network, labels)


class Predicted:
    """Which attributes are predicted and which occur, over the blocks of a file.

    Without known labels, an attribute may occur. Of classes, one is always predicted.
    """

    def __init__(self, head: Logits) -> None:
        """Begin with no rows; `head` has the facts of the file."""
        import numpy as np

        self._head = head
        self._positive, self._predicted = np.zeros((2, len(head.targets)), bool)
        self._unlabeled = np.ones(len(head.targets), bool)
        self._empty = True

    def add(self, block: Logits) -> None:
        """Add rows."""
        from pbias.auditing.counts.totals import predictions
        from pbias.files.logits import UNKNOWN

        if self._head.activation == "softmax" or not len(block):
            return
        self._empty = False
        self._positive |= (block.labels == 1).any(axis=0)
        self._unlabeled &= (block.labels == UNKNOWN).all(axis=0)
        self._predicted |= predictions(block).s.any(axis=1)

    def say(self, network: str = "", labels: str = "") -> None:
        """Warn about attributes that are predicted nowhere, with the commands that help."""
        from pbias.errors import listed

        head = self._head
        silent = (self._positive | self._unlabeled) & ~self._predicted
        names = [name for name, never in zip(head.targets, silent.tolist(), strict=True) if never]
        if names and not self._empty:
            log.warning(
                "%s: never predicted: %s; %s",
                head.path,
                listed(names),
                _hint(head, network, labels),
            )


def _hint(run: Logits, network: str, labels: str) -> str:
    """Return the commands that fit thresholds, with the names of files that are known."""
    from pbias.reporting.verdict.unknowns import calibrate_hint

    if run.split == VALID and run.path.endswith(".npz"):
        return calibrate_hint("", run.path)
    if not network or not labels or STDIO in (network, labels):
        return calibrate_hint()
    words = ["pbias", "predict", network, labels, "--split", VALID, "-o", "valid.npz"]
    return calibrate_hint(f"`{shlex.join(words)}`")
