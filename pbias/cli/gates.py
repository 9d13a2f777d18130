"""Gates on the command line: read, judged, and turned into an exit status."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from pbias.cli.console import VERDICT
from pbias.errors import Status, UserError

if TYPE_CHECKING:
    from pbias.audit.engine import Audit
    from pbias.audit.gates import Gate
    from pbias.files.table import Table

log = logging.getLogger(__name__)


def read_gates(
    texts: Sequence[str], path: str | None, *, paired: bool, intervals: bool
) -> list[Gate]:
    """All gates, checked before any work; `#` begins a comment in a file."""
    from pbias.audit.gates import needs_reference, parse_gate
    from pbias.files.streams import read_bytes

    lines = [] if path is None else read_bytes(path).decode("utf-8", "replace").splitlines()
    found = [*texts, *filter(None, (line.partition("#")[0].strip() for line in lines))]
    if path is not None and len(found) == len(texts):
        raise UserError(f"{path} holds no gate; write one a line")
    gates = [parse_gate(text) for text in found]
    if gates and not intervals:
        raise UserError("a gate needs intervals; leave out --no-intervals")
    for gate in gates:
        if needs_reference(gate) and not paired:
            raise UserError(
                f"gate '{gate.text}' is about a change; name the dense model with --ref"
            )
    return gates


def check_gates(gates: Sequence[Gate], audit: Audit, table: Table, *, strict: bool) -> None:
    """Say each verdict on standard error; leave with status 1 or 4 unless all pass."""
    from pbias.audit.gates import Verdict, covered, judge, overall

    if not gates:
        return
    outcomes = []
    for gate in gates:
        num_rows = len(covered(gate, table))
        wide = audit.table(1.0 - (1.0 - audit.options.level) / num_rows)
        outcomes.append(judge(gate, table, wide, strict=strict))
        log.log(VERDICT, "%s", outcomes[-1].line())
    statuses = {Verdict.FAIL: Status.GATE_FAILED, Verdict.INCONCLUSIVE: Status.INCONCLUSIVE}
    verdict = overall(outcomes)
    if verdict in statuses:
        raise typer.Exit(statuses[verdict])
