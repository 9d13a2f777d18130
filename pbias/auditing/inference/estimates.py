"""Settings of inference, and the estimates of measures, each computed once.

Shape suffixes as in counts/sums.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.sums import Row
from pbias.auditing.inference.distributions import Floats
from pbias.auditing.inference.jackknife import Estimate, Level, estimate, estimate_of_pairs
from pbias.auditing.metrics.measures import Measure, mean_over_targets


class Estimates:
    """Estimates of measures and changes, computed when first needed and then kept.

    Rows taken from another measure take their estimate from that one.
    """

    def __init__(self, clusters: Callable[[Sequence[Row]], Floats] | None = None) -> None:
        """Start empty; `clusters` returns the effective number of clusters behind rows, [S]."""
        self.clusters = clusters
        # Measures are kept with their estimates, so that no other measure can get their identity.
        self._known: dict[tuple[str, int, int], tuple[Measure, Measure | None, Estimate]] = {}
        self._means: dict[tuple[int, bytes], tuple[Measure, Measure]] = {}

    def clear(self) -> None:
        """Release all estimates and their measures."""
        self._known.clear()
        self._means.clear()

    def of(self, audited: Measure, reference: Measure | None = None) -> Estimate:
        """Return the mean over runs with its error, or the difference of two such means."""
        whole, other = audited.origin, reference and reference.origin
        alike = reference is None or (other is not None and reference.places == audited.places)
        if whole is not None and alike:
            places = list(audited.places)
            return Estimate(*(part[places] for part in self.of(whole, other)))
        return self.once("jackknife", audited, reference, self._jackknife)

    def once(
        self,
        what: str,
        audited: Measure,
        reference: Measure | None,
        make: Callable[[Measure, Measure | None], Estimate],
    ) -> Estimate:
        """Return what `make` gives for these measures, computed once."""
        key = (what, id(audited.value), id(reference and reference.value))
        if key not in self._known:
            self._known[key] = (audited, reference, make(audited, reference))
        return self._known[key][2]

    def _jackknife(self, audited: Measure, reference: Measure | None) -> Estimate:
        most = None
        if self.clusters is not None:
            most = np.fmax(self.clusters(audited.rows) - 1.0, 1.0)[:, None]
        if audited.runs is not None:
            return estimate_of_pairs(audited.value, audited.runs, most)
        return estimate(audited.value, None if reference is None else reference.value, most)

    def mean(self, measure: Measure, defined: NDArray[np.bool_]) -> Measure:
        """Return the mean over the targets that are `defined` [S, A], computed once."""
        key = (id(measure.value), defined.tobytes())
        if key not in self._means:
            self._means[key] = (measure, mean_over_targets(measure, defined))
        return replace(self._means[key][1], behavior=measure.behavior)


@dataclass(frozen=True)
class Setting:
    """The level of intervals, whether samples have clusters, and whether each side is one run.

    Without `intervals`, only values are computed, without any errors. If two models are `compared`,
    p-values are only those of changes.
    """

    level: float = 0.95
    clustered: bool = False
    single_runs: bool = True
    intervals: bool = True
    compared: bool = False
    z: Floats | None = None
    alone: bool = False
    estimates: Estimates = field(default_factory=Estimates)

    @property
    def reach(self) -> Level:
        """The level, or `z`: standard errors of the normal distribution, cell by cell."""
        return self.level if self.z is None else self.z

    @property
    def independent(self) -> bool:
        """Whether rows are independent, so that counts are whole and exact tests hold."""
        return self.single_runs and not self.clustered
