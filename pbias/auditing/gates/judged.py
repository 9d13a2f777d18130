"""A row under a gate: where it lies, with its numbers, and the words for it."""

from __future__ import annotations

from typing import NamedTuple

from pbias.auditing.gates.grammar import MEAN
from pbias.auditing.gates.survivors import LeftOut
from pbias.errors import listed


class Judged(NamedTuple):
    """A row under a gate: where it lies, and its numbers; `far` is the simultaneous interval.

    `left`: what a mean leaves out; `certain`: the value is no estimate; `of_runs`: a mean over
    several.
    """

    place: str
    attribute: str
    group: str
    contrast: str
    reason: str
    value: float
    low: float
    high: float
    far_low: float
    far_high: float
    left: LeftOut = LeftOut()
    certain: bool = False
    of_runs: bool = False

    def words(self) -> str:
        """Return which row, with its number or why there is none."""
        name = " ".join(filter(None, (self.attribute or MEAN, self.group, self.contrast)))
        if self.value != self.value:
            return f"{name} ({self.reason or 'undefined in the reference'}){self._lost()}"
        ends = "" if self.low != self.low else f" [{self.low:.4g}, {self.high:.4g}]"
        return f"{name} {self.value:.4g}{ends}{self._lost()}"

    def _lost(self) -> str:
        lost = self.left.lost
        return f" without {len(lost)} lost ({listed(lost)})" if lost else ""
