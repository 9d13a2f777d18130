"""Evidence of an audit: a pack for a technical file, and a model card."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import combinations
from typing import TYPE_CHECKING

from pbias.workflows.audit import AuditOptions, AuditResult, audit_files, header_of
from pbias.workflows.progress import Watch, silent

if TYPE_CHECKING:
    from pbias.reporting.evidence.pack import Evidence, InputFile
    from pbias.reporting.sections import Section


@dataclass(frozen=True)
class Facts:
    """Content of a facts file, read before any long work."""

    path: str
    stated: Mapping[str, str]

    @classmethod
    def read(cls, path: str) -> Facts:
        """Read a TOML file; raises UserError as `read_facts` does."""
        from pbias.reporting.evidence.facts import read_facts

        return cls(path, read_facts(path))


@dataclass(frozen=True)
class EvidenceResult:
    """An audit with everything that its evidence states."""

    audit: AuditResult
    evidence: Evidence

    def pack(self) -> str:
        """Return the evidence pack as Markdown."""
        from pbias.reporting.evidence.pack import evidence_sections
        from pbias.reporting.renderers.markdown import render_markdown

        return render_markdown(evidence_sections(self.evidence))

    def card(self) -> str:
        """Return the model card: Markdown with metadata for the Hugging Face Hub."""
        from pbias.reporting.evidence.model_card import render_card

        return render_card(self.evidence)


def evidence_files(
    audited: Sequence[str],
    references: Sequence[str] = (),
    facts: str | None = None,
    options: AuditOptions | None = None,
    watch: Watch = silent,
) -> EvidenceResult:
    """Audit logits files and gather the evidence; raises the errors of `audit_files`.

    Without `groups` in the options, all groups of the first file and their pairwise intersections
    are measured. `facts` is the path of a TOML file. The date is today's in UTC, or that of
    SOURCE_DATE_EPOCH.
    """
    from pbias.reporting.evidence.facts import read_facts

    stated = {} if facts is None else read_facts(facts)
    options = options or AuditOptions()
    if options.groups is None:
        options = replace(options, groups=_groups(audited[0]))
    result = audit_files(audited, references, options, watch)
    evidence = _evidence(result, _files(audited, references, facts, options), stated, options.level)
    return EvidenceResult(result, evidence)


def evidence_of(
    result: AuditResult,
    audited: Sequence[str],
    references: Sequence[str],
    facts: Facts,
    options: AuditOptions,
) -> list[Section]:
    """Return the evidence sections on an audit of these files with these `options`."""
    from pbias.reporting.evidence.pack import evidence_sections

    files = _files(audited, references, facts.path, options)
    return evidence_sections(_evidence(result, files, facts.stated, options.level))


def _evidence(
    result: AuditResult, files: Sequence[InputFile], facts: Mapping[str, str], level: float
) -> Evidence:
    from pbias.files.provenance import environment
    from pbias.reporting.evidence.pack import Evidence

    header = header_of(result.audit)
    versions = environment("")
    del versions["device"]
    roles = ("audited", "reference")
    sides = zip(roles, result.audit.sides, strict=False)
    return Evidence(
        date=_today(),
        environment=versions,
        files=files,
        models={role: side.heads[0].meta for role, side in sides},
        facts=facts,
        records=result.rows.records(),
        sizes=header.groups,
        num_samples=header.num_samples,
        level=level,
        gates=result.verdicts,
    )


def _groups(path: str) -> list[str] | None:
    """Return the groups of a file and their pairwise intersections.

    Returns None for a file that cannot be read twice, and for counts, whose groups are fixed.
    """
    from pbias.files.counts_file import holds_counts
    from pbias.files.logits.npz import Npz
    from pbias.files.streams import is_regular

    if not is_regular(path) or holds_counts(path):
        return None
    with Npz(path, frozenset({"group_names"})) as npz:
        names = [str(n) for n in npz.read("group_names")] if "group_names" in npz.members else []
    return [*names, *(f"{a}:{b}" for a, b in combinations(names, 2))] or None


def _files(
    audited: Sequence[str], references: Sequence[str], facts: str | None, options: AuditOptions
) -> list[InputFile]:
    from pbias.files.provenance import sha256
    from pbias.files.streams import input_name, is_regular, read_bytes
    from pbias.reporting.evidence.pack import InputFile

    others = {
        "labels": options.labels,
        "thresholds": options.thresholds,
        "thresholds of the reference": options.reference_thresholds,
        "gates": options.gate_file,
        "facts": facts,
    }
    named = [("audited logits", path) for path in audited]
    named += [("reference logits", path) for path in references]
    named += [(role, path) for role, path in others.items() if path is not None]
    return [
        InputFile(role, input_name(path), sha256(read_bytes(path)) if is_regular(path) else "")
        for role, path in named
    ]


def _today() -> str:
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdecimal() else datetime.now(UTC)
    return moment.date().isoformat()
