"""The benefit of overriding: the remaining bias by the share of predictions replaced.

Shape suffixes: N samples, A targets, S strata (strata.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.reduction import design
from pbias.auditing.counts.strata import Strata, build_strata
from pbias.auditing.counts.sums import JointSums, Sums, by_stratum, strata_rows
from pbias.auditing.counts.totals import largest_other, predictions, reduce_pairs, transposed
from pbias.auditing.metrics.entry import Compares, Curve, Metric
from pbias.auditing.metrics.measures import Measure
from pbias.auditing.metrics.models import Model
from pbias.auditing.metrics.registry import METRICS
from pbias.auditing.remedies.overriding import Better, Cells, mask_of
from pbias.files.logits import Logits
from pbias.files.table import Table

BUDGETS = (*range(5), *range(5, 101, 5))  # percentages of all predictions
NUM_DRAWS = 10
FLAGS, RANDOM, UNCERTAINTY = "flags", "random", "uncertainty"
Floats = NDArray[np.float64]
# By metric and group: float64 [budgets, values], NaN if undefined.
Values = dict[tuple[str, str], Floats]


@dataclass(frozen=True)
class _Line:
    """The points of one order: numbers of overridden predictions, and the metrics after that."""

    order: str
    nums: list[int]
    values: Values


def override_curve(
    sparse: Logits,
    reference: Logits,
    better: Better,
    flags: Cells,
    *,
    seed: int = 0,
    num_draws: int = NUM_DRAWS,
    progress: Callable[[int, int], None] | None = None,
) -> Table:
    """Compute the bias left after overriding the first predictions of an order, for 0 to 100 %.

    The orders are the flags, as far as they reach; `random` (the mean over `num_draws` orders); and
    `uncertainty`, which starts where the sparse model is nearest to its threshold (for a softmax,
    to the largest other output).

    Columns: order, budget (share of all predictions), num_overridden, metric, group, value, sd
    (over the random orders), over (the number of values in a mean: those defined at every point).
    Metrics: accuracy, tcb and never_predicted (the share of attributes); churn and lost_positives
    against `reference`. For each group, there are the means of abs(tpr_gap), the difference of TPR
    between its values, and of abs(bias_amplification), and the means of their changes against
    `reference`: abs(did_tpr) and abs(change(bias_amplification)). All files must already be joined.
    """
    measure, size = _Measures(sparse, reference, better), sparse.logits.size
    lines: list[_Line] = []
    for name, cells in _orders(sparse, flags, seed, num_draws):
        nums = _budgets(len(cells), size)
        lines.append(_Line(name, nums, measure(cells, nums)))
        if progress:
            progress(len(lines), num_draws + 2)
    return _table(lines, size)


def _orders(sparse: Logits, flags: Cells, seed: int, num_draws: int) -> Iterator[tuple[str, Cells]]:
    """Yield all cells of [N, A] in each order, one order at a time; the flags may be fewer."""
    yield FLAGS, flags
    yield UNCERTAINTY, np.argsort(_distance(sparse), axis=None, kind="stable")
    for draw in range(num_draws):
        yield RANDOM, np.random.default_rng([seed, draw]).permutation(sparse.logits.size)


def _distance(sparse: Logits) -> Floats:
    """Return the distance of each output from the other prediction, [N, A]."""
    if sparse.activation == "softmax":
        z_an = transposed(sparse.logits)
        return np.abs(z_an - largest_other(z_an)).T
    cuts = 0.0 if sparse.thresholds is None else sparse.thresholds
    return np.asarray(np.abs(sparse.logits - cuts))


def _budgets(length: int, size: int) -> list[int]:
    """Return the numbers of predictions to override, up to the length of the order."""
    wanted = [round(size * percent / 100) for percent in BUDGETS]
    return sorted({num for num in wanted if num <= length} | {length})


class _Measures:
    """Metrics of the sparse model with some predictions replaced."""

    def __init__(self, sparse: Logits, reference: Logits, better: Better) -> None:
        self._sparse = sparse
        self._design = design(sparse, build_strata(sparse))
        self._labels_an = np.ascontiguousarray(sparse.labels.T)
        self._better = better
        self._s, self._better_s = predictions(sparse).s, better.decisions(sparse)
        self._d = predictions(reference).s

    @property
    def _strata(self) -> Strata:
        return self._design.strata

    def __call__(self, cells: Cells, nums: Sequence[int]) -> Values:
        """Compute each metric by name and group after overriding the first `nums` cells."""
        counts = np.stack([self._counts(cells[:num]) for num in nums])
        no_classes = np.zeros((*counts.shape[:3], 2, 2), np.int64)
        joint = JointSums(strata_rows(self._strata), counts, no_classes, (len(counts), 1))
        after, before = self._model(counts.sum(-2)), self._model(counts.sum(-1))
        return dict(self._values(joint, after, before))

    def _counts(self, cells: Cells) -> NDArray[np.int64]:
        """Return the joint counts [1, S, A, 3, 2, 2], as in `JointSums`."""
        mask = mask_of(cells, self._sparse, self._better)
        s = np.where(mask.T, self._better_s, self._s)
        folds = np.zeros(len(mask), np.intp)
        counts = reduce_pairs(self._d, s, self._labels_an, self._strata, folds, 1)
        return by_stratum(counts, self._strata)

    def _model(self, cells: NDArray[np.int64]) -> Model:
        """Return a model of counts alone, because no metric here needs probabilities."""
        shape = cells.shape[:4]
        nothing = np.zeros(shape)
        rows = strata_rows(self._strata)
        no_classes = np.zeros((*shape[:3], 2), np.int64)
        unsure = np.zeros(shape, np.int64)
        sums = Sums(rows, cells, unsure, nothing, nothing, nothing, no_classes)
        return Model(self._design, sums)

    def _values(
        self, joint: JointSums, after: Model, before: Model
    ) -> Iterator[tuple[tuple[str, str], Floats]]:
        for metric in METRICS.values():
            if metric.curve is Curve.OVERALL:
                of_pairs = metric.compares is Compares.PREDICTIONS
                measure: Measure = metric.compute(joint if of_pairs else after)
                yield (metric.name, ""), measure.value[:, 0, 0]
            elif metric.curve is not Curve.NONE:
                yield from self._of_groups(metric, after, before)

    def _of_groups(
        self, metric: Metric, after: Model, before: Model
    ) -> Iterator[tuple[tuple[str, str], Floats]]:
        """Yield each group's absolute values of a metric or its contrasts, and of their changes."""
        own, changed = f"abs({metric.name})", f"abs(change({metric.name}))"
        if metric.curve is Curve.CONTRASTS:
            own, changed = f"abs({metric.name}_gap)", f"abs(did_{metric.name})"
            found = [model.contrasts(metric) for model in (after, before)]
        else:
            found = [model.measure(metric) for model in (after, before)]
        measures = [measure for measure in found if measure is not None]
        if not measures:
            return
        now, then = (measure.value[:, 0] for measure in measures)
        rows = measures[0].rows
        for group in dict.fromkeys(row.group for row in rows):
            members = [i for i, row in enumerate(rows) if row.group == group]
            for name, values in ((own, now), (changed, now - then)):
                yield (name, group), np.abs(values[:, members]).reshape(len(values), -1)


def _table(lines: list[_Line], size: int) -> Table:
    """Return a row per point and metric, over values defined at all points."""
    defined = {
        key: np.all([~np.isnan(line.values[key]).any(axis=0) for line in lines], axis=0)
        for key in lines[0].values
    }
    records = [
        {
            "order": order,
            "budget": num / size,
            "num_overridden": num,
            "metric": key[0],
            "group": key[1],
            **_mean([line.values[key][place] for line in lines if line.order == order], kept),
        }
        for order, nums in {line.order: line.nums for line in lines}.items()
        for place, num in enumerate(nums)
        for key, kept in defined.items()
    ]
    return Table({name: [record[name] for record in records] for name in records[0]})


def _mean(draws: Sequence[Floats], kept: NDArray[np.bool_]) -> dict[str, float]:
    means = [float(values[kept].mean()) if kept.any() else np.nan for values in draws]
    spread = float(np.std(means, ddof=1)) if len(means) > 1 else np.nan
    return {"value": float(np.mean(means)), "sd": spread, "over": int(kept.sum())}
