"""The runs of one side of an audit, reduced once, and every metric of one model.

Shape suffixes as in measures.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pbias.audit import amplification, rates, scores
from pbias.audit.measures import Measure, by_stratum
from pbias.audit.strata import Strata
from pbias.audit.totals import Predictions, Totals, predictions, reduce_pairs, reduce_rows
from pbias.audit.unscored import without_scores
from pbias.files.logits import Logits


@dataclass(frozen=True)
class Sample:
    """What both sides share: who the rows are, their labels int8 [A, N], their folds int [N]."""

    strata: Strata
    labels_an: NDArray[np.int8]
    folds: NDArray[np.intp]
    num_folds: int
    trained: list[amplification.Trained]
    train_counts: NDArray[np.int64] | None


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
    def totals(self) -> list[Totals]:
        """Each run, reduced."""
        s = self.sample
        return [reduce_rows(p, s.labels_an, s.strata, s.folds, s.num_folds) for p in self.predicted]

    @cached_property
    def sums(self) -> rates.Sums:
        """The totals by stratum."""
        return rates.sums(self.totals, self.sample.strata)

    @cached_property
    def measures(self) -> dict[str, Measure]:
        """Every metric of one model, by name, over strata or groups."""
        s = self.sample
        ranked = [
            scores.score_rows(p, s.labels_an, s.strata, s.folds, s.num_folds)
            for p in self.predicted
        ]
        found = [
            *rates.rates(self.sums),
            *rates.under_prediction(self.sums, s.train_counts),
            rates.never_predicted(self.sums),
            *rates.calibration(self.sums),
            scores.interdependence([totals.gram for totals in self.totals]),
            scores.auc(ranked, self.sums),
            scores.debiased_calibration(ranked, self.sums),
        ]
        by_name = {measure.name: without_scores(measure, self.runs) for measure in found}
        return by_name | self._of_groups(by_name["tpr"], by_name["fpr"])

    def _of_groups(self, tpr: Measure, fpr: Measure) -> dict[str, Measure]:
        s = self.sample
        if not s.trained:
            return {}
        return {
            "bias_amplification": amplification.amplification(self.sums, s.trained),
            "directional_ba": amplification.directional(self.sums, s.trained),
            "eod": rates.equalized_odds(tpr, fpr, s.strata),
        }

    @cached_property
    def parts(self) -> dict[str, Measure]:
        """What a metric that compares two models needs of each: its difference is the metric."""
        return {
            "excess_ba": amplification.share_of_predicted(self.sums, self.sample.trained),
            "ceag": rates.accuracy_gap(self.sums, self.sample.strata),
        }


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
