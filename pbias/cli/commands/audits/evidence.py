"""`pbias evidence`: the parts of a technical file that an audit can provide."""

from __future__ import annotations

from typing import Annotated

import typer

from pbias.cli.options.auditing import (
    Attributes,
    Audited,
    ClusterOfLabels,
    GateFile,
    Gates,
    Groups,
    JointGates,
    LabelsOfIds,
    Level,
    Probabilities,
    References,
    ReferenceThresholds,
    StrictGates,
    Thresholds,
)
from pbias.cli.options.common import NoClobber, Quiet, Verbose, names


def evidence(
    audited: Audited,
    ref: References = None,
    facts: Annotated[
        str | None,
        typer.Option("--facts", metavar="TOML", help="Facts that you state: system, purpose, ..."),
    ] = None,
    groups: Groups = None,
    attributes: Attributes = None,
    labels: LabelsOfIds = None,
    thresholds: Thresholds = None,
    ref_thresholds: ReferenceThresholds = None,
    probabilities: Probabilities = None,
    cluster: ClusterOfLabels = None,
    level: Level = 0.95,
    gate: Gates = None,
    gate_file: GateFile = None,
    gate_strict: StrictGates = False,
    gate_joint: JointGates = False,
    output: Annotated[
        str,
        typer.Option("-o", "--output", metavar="FILE", help="Write the pack to FILE, as Markdown."),
    ] = "-",
    card: Annotated[
        str | None,
        typer.Option("--card", metavar="FILE", help="Also write a Hugging Face model card."),
    ] = None,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Write the evidence of an audit: files, groups, criteria, limits, signature lines.

    Without --groups, it covers all groups of the file and their pairwise intersections.
    """
    from pbias.cli.gates import leave_with
    from pbias.cli.progress import bar
    from pbias.cli.tables import check_apart
    from pbias.files.streams import check_output, write_text
    from pbias.workflows.audit import AuditOptions
    from pbias.workflows.inputs.files import expand
    from pbias.workflows.reports.evidence import evidence_files

    paths, others = expand(audited), expand(ref or [])
    inputs = [*paths, *others, labels, thresholds, ref_thresholds, gate_file, facts]
    check_output(output, inputs, no_clobber=no_clobber, binary=False)
    if card is not None:
        check_output(card, inputs, no_clobber=no_clobber, binary=False)
        check_apart({"-o": output, "--card": card})
    options = AuditOptions(
        groups=names(groups),
        attributes=names(attributes),
        level=level,
        gates=gate or [],
        gate_file=gate_file,
        strict=gate_strict,
        joint=gate_joint,
        labels=labels,
        cluster=cluster,
        thresholds=thresholds,
        reference_thresholds=ref_thresholds,
        probabilities=probabilities,
    )
    result = evidence_files(paths, others, facts, options, bar)
    if card is not None:
        write_text(card, result.card())
    write_text(output, result.pack())
    leave_with(result.audit.outcomes)
