"""`pbias report`: an audit as one HTML page with charts."""

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
    LabelsOfIds,
    Level,
    Probabilities,
    References,
    ReferenceThresholds,
    Thresholds,
)
from pbias.cli.options.common import NoClobber, Quiet, Verbose, names


def report(
    audited: Audited,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Write the page to FILE.html.")
    ],
    title: Annotated[
        str | None,
        typer.Option("--title", metavar="TEXT", help="Title and first heading of the page."),
    ] = None,
    ref: References = None,
    curves: Annotated[
        list[str] | None,
        typer.Option(
            "--curves",
            metavar="LOGITS",
            help="Runs to draw against their sparsity; repeatable, or quote a glob.",
        ),
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
    images: Annotated[
        str | None,
        typer.Option(
            "--images",
            metavar="DIR",
            help="Embed images of samples; their ids are paths in DIR [default: none].",
        ),
    ] = None,
    examples: Annotated[
        int,
        typer.Option(
            "--examples",
            metavar="NUM",
            min=1,
            max=200,
            help="With --images: most images per attribute.",
        ),
    ] = 24,
    facts: Annotated[
        str | None,
        typer.Option(
            "--facts", metavar="TOML", help="Add the evidence pack, with the facts in TOML."
        ),
    ] = None,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Write an audit as one HTML page: verdict, gates, charts, tables, and optional images.

    The page loads nothing from the network and can be read without scripts. Instead of LOGITS you
    can give a table of metrics -o table.json; the page then omits the parts that need logits.
    """
    from pbias.cli.gates import leave_with
    from pbias.cli.progress import bar
    from pbias.files.streams import check_output
    from pbias.workflows.audit import AuditOptions, audit_files
    from pbias.workflows.inputs.files import expand
    from pbias.workflows.reports.evidence import Facts, evidence_of
    from pbias.workflows.reports.report import ReportOptions, check_page
    from pbias.workflows.reports.stored_table import is_table, read_audit, refuse_beside_table

    paths, others, drawn = expand(audited), expand(ref or []), expand(curves or [])
    inputs = [*paths, *others, *drawn, labels, thresholds, ref_thresholds, gate_file, facts]
    check_output(output, inputs, no_clobber=no_clobber, binary=False)
    check_page(output, curves=drawn, images=images)
    options = AuditOptions(
        groups=names(groups),
        attributes=names(attributes),
        level=level,
        gates=gate or [],
        gate_file=gate_file,
        labels=labels,
        cluster=cluster,
        thresholds=thresholds,
        reference_thresholds=ref_thresholds,
        probabilities=probabilities,
    )
    if is_table(paths):
        refuse_beside_table(paths[0], others, options, {"images": images, "facts": facts})
        page = ReportOptions(title or "", curves=drawn, probabilities=probabilities)
        read_audit(paths[0], level).report(output, page)
        return
    stated = None if facts is None else Facts.read(facts)
    result = audit_files(paths, others, options, bar)
    evidence = [] if stated is None else evidence_of(result, paths, others, stated, options)
    result.report(
        output,
        title=title or "",
        curves=drawn,
        images=images,
        examples=examples,
        labels=labels,
        probabilities=probabilities,
        evidence=evidence,
    )
    leave_with(result.outcomes)
