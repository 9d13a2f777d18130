"""Verdicts of gates on the command line: printed, written, and turned into an exit status."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from pbias.cli.console import VERDICT
from pbias.errors import Status

if TYPE_CHECKING:
    from pbias.auditing.gates.choosing import Selection
    from pbias.auditing.gates.verdicts import Outcome, Verdict

log = logging.getLogger(__name__)


def leave_with(outcomes: Sequence[Outcome]) -> None:
    """Print each verdict on standard error; exit with status 1 or 4 unless all pass."""
    if not outcomes:
        return
    from pbias.auditing.gates.together import overall, summary

    for outcome in outcomes:
        log.log(VERDICT, "%s", outcome.line())
    if said := summary(outcomes):
        log.log(VERDICT, "%s", said)
    _leave(overall(outcomes))


def leave_with_selection(selection: Selection) -> None:
    """Print each candidate's verdict on standard error; exit with 1 or 4 if none is selected."""
    from pbias.reporting.selection_report import selected_line

    for candidate in selection.candidates:
        log.log(VERDICT, "%s: %s", candidate.name, candidate.verdict)
    log.log(VERDICT, "%s", selected_line(selection))
    _leave(selection.verdict)


def _leave(verdict: Verdict) -> None:
    statuses = {"fail": Status.GATE_FAILED, "inconclusive": Status.INCONCLUSIVE}
    if verdict in statuses:
        raise typer.Exit(statuses[verdict])


def check_junit(
    path: str | None, inputs: Iterable[str | None], *, gated: bool, no_clobber: bool
) -> None:
    """Raise UserError for a JUnit file without gates, or that is unwritable or an input."""
    if path is None:
        return
    from pbias.errors import UserError
    from pbias.files.streams import check_output

    if not gated:
        raise UserError(
            "--junit reports gates, and there are none; add some with --gate or --gate-file"
        )
    check_output(path, inputs, no_clobber=no_clobber, binary=False)


def write_junit(path: str | None, records: Sequence[Mapping[str, Any]]) -> None:
    """Write the verdicts of gates as JUnit, one test case for each gate."""
    if path is None:
        return
    from pbias.files.streams import write_text
    from pbias.reporting.evidence.junit import render_junit

    write_text(path, render_junit(records))


def say_power(records: Sequence[Mapping[str, Any]]) -> None:
    """Say on standard error how often each gate would be decided."""
    from pbias.auditing.gates.power import assumed, line_of

    log.log(VERDICT, "%s", assumed(records[0]))
    for record in records:
        log.log(VERDICT, "%s", line_of(record))
