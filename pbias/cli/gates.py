"""Gates on the command line: read, judged, and turned into an exit status."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from pbias.cli.console import VERDICT
from pbias.errors import Status, UserError

if TYPE_CHECKING:
    from pbias.auditing.engine import Audit
    from pbias.auditing.gates.grammar import Gate
    from pbias.auditing.gates.verdicts import Outcome
    from pbias.files.table import Table

log = logging.getLogger(__name__)


def read_gates(
    texts: Sequence[str], path: str | None, *, paired: bool, intervals: bool
) -> list[Gate]:
    """All gates, checked before any work; `#` begins a comment in a file."""
    if not texts and path is None:
        return []
    from pbias.auditing.gates.grammar import needs_reference, parse_gate
    from pbias.files.streams import input_name, read_bytes

    lines = [] if path is None else read_bytes(path).decode("utf-8", "replace").splitlines()
    found = [*texts, *filter(None, (line.partition("#")[0].strip() for line in lines))]
    if path is not None and len(found) == len(texts):
        raise UserError(f"{input_name(path)} holds no gate; write one a line")
    gates = [parse_gate(text) for text in found]
    if gates and not intervals:
        raise UserError("a gate needs intervals; leave out --no-intervals")
    for gate in gates:
        if needs_reference(gate) and not paired:
            raise UserError(
                f"gate '{gate.text}' is about a change; name the dense model with --ref"
            )
    return gates


def judge_gates(
    gates: Sequence[Gate], audit: Audit, table: Table, *, strict: bool
) -> list[Outcome]:
    """What each gate says; raises UserError for a gate that no row matches."""
    if not gates:
        return []
    from pbias.auditing.gates.matching import covered
    from pbias.auditing.gates.verdicts import judge

    rows = [len(covered(gate, table)) for gate in gates]
    wide = [audit.table(1.0 - (1.0 - audit.options.level) / num_rows) for num_rows in rows]
    return [judge(g, table, w, strict=strict) for g, w in zip(gates, wide, strict=True)]


def leave_with(outcomes: Sequence[Outcome]) -> None:
    """Say each verdict on standard error; leave with status 1 or 4 unless all pass."""
    if not outcomes:
        return
    from pbias.auditing.gates.verdicts import Verdict, overall

    for outcome in outcomes:
        log.log(VERDICT, "%s", outcome.line())
    statuses = {Verdict.FAIL: Status.GATE_FAILED, Verdict.INCONCLUSIVE: Status.INCONCLUSIVE}
    verdict = overall(outcomes)
    if verdict in statuses:
        raise typer.Exit(statuses[verdict])
