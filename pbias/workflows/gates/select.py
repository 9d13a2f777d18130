"""Select the smallest of several compressed networks that passes the gates."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pbias.errors import UserError, argument, first_repeated
from pbias.workflows.audit import AuditOptions, AuditResult, audit, audit_files
from pbias.workflows.gates.judging import said_once
from pbias.workflows.gates.reading import read_gates
from pbias.workflows.progress import Watch, silent
from pbias.workflows.results import Result

if TYPE_CHECKING:
    from pbias.auditing.gates.choosing import Candidate, Selection
    from pbias.auditing.gates.grammar import Gate

ORDERS = ("size", "listed", "none")
NO_ORDER = "no order was asked for"

Audits = Sequence[tuple[str, Callable[[], AuditResult]]]  # of the candidates, by name


class SelectResult(Result):
    """Verdicts of several candidates: `table`, one row each, and `selected`, a name or None."""

    def __init__(self, selection: Selection, level: float) -> None:
        """Build the result; `level` is for the whole selection, `judged_at` for each candidate."""
        super().__init__(selection.table())
        self.selection = selection
        self.level = level
        num = len(selection.candidates) if selection.reason else 1
        self.judged_at = _corrected(level, num)

    @property
    def selected(self) -> str | None:
        """The smallest candidate that passes."""
        place = self.selection.selected
        return None if place is None else self.selection.candidates[place].name

    @property
    def verdict(self) -> str:
        """Return "pass" if a candidate is selected, else "fail" or "inconclusive"."""
        return self.selection.verdict

    @property
    def gates(self) -> list[dict[str, Any]]:
        """The outcomes of the gates of every candidate as plain data."""
        return [
            {"candidate": candidate.name, **outcome.record()}
            for candidate in self.selection.candidates
            for outcome in candidate.outcomes
        ]

    def sections(self) -> list[Any]:
        """Return the candidates, then the gates of each."""
        from pbias.reporting.selection_report import selection_sections

        return selection_sections(self.selection, self.level, self.judged_at)


def select(
    candidates: Any,
    reference: Any,
    gates: str | Sequence[str],
    labels: Any = None,
    *,
    order: str = "size",
    strict: bool = False,
    joint: bool = False,
    level: float = 0.95,
    **how: Any,
) -> SelectResult:
    """Select the smallest network that passes the gates: `.selected`, `.verdict`, `.table`.

    `candidates` is a list of logits, or a dict of names and logits; a list as an element contains
    the runs (seeds) of one candidate. `gates` is one gate, several, or the path of a file with one
    gate per line. With the `order` "size", the test starts from the largest network and stops at
    the first that does not pass; "listed" does the same in the given order; "none" corrects for the
    number of candidates. The other arguments mean the same as in `audit`. Raises UserError for
    invalid input.
    """
    texts = [gates] if isinstance(gates, str) else list(gates)
    path = texts.pop() if isinstance(gates, str) and not set(gates) & set("<>") else None
    parsed = read_gates(texts, path, paired=True, intervals=True)

    def audit_of(logits: Any) -> Callable[[], AuditResult]:
        return lambda: audit(logits, labels, reference=reference, level=level, **how)

    named = [(name, audit_of(logits)) for name, logits in _named(candidates)]
    return _select(named, parsed, order, level, strict=strict, joint=joint)


def select_files(
    candidates: Sequence[Sequence[str]],
    references: Sequence[str],
    options: AuditOptions,
    order: str = "size",
    watch: Watch = silent,
) -> SelectResult:
    """Select among candidates, each given as logits files of its runs; options contain the gates.

    Raises UserError if files cannot be read or do not match.
    """
    o = options
    gates = read_gates(o.gates, o.gate_file, paired=bool(references), intervals=True)
    metrics = list(dict.fromkeys(gate.metric.name for gate in gates))
    measured = replace(o, gates=(), gate_file=None, metrics=metrics)

    def audit_of(runs: Sequence[str]) -> Callable[[], AuditResult]:
        return lambda: audit_files(runs, references, measured, watch)

    named = [(_name(runs), audit_of(runs)) for runs in candidates]
    return _select(named, gates, order, o.level, strict=o.strict, joint=o.joint)


def _select(
    audits: Audits,
    gates: Sequence[Gate],
    order: str,
    level: float,
    *,
    strict: bool,
    joint: bool,
) -> SelectResult:
    """Audit each candidate and judge it at the level of a sequence and at the corrected one."""
    from pbias.auditing.gates import choosing as rooms

    _check([name for name, _ in audits], gates, order)
    levels = {"sequence": level, "corrected": _corrected(level, len(audits))}
    judged: dict[str, list[Candidate]] = {kind: [] for kind in levels}
    for index, (name, audit_it) in enumerate(audits):
        with said_once(first=index == 0):
            result = audit_it()
        told = rooms.describe(name, result.audit.sides[0].heads)
        for kind, at in levels.items():
            outcomes = result.judge(gates, strict=strict, joint=joint, level=at)
            judged[kind].append(replace(told, outcomes=outcomes))
    unordered = rooms.why_unordered(judged["sequence"]) if order == "size" else ""
    reason = NO_ORDER if order == "none" else unordered
    found = judged["corrected" if reason else "sequence"]
    places = range(len(found)) if order == "listed" else rooms.by_size(found)
    return SelectResult(rooms.choose([found[place] for place in places], reason), level)


def _check(names: Sequence[str], gates: Sequence[Gate], order: str) -> None:
    if not gates:
        raise UserError(
            f"there are no gates; add some with {argument('gate')} or {argument('gate_file')}"
        )
    if order not in ORDERS:
        raise UserError(f"{argument('order', order)} is not an order; choose {', '.join(ORDERS)}")
    if not names:
        raise UserError("there are no candidates; name at least one")
    if (twice := first_repeated(names)) is not None:
        raise UserError(f"two candidates are called {twice}; name each one once")


def _named(candidates: Any) -> list[tuple[str, Any]]:
    if isinstance(candidates, Mapping):
        return [(str(name), logits) for name, logits in candidates.items()]
    if not isinstance(candidates, list | tuple):
        raise UserError("the candidates are neither a list nor a dict; give one entry per network")
    return [
        (os.fspath(c) if isinstance(c, str | Path) else f"candidate {number}", c)
        for number, c in enumerate(candidates, 1)
    ]


def _name(runs: Sequence[str]) -> str:
    more = len(runs) - 1
    return runs[0] + (f" and {more} more" if more else "")


def _corrected(level: float, num: int) -> float:
    return 1 - (1 - level) / num
