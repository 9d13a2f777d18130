"""Fit a threshold on logits per attribute, on validation data.

Shape suffixes: A targets, k samples with a known label, c cuts (ways to divide them by a
threshold).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.totals import predictions
from pbias.auditing.inference.distributions import Floats
from pbias.errors import UserError, argument
from pbias.files.logits import UNKNOWN, Logits
from pbias.files.logits.blocks import LogitsBlocks
from pbias.files.table import Table

log = logging.getLogger(__name__)

POSITIVE_RATE, F1, BALANCED_ACCURACY = "positive-rate", "f1", "balanced-accuracy"
DEFAULT = 0.0  # the threshold that applies if there is none
TIES = "equal logits: not exactly as many"
NO_KNOWN = "no known labels: 0 kept"
NO_POSITIVES = "no positive labels: 0 kept"
NO_NEGATIVES = "no negative labels: 0 kept"
NEVER = "never predicted"
ALWAYS = "always predicted"
MAX_BYTES = 128 << 20  # of logits and labels in memory, of a file that is read in blocks


class Fitted(NamedTuple):
    """Logit thresholds float64 [A], and a note on each, str [A] ("": none)."""

    values: Floats
    notes: list[str]


class _Cuts(NamedTuple):
    """Thresholds in ascending order from -inf to inf, and the labels 1 and 0 above each, [c]."""

    values: Floats
    tp: NDArray[np.int64]
    fp: NDArray[np.int64]


def check_split(logits: Logits | LogitsBlocks, *, allow_test: bool) -> None:
    """Refuse thresholds from the data that they will be judged on; warn of those from training.

    Raises UserError for a file of the test split, or of all splits, unless it is allowed.
    """
    split = (logits if isinstance(logits, Logits) else logits.head).split
    if split in ("test", "all") and not allow_test:
        what = "the test split" if split == "test" else "all splits, the test split too"
        raise UserError(
            f"{logits.path} holds {what}, and thresholds fitted to it flatter every "
            f"number that is measured on it; predict {argument('split', 'valid')}, "
            f"or add {argument('allow_test', True)}"
        )
    if split == "train":
        log.warning(
            "%s is of the training split, where models are surer than elsewhere; use %s",
            logits.path,
            argument("split", "valid"),
        )


def calibrate(
    logits: Logits | LogitsBlocks,
    objective: str = POSITIVE_RATE,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Table:
    """Return a threshold for each attribute, with the counts that it gives on this file.

    Columns: attribute, threshold, n (known labels), n_positive, n_predicted_before (among these, as
    the file stands), n_predicted_positive (with the threshold), note. Blocks are read for some
    targets at a time, with the same result; `progress` takes targets (done, total). Raises
    UserError without any labels, and for a softmax, whose largest output is predicted whatever the
    threshold.
    """
    if logits.activation == "softmax":
        raise UserError(
            f"{logits.path} is from a softmax, which predicts its largest output whatever the "
            "threshold; only sigmoid outputs can be calibrated"
        )
    parts = [logits] if isinstance(logits, Logits) else logits.by_targets(MAX_BYTES)
    columns: dict[str, list[Any]] = {}
    for part in parts:
        for name, values in _fitted(part, objective).items():
            columns.setdefault(name, []).extend(values)
        progress(len(columns["attribute"]), len(logits.targets))
    if not any(columns["n"]):
        hint = f"add them with {argument('labels')}"
        raise UserError(f"{logits.path} has no labels to fit thresholds to; {hint}")
    _say(logits.targets, columns["note"])
    return Table(columns)


def _fitted(logits: Logits, objective: str) -> dict[str, list[Any]]:
    labels_an = logits.labels.T
    before = predictions(logits)
    fitted = fit_thresholds(before.logits, labels_an, objective)
    after = before.logits > fitted.values[:, None]
    known = labels_an != UNKNOWN
    return {
        "attribute": list(logits.targets),
        "threshold": fitted.values.tolist(),
        "n": known.sum(axis=1).tolist(),
        "n_positive": (labels_an == 1).sum(axis=1).tolist(),
        "n_predicted_before": (before.s & known).sum(axis=1).tolist(),
        "n_predicted_positive": (after & known).sum(axis=1).tolist(),
        "note": fitted.notes,
    }


def _say(targets: tuple[str, ...], notes: list[str]) -> None:
    """Log one line for each kind of note: ties as information, failed fits as warnings."""
    for note in dict.fromkeys(filter(None, notes)):
        names = [name for name, said in zip(targets, notes, strict=True) if said == note]
        say = log.info if note == TIES else log.warning
        say("%s: %d of %d attributes (%s)", note, len(names), len(targets), ", ".join(names))


def fit_thresholds(
    logits_an: NDArray[np.float32],
    labels_an: NDArray[np.int8],
    objective: str = POSITIVE_RATE,
) -> Fitted:
    """Return the thresholds above which predictions serve the objective best, among known labels.

    `positive-rate` predicts as many samples as have a positive label; `f1` and `balanced-accuracy`
    maximize that score. A threshold lies midway between two neighboring float32 logits, which
    float64 holds exactly (so compare in float64). It is inf if nothing should be predicted, and
    -inf if everything should. Equal logits stay together, so the nearest possible count (or the
    best possible score) wins; among equally good thresholds, the one that predicts fewer. The
    threshold is 0 if there is nothing to fit: no known label, no positive for f1, only one kind of
    label for balanced accuracy.
    Source: Iofinova et al., CVPR 2023, section 3, for the positive rate.
    """
    fitted = [
        _fit(z_n[y_n != UNKNOWN], y_n[y_n != UNKNOWN] == 1, objective)
        for z_n, y_n in zip(logits_an, labels_an, strict=True)
    ]
    return Fitted(np.array([value for value, _ in fitted]), [note for _, note in fitted])


def _fit(
    z_k: NDArray[np.float32], positive_k: NDArray[np.bool_], objective: str
) -> tuple[float, str]:
    num_positive = int(positive_k.sum())
    if note := _unfit(objective, num_positive, len(z_k) - num_positive):
        return DEFAULT, note
    cuts = _cuts(z_k, positive_k)
    score_c = _score(cuts, objective)
    best = len(score_c) - 1 - int(score_c[::-1].argmax())
    value = float(cuts.values[best])
    notes = [TIES] if objective == POSITIVE_RATE and score_c[best] < 0 else []
    if np.isinf(value):
        notes.append(NEVER if value > 0 else ALWAYS)
    return value, "; ".join(notes)


def _unfit(objective: str, num_positive: int, num_negative: int) -> str:
    """Return why nothing can be fitted, or ""."""
    if num_positive + num_negative == 0:
        return NO_KNOWN
    if objective != POSITIVE_RATE and num_positive == 0:
        return NO_POSITIVES
    if objective == BALANCED_ACCURACY and num_negative == 0:
        return NO_NEGATIVES
    return ""


def _cuts(z_k: NDArray[np.float32], positive_k: NDArray[np.bool_]) -> _Cuts:
    distinct, index = np.unique(z_k, return_inverse=True)
    values = distinct.astype(np.float64)
    inner = (values[1:] + values[:-1]) / 2
    above = [
        np.append(np.bincount(index[chosen], minlength=len(values))[::-1].cumsum()[::-1], 0)
        for chosen in (positive_k, ~positive_k)
    ]
    return _Cuts(np.concatenate([[-np.inf], inner, [np.inf]]), *above)


def _score(cuts: _Cuts, objective: str) -> NDArray[Any]:
    """Return scores [c] that compare exactly: whole numbers, or one division of whole numbers."""
    num_positive, num_negative = cuts.tp[0], cuts.fp[0]
    if objective == POSITIVE_RATE:
        return np.asarray(-np.abs(cuts.tp + cuts.fp - num_positive))
    if objective == F1:
        return np.asarray(2 * cuts.tp / (cuts.tp + cuts.fp + num_positive))
    assert objective == BALANCED_ACCURACY, objective
    return np.asarray(cuts.tp * num_negative + (num_negative - cuts.fp) * num_positive)
