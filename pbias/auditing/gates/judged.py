"""A row under a gate: its place, its numbers, and their description."""

from __future__ import annotations

from typing import NamedTuple

from pbias.auditing.gates.grammar import MEAN
from pbias.auditing.gates.survivors import LeftOut
from pbias.errors import listed


class Judged(NamedTuple):
    """A row under a gate: its place and numbers; `far` is the simultaneous interval.

    `left`: what a mean leaves out; `certain`: the value is no estimate; `of_runs`: a mean over
    several; `loss`: how often the reference predicts what the audited model does not, in words;
    `changes`: how few predictions changed, in words; `stuck`: a fact of both models, which cannot
    change.
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
    loss: str = ""
    changes: str = ""
    stuck: bool = False

    def words(self) -> str:
        """Name the row, with its number or the reason why there is none."""
        name = " ".join(filter(None, (self.attribute or MEAN, self.group, self.contrast)))
        if self.value != self.value:
            why = "; ".join(filter(None, (self.reason or "undefined in the reference", self.loss)))
            return f"{name} ({why}){self._lost()}"
        ends = "" if self.low != self.low else f" [{self.low:.3g}, {self.high:.3g}]"
        loss = f" ({self.loss})" if self.loss else ""
        return f"{name} {self.value:.3g}{ends}{loss}{self._over()}{self._lost()}"

    def _over(self) -> str:
        """Return over how many attributes a mean is, where some have no number."""
        some = not self.attribute and self.reason.startswith("over ")
        return f" {self.reason.partition(',')[0].partition(' (')[0]}" if some else ""

    def _lost(self) -> str:
        lost = self.left.lost
        return f" without {len(lost)} lost ({listed(lost)})" if lost else ""
