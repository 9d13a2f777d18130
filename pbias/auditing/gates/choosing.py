"""Choose the smallest of several compressed networks that passes the gates.

Candidates whose order is fixed before the data are seen are tested from the mildest on, each at the
full level, until the first that does not pass. If a wrong candidate is selected, the first
candidate that breaks a bound has passed wrongly (Maurer, Hothorn and Lehmacher 1995). Without an
order, the level is divided by the number of candidates (Bonferroni). Passing several gates needs no
correction: a candidate passes wrongly only if a gate that it breaks passes (Berger 1982).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pbias.auditing.gates.together import overall
from pbias.auditing.gates.verdicts import Outcome, Verdict
from pbias.files.logits import Logits
from pbias.files.logits.comparability import sparsity_of
from pbias.files.logits.network_facts import (
    architecture_of,
    is_quantized,
    strategy_of,
)
from pbias.files.table import Table

INT8_SHARE = 8 / 32  # of the size of a float32 weight


@dataclass(frozen=True)
class Candidate:
    """A compressed network under the gates; `size` is None if its file does not state it.

    `num_runs` is the number of its runs (seeds); `outcomes` are the verdicts of the gates.
    """

    name: str
    num_runs: int
    architecture: str
    strategy: str
    sparsity: float | None
    size: float | None
    outcomes: Sequence[Outcome] = ()

    @property
    def verdict(self) -> Verdict:
        """The verdict of all gates together."""
        return overall(self.outcomes)


@dataclass(frozen=True)
class Selection:
    """Candidates in reporting order, and the position of the selected one.

    `reason` is "" if they were tested in a fixed sequence, mildest first. Otherwise it says why
    there is no sequence, and gates were judged at a level corrected for the number of candidates.
    """

    candidates: Sequence[Candidate]
    reason: str
    selected: int | None

    @property
    def verdict(self) -> Verdict:
        """Pass if a candidate is selected; else fail if no other data could change that.

        In a sequence the first candidate decides; otherwise one open candidate keeps it open.
        """
        if self.selected is not None:
            return Verdict.PASS
        verdicts = [candidate.verdict for candidate in self.candidates]
        tested = verdicts if self.reason else verdicts[:1]
        return Verdict.INCONCLUSIVE if Verdict.INCONCLUSIVE in tested else Verdict.FAIL

    def table(self) -> Table:
        """Return one row per candidate."""
        rows = [_row(self, place) for place in range(len(self.candidates))]
        return Table({name: [row[name] for row in rows] for name in rows[0]})


def describe(name: str, runs: Sequence[Logits]) -> Candidate:
    """Return the candidate that its files describe, from the first run."""
    first = runs[0]
    sparsity = sparsity_of(first)
    share = INT8_SHARE if is_quantized(first.meta) else 1.0
    size = None if sparsity is None else round((1 - sparsity) * share, 12)
    architecture, strategy = architecture_of(first.meta), strategy_of(first.meta)
    return Candidate(name, len(runs), architecture, strategy, sparsity, size)


def why_unordered(candidates: Sequence[Candidate]) -> str:
    """Return why the sizes do not determine an order of the candidates; "" if they do."""
    unknown = [c.name for c in candidates if c.size is None]
    if unknown:
        return f"{unknown[0]} does not say how sparse its network is"
    architectures = sorted({c.architecture for c in candidates})
    if len(architectures) > 1:
        return f"sizes of several architectures ({', '.join(architectures)}) cannot be compared"
    seen: dict[float, str] = {}
    for candidate in candidates:
        assert candidate.size is not None
        other = seen.setdefault(candidate.size, candidate.name)
        if other != candidate.name:
            return f"{other} and {candidate.name} are of one size"
    return ""


def by_size(candidates: Sequence[Candidate]) -> list[int]:
    """Return the candidates' positions, the largest network first; unknown sizes last, as named."""
    sizes = [-1.0 if c.size is None else c.size for c in candidates]
    return sorted(range(len(sizes)), key=lambda place: -sizes[place])


def choose(candidates: Sequence[Candidate], reason: str) -> Selection:
    """Select from candidates, mildest first; `reason` says why there is no fixed sequence."""
    passing = [place for place, c in enumerate(candidates) if c.verdict is Verdict.PASS]
    if not reason:
        passing = [place for rank, place in enumerate(passing) if rank == place]
    return Selection(candidates, reason, passing[-1] if passing else None)


def _row(selection: Selection, place: int) -> dict[str, object]:
    candidate = selection.candidates[place]
    verdicts = [outcome.verdict for outcome in candidate.outcomes]
    against = [o for o in candidate.outcomes if o.verdict is candidate.verdict is not Verdict.PASS]
    return {
        "candidate": candidate.name,
        "runs": candidate.num_runs,
        "architecture": candidate.architecture,
        "strategy": candidate.strategy,
        "sparsity": candidate.sparsity,
        "size": candidate.size,
        "verdict": candidate.verdict.value,
        "selected": int(place == selection.selected),
        **{f"gates_{v.value}": verdicts.count(v) for v in Verdict},
        "decided_by": against[0].gate.text if against else "",
        "note": against[0].note() if against else "",
    }
