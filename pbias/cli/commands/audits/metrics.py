"""`pbias metrics`: what a model does, to whom, and what compression changed."""

from __future__ import annotations

from typing import Annotated

import typer

from pbias.cli.options.auditing import ClusterOfLabels, LabelsOfIds, Level, Probabilities
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
    no_nan,
)


def metrics(
    audited: Annotated[
        list[str], typer.Argument(metavar="LOGITS...", help="Logits files; several: runs (seeds).")
    ],
    ref: Annotated[
        list[str] | None,
        typer.Option(
            "--ref", metavar="LOGITS", help="Dense model's logits; repeat it, or quote a glob."
        ),
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(
            "--groups",
            metavar="A,B:C",
            help="Group or target columns, ':' for intersections [default: the file's groups].",
        ),
    ] = None,
    attributes: Annotated[
        str | None,
        typer.Option("--attributes", metavar="A,B", help="Attributes to audit [default: all]."),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option("--metrics", metavar="A,B", help="Metrics to compute [default: all]."),
    ] = None,
    labels: LabelsOfIds = None,
    thresholds: Annotated[
        str | None,
        typer.Option("--thresholds", metavar="CSV", help="Logit thresholds: attribute,threshold."),
    ] = None,
    ref_thresholds: Annotated[
        str | None,
        typer.Option("--ref-thresholds", metavar="CSV", help="Thresholds of the reference."),
    ] = None,
    probabilities: Probabilities = None,
    cluster: ClusterOfLabels = None,
    level: Level = 0.95,
    folds: Annotated[
        int,
        typer.Option("--folds", metavar="NUM", min=20, max=10_000, help="Folds of the jackknife."),
    ] = 200,
    no_intervals: Annotated[
        bool, typer.Option("--no-intervals", help="Values alone: faster, and no gates.")
    ] = False,
    gate: Annotated[
        list[str] | None,
        typer.Option("--gate", metavar="GATE", help="METRIC@GROUP/ATTRIBUTE <= NUMBER; repeat it."),
    ] = None,
    gate_file: Annotated[
        str | None, typer.Option("--gate-file", metavar="FILE", help="Gates, one a line.")
    ] = None,
    gate_strict: Annotated[
        bool,
        typer.Option("--gate-strict", help="Rows that the data cannot decide keep gates open."),
    ] = False,
    gate_joint: Annotated[
        bool, typer.Option("--gate-joint", help="Hold --level for all gates together (Bonferroni).")
    ] = False,
    report: Annotated[
        str | None,
        typer.Option("--report", metavar="FILE", help="Write the report as Markdown, too."),
    ] = None,
    in_memory: Annotated[
        float,
        typer.Option(
            "--in-memory",
            metavar="MIB",
            min=0,
            callback=no_nan,
            help="Read files with more logits than this in blocks.",
        ),
    ] = 256,
    output: Table = "-",
    form: TableFormat = Format.AUTO,
    color: ColorWhen = Color.AUTO,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Audit logits: accuracy, uncertainty, calibration and bias, per attribute and group."""
    from pbias.cli.gates import leave_with
    from pbias.cli.progress import bar
    from pbias.cli.tables import check_report, check_table_output, write_table
    from pbias.workflows.audit import AuditOptions, audit_files
    from pbias.workflows.inputs.files import expand

    paths, others = expand(audited), expand(ref or [])
    inputs = [*paths, *others, labels, thresholds, ref_thresholds, gate_file]
    check_table_output(output, form, inputs, no_clobber=no_clobber)
    check_report(report, output, inputs, no_clobber=no_clobber)
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
    )
    result = audit_files(paths, others, options, bar)
    header = {"command": "metrics", "gates": result.verdicts}
    write_table(result.rows, result.sections, output, form, color, report=report, **header)
    leave_with(result.outcomes)
