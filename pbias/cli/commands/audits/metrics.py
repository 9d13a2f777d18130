"""`pbias metrics`: measure accuracy and bias by group, and what compression changed."""

from __future__ import annotations

from typing import Annotated

import typer

from pbias.cli.options.auditing import (
    Audited,
    ClusterOfLabels,
    GateFile,
    Gates,
    Groups,
    InMemory,
    JointGates,
    LabelsOfIds,
    Level,
    MinCell,
    Probabilities,
    References,
    ReferenceThresholds,
    StrictGates,
    Thresholds,
)
from pbias.cli.options.common import (
    Color,
    ColorWhen,
    Format,
    NoClobber,
    Quiet,
    Table,
    TableFormat,
    Verbose,
    names,
)


def metrics(
    audited: Audited,
    ref: References = None,
    groups: Groups = None,
    attributes: Annotated[
        str | None,
        typer.Option("--attributes", metavar="A,B", help="Attributes to audit [default: all]."),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option("--metrics", metavar="A,B", help="Metrics to compute [default: all]."),
    ] = None,
    labels: LabelsOfIds = None,
    thresholds: Thresholds = None,
    ref_thresholds: ReferenceThresholds = None,
    probabilities: Probabilities = None,
    cluster: ClusterOfLabels = None,
    level: Level = 0.95,
    folds: Annotated[
        int,
        typer.Option(
            "--folds", metavar="NUM", min=20, max=10_000, help="Number of jackknife folds."
        ),
    ] = 200,
    no_intervals: Annotated[
        bool, typer.Option("--no-intervals", help="Compute only values: faster, but no gates.")
    ] = False,
    gate: Gates = None,
    gate_file: GateFile = None,
    gate_strict: StrictGates = False,
    gate_joint: JointGates = False,
    report: Annotated[
        str | None,
        typer.Option("--report", metavar="FILE", help="Also write the report as Markdown."),
    ] = None,
    junit: Annotated[
        str | None,
        typer.Option("--junit", metavar="FILE", help="Write the gate verdicts as JUnit XML."),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            "--tag",
            metavar="KEY=VALUE",
            help="Add a column with this text to the table; repeatable.",
        ),
    ] = None,
    in_memory: InMemory = 256,
    min_cell: MinCell = 0,
    output: Table = "-",
    form: TableFormat = Format.AUTO,
    color: ColorWhen = Color.AUTO,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Audit logits: accuracy, uncertainty, calibration and bias, per attribute and group."""
    import dataclasses

    from pbias.cli.gates import check_junit, leave_with, write_junit
    from pbias.cli.progress import bar
    from pbias.cli.tables import (
        check_apart,
        check_report,
        check_table_output,
        parse_tags,
        write_table,
    )
    from pbias.files.table import COLUMNS
    from pbias.workflows.audit import AuditOptions, audit_files
    from pbias.workflows.inputs.files import expand

    tags = parse_tags(tag or [], COLUMNS)
    paths, others = expand(audited), expand(ref or [])
    inputs = [*paths, *others, labels, thresholds, ref_thresholds, gate_file]
    check_table_output(output, form, inputs, no_clobber=no_clobber)
    check_report(report, output, inputs, no_clobber=no_clobber)
    check_junit(junit, inputs, gated=bool(gate or gate_file), no_clobber=no_clobber)
    check_apart({"-o": output, "--report": report, "--junit": junit})
    options = AuditOptions(
        groups=names(groups),
        attributes=names(attributes),
        metrics=names(only),
        level=level,
        folds=folds,
        intervals=not no_intervals,
        gates=gate or [],
        gate_file=gate_file,
        strict=gate_strict,
        joint=gate_joint,
        labels=labels,
        cluster=cluster,
        thresholds=thresholds,
        reference_thresholds=ref_thresholds,
        probabilities=probabilities,
        in_memory_mib=in_memory,
        keep_predictions=False,
        min_cell=min_cell,
    )
    result = audit_files(paths, others, options, bar)
    header = {
        "command": "metrics",
        "audit": dataclasses.asdict(result.header),
        "gates": result.verdicts,
    }
    table = result.rows.tagged(tags)
    write_table(table, result.sections, output, form, color, report=report, **header)
    write_junit(junit, result.verdicts)
    leave_with(result.outcomes)
