"""The evidence pack: the sections on an audit for a technical file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pbias.auditing.gates.verdicts import in_words
from pbias.reporting.audit_report import missed_section, undefined_section
from pbias.reporting.evidence.facts import facts_section
from pbias.reporting.evidence.rates_by_group import Sizes, group_tables
from pbias.reporting.sections import Record, Section

DISCLAIMER = (
    "This document states measurements. Whether they satisfy a law, a contract or a standard is "
    "for its user to conclude."
)
SIGNERS = ("Prepared by", "Reviewed by", "Approved by")
BLANK = ("", "", "")


@dataclass(frozen=True)
class InputFile:
    """A file that an audit read: its role, name and SHA-256 (empty for standard input)."""

    role: str
    path: str
    sha256: str


@dataclass(frozen=True)
class Evidence:
    """Everything that an evidence pack states.

    `models`: the metadata of the logits files about their networks, by role. `gates`: verdicts as
    plain data. `sizes`: number of samples by group value, labeled or not. `facts`: the user's
    statements.
    """

    date: str
    environment: Mapping[str, str]
    files: Sequence[InputFile]
    models: Mapping[str, Mapping[str, Any]]
    facts: Mapping[str, str]
    records: Sequence[Record]
    sizes: Sizes
    num_samples: int
    level: float
    gates: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    @property
    def paired(self) -> bool:
        """Whether there is a reference."""
        return any(record["change"] == record["change"] for record in self.records)


def evidence_sections(evidence: Evidence) -> list[Section]:
    """Return the evidence pack, in the order of a technical file."""
    return [
        _what(evidence),
        facts_section(dict(evidence.facts)),
        _files(evidence),
        *(_model(role, meta) for role, meta in evidence.models.items()),
        _criteria(evidence.gates),
        *group_tables(evidence.records, evidence.sizes, paired=evidence.paired),
        undefined_section(evidence.records),
        *missed_section(list(evidence.records), None),
        _not_measured(evidence),
        Section(
            "Signatures", ["", "name", "date", "signature"], [[who, *BLANK] for who in SIGNERS]
        ),
    ]


def _what(evidence: Evidence) -> Section:
    rows = [
        ["date", evidence.date],
        ["samples", str(evidence.num_samples)],
        ["level of the intervals", f"{100 * evidence.level:.6g} %"],
        *([name, version] for name, version in evidence.environment.items()),
    ]
    return Section("Evidence of an audit by pbias", ["what", "value"], rows, [DISCLAIMER])


def _files(evidence: Evidence) -> Section:
    rows = [[f.role, f.path, f.sha256 or "standard input: not hashed"] for f in evidence.files]
    return Section("Files", ["role", "file", "SHA-256"], rows)


def _model(role: str, meta: Mapping[str, Any]) -> Section:
    """Return a section on how a network was made, from the metadata of its logits file."""
    title = f"How the {role} network was made"
    facts = {key: value for key, value in meta.items() if key not in ("schema", "environment")}
    rows = [[name, _shown(value)] for name, value in _flat(facts)]
    notes = [] if rows else ["Its logits file does not say."]
    return Section(title, ["what", "value"], rows, notes)


def _flat(value: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Return nested entries as `part.name`, without empty ones."""
    found: list[tuple[str, Any]] = []
    for name, inner in sorted(value.items()):
        if isinstance(inner, Mapping):
            found += _flat(inner, f"{prefix}{name}.")
        elif inner not in (None, [], ""):
            found.append((f"{prefix}{name}", inner))
    return found


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    return value if isinstance(value, str) else json.dumps(value)


def _criteria(gates: Sequence[Mapping[str, Any]]) -> Section:
    rows = [[g["gate"], g["covers"], in_words(g), g["note"]] for g in gates]
    notes = [] if rows else ["None was stated; state them with gates before the audit is run."]
    return Section("Acceptance criteria", ["gate", "covers", "verdict", "which"], rows, notes)


def _not_measured(evidence: Evidence) -> Section:
    groups = ", ".join(evidence.sizes) or "none"
    one_run = all("1" in str(r["runs"]).split(":") for r in evidence.records)
    notes = [
        f"Groups other than these: {groups}.",
        "Samples whose group or label is unknown are in no row of that group or label.",
        "Samples that are not in the files, and how the files were drawn.",
        "The effect of a decision that is made from a prediction.",
    ]
    if one_run:
        notes.append("How much another training run with another seed would differ.")
    if not evidence.paired:
        notes.append("What compression changed: no reference model was given.")
    return Section("What was not measured", [], [], notes)
