"""Decode the labels and scores of a table to logits, following its plan.

Shapes: N samples, A targets.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.errors import UserError, argument
from pbias.files.cells import UNKNOWN, canonical
from pbias.files.logits import Logits, logits_of, threshold_logits
from pbias.workflows.importing import values
from pbias.workflows.importing.plan import Plan
from pbias.workflows.importing.source import Source

Floats = NDArray[np.float64]
Int8 = NDArray[np.int8]

NO_SCORES = "predictions without scores"
DECIDED = 1.0  # logit of a predicted 1; a predicted 0 has the negative
MAX_SUM_ERROR = 0.01

logger = logging.getLogger(__name__)


def decode(
    source: Source, plan: Plan, threshold: float | None = None, decimal: str = "."
) -> Logits:
    """Return the labels and scores of a table; `threshold` is on the scale of the scores.

    Predictions without scores become logits of 1 and -1, and the file's meta says that these are
    not scores. Raises UserError for cells that cannot be used.
    """
    labels = _labels(source, plan)
    named: dict[str, Any] = {"labels": labels, "targets": plan.targets, "path": source.path}
    if plan.classes:
        named["activation"] = "softmax"
    if plan.kind == "prediction":
        _refuse_threshold(threshold)
        return Logits(
            logits=_decided(source, plan),
            meta={"no_scores": dict.fromkeys(plan.targets, NO_SCORES)},
            **named,
        )
    if plan.classes:
        _refuse_threshold(threshold)
    elif plan.kind == "probability" and threshold is not None and not 0 <= threshold <= 1:
        raise UserError(
            f"{argument('threshold', threshold)} is not a probability; give one from 0 to 1, like "
            "the scores"
        )
    read = values.probabilities if plan.kind == "probability" else values.numbers
    found = np.stack(
        [read(source, column, source.columns[column], decimal) for column in plan.scores], axis=1
    )
    cut = None if threshold is None else np.full(len(plan.targets), threshold)
    if plan.kind == "logit":
        return Logits(logits=found, thresholds=cut, **named)
    if plan.classes:
        _check_sums(source, plan, found)
    logits = logits_of(found, "softmax" if plan.classes else "sigmoid")
    if cut is not None and threshold is not None:
        cut = threshold_logits(cut)
        logits = values.thresholded(found, logits, float(cut[0]), threshold)
    return Logits(logits=logits, probabilities=found, thresholds=cut, **named)


def _refuse_threshold(threshold: float | None) -> None:
    if threshold is not None:
        raise UserError(
            f"{argument('threshold', threshold)} has no effect on predictions of 0 and 1; leave it "
            "out"
        )


def _labels(source: Source, plan: Plan) -> Int8:
    """Return the labels [N, A]; all unknown if the table has none."""
    if not plan.labels:
        return np.full((len(source), len(plan.targets)), UNKNOWN, np.int8)
    if plan.class_labels:
        column = plan.labels[0]
        codes = _class_codes(source, column, source.cells(column, "label"), plan.targets)
        positive = codes[:, None] == np.arange(len(plan.targets))
        return np.where(codes[:, None] == UNKNOWN, UNKNOWN, positive).astype(np.int8)
    columns = [values.binary(source, c, source.cells(c, "label")) for c in plan.labels]
    return np.stack(columns, axis=1)


def _decided(source: Source, plan: Plan) -> Floats:
    """Return logits [N, A] in which only the sign, or the largest of a row, has a meaning."""
    if plan.classes:
        column = plan.scores[0]
        codes = _class_codes(source, column, source.cells(column, "prediction"), plan.targets)
        unknown = np.flatnonzero(codes == UNKNOWN)
        if len(unknown):
            row = int(unknown[0])
            raise UserError(
                f"{source.where(row, column)} holds '{source.columns[column][row]}', which is not "
                f"one of the classes {', '.join(plan.targets[:5])}; every row needs a predicted "
                "class"
            )
        positive = codes[:, None] == np.arange(len(plan.targets))
    else:
        columns = [
            values.decisions(source, c, source.cells(c, "prediction")) == 1 for c in plan.scores
        ]
        positive = np.stack(columns, axis=1)
    return np.where(positive, DECIDED, -DECIDED)


def _class_codes(
    source: Source, column: str, cells: list[str], classes: Sequence[str]
) -> NDArray[np.int64]:
    """Return each row's class number, -1 unknown: a cell is a class, or a number if none is.

    Raises UserError for a cell that is neither.
    """
    plain = [canonical(cell) for cell in cells]
    found = set(plain) - {""}
    index = {name: number for number, name in enumerate(classes)}
    if not found & index.keys():
        index = {str(number): number for number in range(len(classes))}
    strange = found - index.keys()
    if strange:
        row = next(row for row, cell in enumerate(plain) if cell in strange)
        raise UserError(
            f"{source.where(row, column)} holds '{cells[row]}', which is not one of the classes "
            f"({', '.join(classes[:5])}{', ...' if len(classes) > 5 else ''}) nor, for all rows, "
            "their numbers from 0; rename it, or name the classes in order with "
            f"{argument('targets')}"
        )
    codes = index | {"": UNKNOWN}
    return np.array([codes[cell] for cell in plain], np.int64)


def _check_sums(source: Source, plan: Plan, found: Floats) -> None:
    """Raise UserError for rows without any probability; warn about rows that do not add up to 1."""
    sums = found.sum(axis=1)
    empty = np.flatnonzero(sums <= 0)
    if len(empty):
        raise UserError(
            f"{source.where(int(empty[0]), plan.scores[0])} and the other classes are all 0; give "
            "probabilities that add up to 1"
        )
    worst = int(np.abs(sums - 1).argmax())
    if abs(sums[worst] - 1) > MAX_SUM_ERROR:
        logger.warning(
            "%s: the probabilities of the classes add up to %.4g, not 1; write {target} in place "
            "of {class} if each column is a score of its own",
            source.where(worst, plan.scores[0]), sums[worst],
        )  # fmt: skip
