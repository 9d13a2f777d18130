"""The argument of most metric functions: one model of an audit, as its counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.reduction import Design, RunCounts
from pbias.auditing.counts.scores import Scores
from pbias.auditing.counts.strata import Strata
from pbias.auditing.counts.sums import JointSums, Sums
from pbias.auditing.counts.trained import Trained
from pbias.auditing.metrics.entry import Metric
from pbias.auditing.metrics.flips import Flips
from pbias.auditing.metrics.measures import Measure, contrasts
from pbias.files.logits import Logits

NO_SCORES = "no_scores"  # key in a file's meta: {attribute: reason}


@dataclass(frozen=True)
class Model:
    """A model of an audit: the totals of its runs by stratum; each metric is computed once.

    Without `runs` there are only counts, and nothing about probabilities or their order.
    """

    design: Design
    sums: Sums
    runs: RunCounts | None = None
    joint: JointSums | None = None  # with the reference, for the audited model
    reference: Sums | None = None  # the reference's, for the audited model
    _measures: dict[str, Measure | None] = field(default_factory=dict)
    _contrasts: dict[str, Measure] = field(default_factory=dict)

    @classmethod
    def of(
        cls, runs: RunCounts, joint: JointSums | None = None, reference: Sums | None = None
    ) -> Model:
        """Return the model to which these runs belong."""
        return cls(runs.design, runs.sums, runs, joint, reference)

    def clear(self) -> None:
        """Release computed values; they are computed again when needed."""
        self._measures.clear()
        self._contrasts.clear()

    @property
    def strata(self) -> Strata:
        """The strata that are compared."""
        return self.design.strata

    @property
    def trained(self) -> list[Trained]:
        """The training facts about each group; empty without groups."""
        return self.design.trained

    @property
    def train_counts(self) -> NDArray[np.int64] | None:
        """The training counts [A, G+1, V+1, 2] of the file, if it has any."""
        return self.design.train_counts

    @property
    def fits(self) -> NDArray[np.float64]:
        """How well each target's predictions follow from all others', [R, 1+J, A]."""
        assert self.runs is not None and self.runs.fits is not None
        return self.runs.fits

    @property
    def scores(self) -> Sequence[Scores]:
        """The scores from the order of logits, for each run."""
        assert self.runs is not None
        return self.runs.scores

    def measure(self, metric: Metric) -> Measure | None:
        """Return a metric of this model, or its part in a comparison of models; None without rows.

        It is undefined for attributes whose file says that their logits are not scores.
        """
        if metric.name not in self._measures:
            found: Measure | None = metric.compute(self)
            if found is not None:
                found = found.as_metric(metric, *self._flips(metric))
                found = without_scores(found, self.runs.heads if self.runs else ())
            self._measures[metric.name] = found
        return self._measures[metric.name]

    def contrasts(self, metric: Metric) -> Measure | None:
        """Return a metric's differences between the values of each group; None without rows."""
        measure = self.measure(metric)
        if measure is None or not self.strata.contrasts:
            return None
        if metric.name not in self._contrasts:
            self._contrasts[metric.name] = contrasts(measure, self.strata)
        return self._contrasts[metric.name]

    def _flips(self, metric: Metric) -> tuple[Flips | None, Flips | None]:
        """Return the flips of a change, if there is a reference, and the flips of errors."""
        changed = metric.flips if self.joint is not None else None
        return changed and changed(self), metric.errors and metric.errors(self)

    @cached_property
    def flipped(self) -> NDArray[np.float64]:
        """Rows by label, prediction of the reference and own prediction, [S, A, 3, 2, 2].

        They are means over pairs of runs.
        """
        assert self.joint is not None
        return self.joint.over_pairs(self.joint.cells[:, 0])

    @cached_property
    def predicted(self) -> NDArray[np.float64]:
        """Rows by label and prediction, means over runs, [S, A, 3, 2]."""
        return np.asarray(self.sums.cells[:, 0].mean(axis=0))


def no_scores(run: Logits) -> dict[str, str]:
    """Return why the logits of attributes are not scores, by attribute."""
    said = run.meta.get(NO_SCORES)  # from a file, so it can be anything
    if not isinstance(said, dict):
        return {}
    return {name: str(said[name]) for name in run.targets if name in said}


def without_scores(measure: Measure, runs: Sequence[Logits]) -> Measure:
    """Return the measure; if it uses scores, it is undefined for attributes without scores."""
    found = [no_scores(run) if measure.behavior.of_scores else {} for run in runs]
    if not any(found):
        return measure
    reason = measure.reason.copy()
    value, few = measure.value.copy(), measure.few.copy()
    for run, undefined in enumerate(found):
        for name, why in undefined.items():
            column = runs[run].targets.index(name)
            value[run, ..., column], few[:, column], reason[:, column] = np.nan, False, why
    return replace(measure, value=value, few=few, reason=reason)
