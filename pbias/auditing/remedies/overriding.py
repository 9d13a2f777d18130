"""Override flagged predictions with better ones: the dense model's, or a person's.

Shape suffixes: N samples, A targets, f flagged predictions.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.totals import predictions
from pbias.auditing.metrics.models import NO_SCORES, no_scores
from pbias.errors import UserError, argument, listed
from pbias.files.logits import LARGEST_LOGIT, UNKNOWN, Logits

log = logging.getLogger(__name__)

CERTAIN = 20.0  # the logit of a label: its probability is 0 or 1 in float32
BY_LABELS = "overridden by labels"
RELATIVE = "overridden at another threshold"
Cells = NDArray[np.intp]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Better:
    """The replacements of flagged predictions: logits [N, A], which are known, and thresholds."""

    logits: NDArray[np.float32]
    known: Mask
    thresholds: NDArray[np.float64] | None
    no_scores: dict[str, str]
    by_labels: bool = False

    def decisions(self, sparse: Logits) -> Mask:
        """Return the better predictions, or those of `sparse` if unknown, bool [A, N]."""
        own = replace(sparse, logits=self.logits, thresholds=self.thresholds, probabilities=None)
        return np.where(self.known.T, predictions(own).s, predictions(sparse).s)


def from_model(dense: Logits, sparse: Logits) -> Better:
    """Return the predictions of another model on the same samples (already joined).

    Raises UserError if only one of the files is from a softmax.
    """
    if dense.activation != sparse.activation:
        raise UserError(
            f"{sparse.path} uses a {sparse.activation} but {dense.path} a {dense.activation}; "
            "their logits cannot be mixed"
        )
    known = np.ones(dense.logits.shape, bool)
    return Better(dense.logits, known, dense.thresholds, no_scores(dense))


def from_labels(sparse: Logits) -> Better:
    """Return the labels as logits of -20 and 20, as if a person had looked.

    Unknown labels replace nothing; for a softmax, neither does a sample of unknown class.
    Thresholds are those of `sparse` if they lie between the two logits, otherwise 0. Raises
    UserError without any labels.
    """
    known = sparse.labels != UNKNOWN
    if not known.any():
        hint = f"add them by {argument('labels')}"
        raise UserError(f"{sparse.path} has no labels to override with; {hint}")
    if sparse.activation == "softmax":
        known = np.repeat((sparse.labels == 1).any(axis=1)[:, None], known.shape[1], axis=1)
    logits = np.where(sparse.labels == 1, CERTAIN, -CERTAIN).astype(np.float32)
    own = sparse.thresholds
    between = None if own is None else np.where(np.abs(own) < CERTAIN, own, 0.0)
    why = dict.fromkeys(sparse.targets, BY_LABELS)
    return Better(logits, known, between, why, by_labels=True)


def locate(pairs: Sequence[tuple[str, str]], logits: Logits, path: str) -> Cells:
    """Return the positions of flagged (id, attribute) pairs in the flattened [N, A], int [f].

    Samples without ids are named by their row number. Raises UserError with the first sample or
    attribute that the logits lack.
    """
    ids = np.arange(len(logits)).astype(str) if logits.ids is None else logits.ids
    row_of = {name: row for row, name in enumerate(ids.tolist())}
    column_of = {name: column for column, name in enumerate(logits.targets)}
    whats = {
        "sample": "were both made from the same split?",
        "attribute": f"it has {listed(logits.targets, 5)}: "
        "list the flags by a file of the same targets",
    }
    for place, (what, remedy) in enumerate(whats.items()):
        known = (row_of, column_of)[place]
        missing = [pair[place] for pair in pairs if pair[place] not in known]
        if missing:
            raise UserError(
                f"{len(missing)} of {len(pairs)} flags in {path} name no {what} of {logits.path} "
                f"(first: {missing[0]}); {remedy}"
            )
    num_targets = len(logits.targets)
    return np.array([row_of[i] * num_targets + column_of[a] for i, a in pairs], np.intp)


def mask_of(cells: Cells, sparse: Logits, better: Better) -> Mask:
    """Return the predictions to replace, [N, A]; for a softmax, all outputs of a flagged sample."""
    mask = np.zeros(sparse.logits.shape, bool)
    mask.flat[cells] = True
    if sparse.activation == "softmax":
        mask |= mask.any(axis=1, keepdims=True)
    return mask & better.known


def override(sparse: Logits, better: Better, mask: Mask) -> Logits:
    """Return `sparse` with the masked predictions replaced; meta names logits that are not scores.

    The result is exactly `sparse` if nothing is replaced, and has exactly the logits and thresholds
    of `better` if everything is. If an attribute has predictions from both sides and their
    thresholds differ, it is written relative to them: logits minus their threshold, with the
    threshold 0. Such logits are not scores.
    """
    if not mask.any():
        return sparse
    own, other = (_thresholds(x.thresholds, mask.shape[1]) for x in (sparse, better))
    every = mask.all(axis=0)
    mixed = mask.any(axis=0) & ~every & (own != other)
    none = sparse.thresholds is None and better.thresholds is None
    thresholds = np.where(mixed, 0.0, np.where(every, other, own))
    meta = {key: value for key, value in sparse.meta.items() if key != NO_SCORES}
    if found := _no_scores(sparse, better, mask, mixed):
        meta[NO_SCORES] = found
    return replace(
        sparse,
        logits=_merged(sparse, better, mask, mixed, (own, other)),
        probabilities=None,
        thresholds=better.thresholds if mask.all() or none else thresholds,
        meta=meta,
    )


def _merged(
    sparse: Logits,
    better: Better,
    mask: Mask,
    mixed: Mask,
    thresholds: Sequence[NDArray[np.float64]],
) -> NDArray[np.float32]:
    """Return the logits of both sides; for `mixed` attributes, minus their own thresholds."""
    values = np.where(mask, better.logits, sparse.logits)
    if mixed.any():
        log.info("thresholds differ for %d attributes: logits less theirs", int(mixed.sum()))
        own, other = (
            _less(logits[:, mixed], cuts[mixed])
            for logits, cuts in zip((sparse.logits, better.logits), thresholds, strict=True)
        )
        values[:, mixed] = np.where(mask[:, mixed], other, own)
    return values


def _thresholds(values: NDArray[np.float64] | None, num_targets: int) -> NDArray[np.float64]:
    return np.zeros(num_targets) if values is None else values


def _less(logits: NDArray[np.float32], thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return logits minus thresholds, clipped to finite values."""
    relative = np.clip(logits.astype(np.float64) - thresholds, -LARGEST_LOGIT, LARGEST_LOGIT)
    return np.asarray(relative, np.float32)


def _no_scores(sparse: Logits, better: Better, mask: Mask, mixed: Mask) -> dict[str, str]:
    """Return why logits of attributes are not scores: mixed, or not scores on a used side.

    Logits minus their thresholds do not represent probabilities; only their signs are comparable.
    """
    found = {sparse.targets[column]: RELATIVE for column in np.flatnonzero(mixed)}
    for side, used in ((no_scores(sparse), ~mask), (better.no_scores, mask)):
        names = [sparse.targets[column] for column in np.flatnonzero(used.any(axis=0))]
        found |= {name: side[name] for name in names if name in side}
    return found
