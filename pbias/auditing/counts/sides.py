"""The runs of one side of an audit, reduced once, and every metric of one model.

Shape suffixes as in measures.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts import scores
from pbias.auditing.counts.strata import Strata
from pbias.auditing.counts.totals import Predictions, Totals, predictions, reduce_pairs, reduce_rows
from pbias.auditing.metrics import amplification, rates
from pbias.auditing.metrics.measures import Measure, by_stratum
from pbias.auditing.metrics.unscored import without_scores
from pbias.files.logits import Logits

RANKED = frozenset({"auc", "calibration_error_debiased"})


@dataclass(frozen=True)
class Design:
    """What an audit is about: what both sides share, whatever rows they are reduced from."""

    targets: tuple[str, ...]
    strata: Strata
    clustered: bool
    trained: list[amplification.Trained]
    train_counts: NDArray[np.int64] | None


@dataclass(frozen=True)
class Sample(Design):
    """The rows of both sides: their labels int8 [A, N] and folds int [N]."""

    labels_an: NDArray[np.int8]
    folds: NDArray[np.intp]
    num_folds: int


@dataclass(frozen=True)
class Reduced:
    """The runs of one side, reduced, and every metric of one model made of that.

    `heads` are the runs, of which no rows are read any more; `rank` gives the scores of each, which
    take the longest and may not be asked for.
    """

    design: Design
    heads: Sequence[Logits]
    totals: list[Totals]
    rank: Callable[[], list[scores.Scores]]

    @cached_property
    def sums(self) -> rates.Sums:
        """The totals by stratum."""
        return rates.sums(self.totals, self.design.strata)

    def measure(self, name: str) -> Measure | None:
        """A metric of one model, over strata or groups; None for one that is no such metric."""
        return (self._ranked if name in RANKED else self._counted).get(name)

    @cached_property
    def _ranked(self) -> dict[str, Measure]:
        ranked = self.rank()
        found = (scores.auc(ranked, self.sums), scores.debiased_calibration(ranked, self.sums))
        return {measure.name: without_scores(measure, self.heads) for measure in found}

    @cached_property
    def _counted(self) -> dict[str, Measure]:
        found = [
            *rates.rates(self.sums),
            *rates.under_prediction(self.sums, self.design.train_counts),
            rates.never_predicted(self.sums),
            *rates.calibration(self.sums),
            scores.interdependence([totals.gram for totals in self.totals]),
        ]
        by_name = {measure.name: without_scores(measure, self.heads) for measure in found}
        return by_name | self._of_groups(by_name["tpr"], by_name["fpr"])

    def _of_groups(self, tpr: Measure, fpr: Measure) -> dict[str, Measure]:
        d = self.design
        if not d.trained:
            return {}
        return {
            "bias_amplification": amplification.amplification(self.sums, d.trained),
            "directional_ba": amplification.directional(self.sums, d.trained),
            "eod": rates.equalized_odds(tpr, fpr, d.strata),
        }

    @cached_property
    def parts(self) -> dict[str, Measure]:
        """What a metric that compares two models needs of each: its difference is the metric."""
        return {
            "excess_ba": amplification.share_of_predicted(self.sums, self.design.trained),
            "ceag": rates.accuracy_gap(self.sums, self.design.strata),
        }


@dataclass(frozen=True)
class Side:
    """The runs of one side, audited or reference, on one sample."""

    sample: Sample
    runs: list[Logits]

    @cached_property
    def predicted(self) -> list[Predictions]:
        """What each run says."""
        return [predictions(run) for run in self.runs]

    @cached_property
    def reduced(self) -> Reduced:
        """Each run, reduced."""
        s = self.sample
        totals = [
            reduce_rows(p, s.labels_an, s.strata, s.folds, s.num_folds) for p in self.predicted
        ]
        return Reduced(s, self.runs, totals, self._rank)

    @property
    def sums(self) -> rates.Sums:
        """The totals by stratum."""
        return self.reduced.sums

    def _rank(self) -> list[scores.Scores]:
        s = self.sample
        return [
            scores.score_rows(p, s.labels_an, s.strata, s.folds, s.num_folds)
            for p in self.predicted
        ]


def joint_counts(after: Side, before: Side) -> NDArray[np.int64]:
    """Counts of (label, reference, audited) for every pair of runs: [R*R', 1+J, S, A, 3, 2, 2]."""
    s = after.sample
    return np.stack(
        [
            by_stratum(
                reduce_pairs(d.s, p.s, s.labels_an, s.strata, s.folds, s.num_folds), s.strata
            )
            for p in after.predicted
            for d in before.predicted
        ]
    )
