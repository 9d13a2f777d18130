"""Compression identified exemplars: samples that pruned and dense networks see differently.

Shape suffixes: R runs, N samples, A targets.
Source: Hooker et al. (2019), What do compressed deep neural networks forget?
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.join import align, group_columns, select_targets
from pbias.auditing.counts.totals import predictions
from pbias.auditing.inference.distributions import Floats
from pbias.files.logits import UNKNOWN, Logits
from pbias.files.table import Table

log = logging.getLogger(__name__)

TOP = 0.01


@dataclass(frozen=True)
class Votes:
    """The votes of one side's runs: how many predict 1, int [A, N], and the mean p, [A, N]."""

    num_runs: int
    num_positive: NDArray[np.int64]
    p: Floats

    @property
    def share(self) -> Floats:
        """Share of runs that predict 1."""
        return self.num_positive / self.num_runs

    @property
    def majority(self) -> NDArray[np.int64]:
        """The prediction of most runs: 1 or -1, or 0 for a tie."""
        return np.sign(2 * self.num_positive - self.num_runs)


@dataclass(frozen=True)
class Exemplars:
    """The kinds of exemplar that each prediction is: bool or float [A, N].

    modal: the majorities differ; tied: one side has no majority, so this is not an exemplar;
    taxicab: `sum over the two values of abs(share of dense runs - share of sparse runs)`, 0 to 2;
    top: the largest taxicab distances in each attribute.
    """

    logits: Logits
    dense: Votes
    sparse: Votes
    modal: NDArray[np.bool_]
    tied: NDArray[np.bool_]
    taxicab: Floats
    top: NDArray[np.bool_]


def find_exemplars(
    dense: Sequence[Logits],
    sparse: Sequence[Logits],
    attributes: Sequence[str] | None = None,
    num_top: int | None = None,
) -> Exemplars:
    """Return the exemplars of every attribute, modal and taxicab; all files have the same samples.

    Taxicab exemplars are the `num_top` samples of an attribute with the largest distances (default:
    1 % of the samples). Ties go to the larger difference of mean probabilities, then to the order
    of the file. A distance of 0 is never an exemplar. Raises UserError for files that do not fit
    together.
    """
    num_top = round(TOP * len(dense[0])) if num_top is None else num_top
    first = dense[0] if attributes is None else select_targets(dense[0], attributes)
    # The predicted class of a softmax depends on all outputs, also on those that were not
    # requested.
    whole = dense[0] if dense[0].activation == "softmax" else first
    columns = [whole.targets.index(name) for name in first.targets]
    _say_runs(len(dense), len(sparse))
    before, after = (
        _votes([run if run is whole else align(run, whole) for run in side], columns)
        for side in ([whole, *dense[1:]], sparse)
    )
    tied = (before.majority == 0) | (after.majority == 0)
    taxicab = 2 * np.abs(before.share - after.share)
    found = Exemplars(
        logits=first,
        dense=before,
        sparse=after,
        modal=~tied & (before.majority != after.majority),
        tied=tied,
        taxicab=taxicab,
        top=_largest(taxicab, np.abs(before.p - after.p), num_top),
    )
    _say_counts(found)
    return found


def exemplar_table(found: Exemplars) -> Table:
    """Return a row per sample and attribute that is an exemplar, the largest distance first.

    Columns: id (the row number without ids), attribute, modal, top (1 or 0), taxicab, dense_share
    and sparse_share (of runs that predict 1), dense_probability and sparse_probability (means),
    label (None: unknown), then a column for each group (empty: unknown).
    """
    logits = found.logits
    target, row = np.nonzero(found.modal | found.top)
    gap = np.abs(found.dense.p - found.sparse.p)
    order = np.lexsort((row, target, -gap[target, row], -found.taxicab[target, row]))
    target, row = target[order], row[order]
    ids = np.arange(len(logits)).astype(str) if logits.ids is None else logits.ids
    labels = logits.labels.T[target, row].tolist()
    numbers = {
        "modal": found.modal.astype(int),
        "top": found.top.astype(int),
        "taxicab": found.taxicab,
        "dense_share": found.dense.share,
        "sparse_share": found.sparse.share,
        "dense_probability": found.dense.p,
        "sparse_probability": found.sparse.p,
    }
    columns = {
        "id": ids[row].tolist(),
        "attribute": np.array(logits.targets)[target].tolist(),
        **{name: values[target, row].tolist() for name, values in numbers.items()},
        "label": [None if label == UNKNOWN else label for label in labels],
    }
    return Table(columns | group_columns(logits, row, columns))


def _votes(runs: Sequence[Logits], columns: list[int]) -> Votes:
    """Return the votes on the targets in these columns, predicted among all targets."""
    shape = len(columns), len(runs[0])
    num_positive, p = np.zeros(shape, np.int64), np.zeros(shape)
    for run in runs:
        found = predictions(run)
        num_positive += found.s[columns]
        p += found.p[columns]
    return Votes(len(runs), num_positive, p / len(runs))


def _largest(distance: Floats, gap: Floats, num: int) -> NDArray[np.bool_]:
    """Return the `num` largest of each row, ties by gap, then by order; never a 0."""
    order = np.lexsort((-gap, -distance), axis=-1)[:, :num]
    chosen = np.zeros(distance.shape, bool)
    np.put_along_axis(chosen, order, values=True, axis=-1)
    return chosen & (distance > 0)


def _say_runs(num_dense: int, num_sparse: int) -> None:
    if 1 in (num_dense, num_sparse):
        log.warning(
            "%d dense and %d sparse: with one run a side, exemplars are the predictions that "
            "changed (churn), by the chance of training too; give several runs (seeds) a side",
            num_dense,
            num_sparse,
        )


def _say_counts(found: Exemplars) -> None:
    log.info(
        "of %d predictions %d are modal exemplars (%d are ties and are none), %d taxicab",
        found.modal.size,
        found.modal.sum(),
        found.tied.sum(),
        found.top.sum(),
    )
