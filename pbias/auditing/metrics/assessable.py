"""What an audit of some labels could not say, whatever the model: known before anything is trained.

Shapes: A targets, V values of a group; training counts are [A, G+1, V+1, 2].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.metrics.amplification import ITSELF, MIN_POSITIVES, TOO_FEW, why_undefined
from pbias.files.manifest import Labels, train_counts


def unassessable(
    labels: Labels, train: NDArray[np.int64], audited: NDArray[np.int64]
) -> dict[tuple[str, str], str]:
    """Why bias amplification is undefined, by (target, group); "" where it is not.

    By the training rates of the rows `train`, and the positive labels among the rows `audited`.
    That a model may never predict a target comes on top. Source: metrics.md section 2.
    """
    trained, tested = train_counts(labels, train), train_counts(labels, audited)
    reasons: dict[tuple[str, str], str] = {}
    for index, group in enumerate(labels.group_names):
        num_values = len(labels.group_values[index])
        counts = trained[:, index, :num_values]
        why = why_undefined(counts)
        few = tested[:, index, :num_values, 1].min(axis=1) < MIN_POSITIVES
        why[(why == "") & few] = TOO_FEW
        for target, reason in zip(labels.targets, why, strict=True):
            reasons[target, group] = ITSELF if target == group else str(reason)
    return reasons
