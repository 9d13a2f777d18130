"""Samples whose prediction the dense model is unsure of: those most at risk from pruning."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pbias.audit.totals import UNCERTAIN_MARGIN, predictions
from pbias.files.logits import UNKNOWN, Logits
from pbias.files.table import Table


def flag_uncertain(logits: Logits, margin: float = UNCERTAIN_MARGIN) -> Table:
    """Every sample and attribute with `abs(p - 0.5) < margin`, the most uncertain first.

    Columns: id (the row number without ids), attribute, prediction, probability, margin
    (`abs(p - 0.5)`), then a column for each group (empty: unknown). Labels are never read.
    Source: the paper, section 5 (samples at risk).
    """
    found = predictions(logits)
    distance = np.abs(found.p - 0.5)
    target, row = np.nonzero(distance < margin)
    order = np.lexsort((row, target, distance[target, row]))
    target, row = target[order], row[order]
    ids = np.arange(len(logits)).astype(str) if logits.ids is None else logits.ids
    groups = {
        name: _values(logits, index)[row].tolist() for index, name in enumerate(logits.group_names)
    }
    return Table(
        {
            "id": ids[row].tolist(),
            "attribute": np.array(logits.targets)[target].tolist(),
            "prediction": found.s[target, row].astype(int).tolist(),
            "probability": found.p[target, row].tolist(),
            "margin": distance[target, row].tolist(),
            **groups,
        }
    )


def flag_counts(table: Table, logits: Logits) -> list[tuple[str, int]]:
    """How many samples are flagged for each attribute, the most first."""
    names, counts = np.unique(table.columns["attribute"], return_counts=True)
    found = dict(zip(names.tolist(), counts.tolist(), strict=True))
    return sorted(((name, found.get(name, 0)) for name in logits.targets), key=lambda x: -x[1])


def _values(logits: Logits, index: int) -> NDArray[np.str_]:
    assert UNKNOWN == -1, "an unknown code picks the last, empty value"
    return np.asarray(np.array([*logits.group_values[index], ""])[logits.groups[:, index]])
