"""Count predictions by probability, group value and label: calibration curves, distributions.

Shape suffixes: V values of a group, L labels (0, 1, unknown), B bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.strata import Partition
from pbias.auditing.counts.totals import NUM_LABELS, predictions
from pbias.files.logits import Logits

NUM_BINS = 10


@dataclass(frozen=True)
class ScoreBins:
    """Predictions by equal-width bins of p (p = 1 in the last): counts and sums of p, [V, L, B]."""

    values: tuple[str, ...]
    n: NDArray[np.int64]
    p: NDArray[np.float64]

    @property
    def known(self) -> NDArray[np.int64]:
        """Predictions with a known label, [V, B]."""
        return np.asarray(self.n[:, :2].sum(axis=1))


def score_bins(
    runs: Sequence[Logits],
    partition: Partition,
    attributes: Sequence[str] | None = None,
    num_bins: int = NUM_BINS,
) -> ScoreBins:
    """Count the predictions of all runs for some attributes (None: all) together.

    The rows of the runs must be those of the partition, in the same order.
    """
    num_values = len(partition.values)
    shape = (num_values, NUM_LABELS, num_bins)
    n, p = np.zeros(shape, np.int64), np.zeros(shape)
    member = partition.codes >= 0
    codes = partition.codes[member].astype(np.int64)
    for run in runs:
        found = predictions(run)
        wanted = run.targets if attributes is None else attributes
        for target in map(run.targets.index, wanted):
            ours = found.p_of(target)[member]
            label = run.labels[member, target].astype(np.int64) % NUM_LABELS  # -1 becomes the last
            column = np.minimum((ours * num_bins).astype(np.int64), num_bins - 1)
            place = (codes * NUM_LABELS + label) * num_bins + column
            n += np.bincount(place, minlength=n.size).reshape(shape)
            p += np.bincount(place, ours, minlength=n.size).reshape(shape)
    return ScoreBins(partition.values, n, p)
