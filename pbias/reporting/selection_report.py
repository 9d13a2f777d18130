"""The report of a selection: candidates with their verdicts, and the gates of each."""

from __future__ import annotations

from pbias.auditing.gates.choosing import Candidate, Selection
from pbias.auditing.gates.together import summary
from pbias.auditing.gates.verdicts import Verdict
from pbias.files.logits.network_facts import INT8
from pbias.reporting.audit_header import gate_sections
from pbias.reporting.sections import Section


def selection_sections(selection: Selection, level: float, judged_at: float) -> list[Section]:
    """Report which candidate is selected and by which rule, then the gates of every candidate.

    `level` holds for the whole selection, `judged_at` for each candidate.
    """
    sections = [_candidates(selection, level, judged_at)]
    for candidate in selection.candidates:
        records = [outcome.record() for outcome in candidate.outcomes]
        (gates,) = gate_sections(records, summary(candidate.outcomes))
        title = gates.title.replace("Gates", f"Gates of {candidate.name}", 1)
        sections.append(Section(title, gates.header, gates.rows, gates.notes))
    return sections


def selected_line(selection: Selection) -> str:
    """State the result in one line."""
    num = sum(candidate.verdict is Verdict.PASS for candidate in selection.candidates)
    total = len(selection.candidates)
    if selection.selected is None:
        why = "" if not num or selection.reason else "; the mildest does not"
        return f"selected: none ({num} of {total} pass{why}): {selection.verdict}"
    chosen = selection.candidates[selection.selected]
    beyond = sum(
        c.verdict is Verdict.PASS for c in selection.candidates[selection.selected + 1 :]
    )  # the candidates after one that does not pass
    skipped = f"; {beyond} more beyond the first that does not" if beyond else ""
    return f"selected: {chosen.name}{_described(chosen)} ({num} of {total} pass{skipped})"


def rule(selection: Selection, level: float, judged_at: float) -> str:
    """Say how candidates were tested, and how often the selection errs."""
    wrongly = (
        f"A network that breaks a gate is selected in at most {_percent(1 - level)} of samples."
    )
    if selection.reason:
        num = len(selection.candidates)
        return (
            f"Each candidate is judged at {_percent(judged_at)}, corrected for {num} candidates, "
            f"because {selection.reason}. {wrongly}"
        )
    return (
        f"Candidates are tested from the mildest on, each at {_percent(judged_at)}, up to the "
        f"first that does not pass. {wrongly}"
    )


def _candidates(selection: Selection, level: float, judged_at: float) -> Section:
    header = ["candidate", "network", "strategy", "zeros", "size", "verdict", "", "decided by"]
    rows = [
        [
            candidate.name,
            candidate.architecture or "-",
            candidate.strategy or "-",
            "-" if candidate.sparsity is None else f"{candidate.sparsity:.1%}",
            "-" if candidate.size is None else f"{candidate.size:.1%}",
            candidate.verdict.value,
            "selected" if place == selection.selected else "",
            record["decided_by"],
        ]
        for place, (candidate, record) in enumerate(
            zip(selection.candidates, selection.table().records(), strict=True)
        )
    ]
    line = selected_line(selection)
    notes = [f"{line[0].upper()}{line[1:]}.", rule(selection, level, judged_at)]
    return Section("Candidates, mildest first", header, rows, notes)


def _described(candidate: Candidate) -> str:
    int8 = f", {INT8}" if INT8 in candidate.strategy.split() else ""
    if candidate.sparsity is None or (int8 and not candidate.sparsity):
        return int8
    return f"{int8}, {candidate.sparsity:.1%} zeros"


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"
