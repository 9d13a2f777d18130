"""`pbias select`: select the smallest of several networks that passes the gates."""

from __future__ import annotations

from typing import Annotated

import typer

from pbias.cli.options.auditing import (
    Attributes,
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


def select(
    candidates: Annotated[
        list[str],
        typer.Argument(
            metavar="LOGITS...",
            help="One candidate each; a quoted glob is the runs (seeds) of one.",
        ),
    ],
    ref: Annotated[
        list[str],
        typer.Option(
            "--ref", metavar="LOGITS", help="Dense model's logits; repeatable, or quote a glob."
        ),
    ],
    gate: Gates = None,
    gate_file: GateFile = None,
    gate_strict: StrictGates = False,
    gate_joint: JointGates = False,
    order: Annotated[
        str,
        typer.Option(
            "--order",
            metavar="ORDER",
            help="size: largest network first; listed: in the given order; none: correct for all.",
        ),
    ] = "size",
    groups: Groups = None,
    attributes: Attributes = None,
    labels: LabelsOfIds = None,
    thresholds: Thresholds = None,
    ref_thresholds: ReferenceThresholds = None,
    probabilities: Probabilities = None,
    cluster: ClusterOfLabels = None,
    level: Level = 0.95,
    in_memory: InMemory = 256,
    min_cell: MinCell = 0,
    report: Annotated[
        str | None,
        typer.Option("--report", metavar="FILE", help="Also write the report as Markdown."),
    ] = None,
    output: Table = "-",
    form: TableFormat = Format.AUTO,
    color: ColorWhen = Color.AUTO,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Select the smallest of several compressed networks that passes the gates.

    Tests the candidates from the mildest on and stops at the first that does not pass, so no
    correction for several candidates is needed. With --order none, the level of each is corrected
    for the number of candidates. Exits with status 0 if one is selected, 1 if none passes, and 4
    if more data could decide.
    """
    from pbias.cli.gates import leave_with_selection
    from pbias.cli.progress import bar
    from pbias.cli.tables import check_report, check_table_output, write_table
    from pbias.workflows.audit import AuditOptions
    from pbias.workflows.gates.select import select_files
    from pbias.workflows.inputs.files import expand

    runs, others = [expand([path]) for path in candidates], expand(ref)
    inputs = [
        *(path for side in runs for path in side),
        *others,
        labels,
        thresholds,
        ref_thresholds,
        gate_file,
    ]
    check_table_output(output, form, inputs, no_clobber=no_clobber)
    check_report(report, output, inputs, no_clobber=no_clobber)
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
        in_memory_mib=in_memory,
        min_cell=min_cell,
    )
    result = select_files(runs, others, options, order, bar)
    header = {"command": "select", "selected": result.selected, "gates": result.gates}
    write_table(result.rows, result.sections, output, form, color, report=report, **header)
    leave_with_selection(result.selection)
