"""Over-representation of group values among the exemplars, with intervals.

Shape suffixes: J folds, P group values of all partitions (strata.py), A targets; the last column is
the sum over all targets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.folds import NUM_FOLDS
from pbias.auditing.counts.reduction import sample_folds
from pbias.auditing.counts.strata import Strata, build_strata
from pbias.auditing.counts.sums import whole_and_left_out
from pbias.auditing.counts.tally import Tally
from pbias.auditing.inference.intervals import Interval, scaled_interval, wilson
from pbias.auditing.inference.jackknife import estimate
from pbias.auditing.metrics.entry import Scale
from pbias.auditing.metrics.measures import FEW
from pbias.auditing.remedies.identified_exemplars import Exemplars
from pbias.errors import UserError, argument
from pbias.files.table import Table

MODAL, TAXICAB = "modal", "taxicab"
NO_EXEMPLARS = "no exemplars with a known group value"
NO_SAMPLES = "no samples in group"
_Block = dict[str, NDArray[Any]]


def over_representation(
    found: Exemplars,
    groups: Sequence[str] | None = None,
    level: float = 0.95,
    num_folds: int = NUM_FOLDS,
) -> Table:
    """Return `P(g given exemplar) / P(g) - 1` of every group value, over samples with known value.

    Columns: kind (modal, taxicab), attribute (empty: all together), group, contrast (the group
    value), value, low, high, status, reason, share `P(g given exemplar)`, base `P(g)`, n (samples
    with a known group value), n_exemplars (those among them), n_ties (tied majorities, over all
    samples). Intervals come from the jackknife over folds on a log scale. If fewer than 10
    exemplars are inside or outside the group (`low_power`), they come from Wilson's interval of the
    share. The runs and the choice of exemplars are taken as given. Raises UserError without any
    group.
    """
    strata = build_strata(found.logits, groups)
    if len(strata.partitions) == 1:
        hint = f"name columns with {argument('groups')}"
        raise UserError(f"{found.logits.path} has no groups; {hint}")
    folds, num_found = sample_folds(found.logits, num_folds)
    tally = Tally(strata, folds, num_found)
    samples = whole_and_left_out(tally(None))[..., None]
    tied = found.tied.sum(axis=1).tolist()
    records: list[dict[str, Any]] = []
    for kind, chosen, ties in (
        (MODAL, found.modal, [sum(tied), *tied]),
        (TAXICAB, found.top, None),
    ):
        each = np.stack([tally(row.astype(np.int8), (2,))[..., 1] for row in chosen], axis=-1)
        counts = whole_and_left_out(np.concatenate([each.sum(-1, keepdims=True), each], axis=-1))
        for group, values, members in _groups(strata):
            block = _block(counts[:, members], samples[:, members], level)
            for column, name in enumerate(("", *found.logits.targets)):
                for row, value in enumerate(values):
                    cells = {key: array[row, column].item() for key, array in block.items()}
                    named = {"kind": kind, "attribute": name, "group": group, "contrast": value}
                    records.append(named | cells | {"n_ties": ties and ties[column]})
    return Table({name: [record[name] for record in records] for name in records[0]})


def _groups(strata: Strata) -> Iterator[tuple[str, tuple[str, ...], slice]]:
    """Yield each group with its values and their places among the P values, except everyone."""
    start = len(strata.partitions[0].values)
    for partition in strata.partitions[1:]:
        stop = start + len(partition.values)
        yield partition.name, partition.values, slice(start, stop)
        start = stop


def _block(counts: NDArray[np.int64], samples: NDArray[np.int64], level: float) -> _Block:
    """Return columns [V, 1+A] of a group, from counts [1+J, V, 1+A] and samples [1+J, V, 1]."""
    in_group, all_of = counts[0], counts[0].sum(axis=0, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = counts / counts.sum(axis=1, keepdims=True)
        base = samples / samples.sum(axis=1, keepdims=True)
    expected = np.where(base > 0, base, np.nan)
    ratio = share / expected
    few = np.minimum(in_group, all_of - in_group) < FEW
    found = estimate(ratio[None])
    ends = scaled_interval(Scale.LOG, found, level)
    score = Interval(*(end / expected[0] for end in wilson(in_group, all_of, level)))
    undefined = np.isnan(ratio[0])
    reason = np.where(base[0] > 0, NO_EXEMPLARS, NO_SAMPLES)
    low, high = (np.where(few, s, e) - 1 for s, e in zip(score, ends, strict=True))
    return {
        "value": ratio[0] - 1,
        "low": np.where(undefined, np.nan, low),
        "high": np.where(undefined, np.nan, high),
        "status": np.where(undefined, "undefined", np.where(few, "low_power", "ok")),
        "reason": np.where(undefined, reason, ""),
        "share": share[0],
        "base": np.broadcast_to(base[0], share[0].shape),
        "n": np.broadcast_to(samples[0].sum(axis=0), share[0].shape),
        "n_exemplars": np.broadcast_to(all_of, share[0].shape),
    }
