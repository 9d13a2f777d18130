"""`pbias power`: check before compression which gates the samples can decide."""

from __future__ import annotations

from typing import Annotated

import typer

from pbias.cli.options.auditing import (
    Attributes,
    ClusterOfLabels,
    Gates,
    JointGates,
    LabelsOfIds,
    Level,
    Probabilities,
    StrictGates,
    Thresholds,
)
from pbias.cli.options.common import (
    Color,
    ColorWhen,
    Format,
    NoClobber,
    Quiet,
    Seed,
    Table,
    TableFormat,
    Verbose,
    names,
    no_nan,
)


def power(
    ref: Annotated[
        list[str],
        typer.Option(
            "--ref", metavar="LOGITS", help="Dense model's logits; repeatable, or quote a glob."
        ),
    ],
    gates: Annotated[
        str | None,
        typer.Argument(
            metavar="[GATES.txt]", help="File with one gate per line; '-' is standard input."
        ),
    ] = None,
    gate: Gates = None,
    discordance: Annotated[
        float,
        typer.Option(
            "--discordance",
            metavar="SHARE",
            min=0.0,
            max=0.5,
            callback=no_nan,
            help="Share of predictions that compression is assumed to change; "
            "try 0.05 for pruning, 0.005 for int8.",
        ),
    ] = 0.05,
    draws: Annotated[
        int,
        typer.Option("--draws", metavar="NUM", min=1, max=1000, help="Number of simulated models."),
    ] = 20,
    groups: Annotated[
        str | None,
        typer.Option("--groups", metavar="A,B:C", help="Groups [default: groups of the gates]."),
    ] = None,
    attributes: Attributes = None,
    labels: LabelsOfIds = None,
    thresholds: Thresholds = None,
    probabilities: Probabilities = None,
    cluster: ClusterOfLabels = None,
    level: Level = 0.95,
    gate_strict: StrictGates = False,
    gate_joint: JointGates = False,
    report: Annotated[
        str | None,
        typer.Option("--report", metavar="FILE", help="Also write the report as Markdown."),
    ] = None,
    seed: Seed = 0,
    output: Table = "-",
    form: TableFormat = Format.AUTO,
    color: ColorWhen = Color.AUTO,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Check before compression which gates these samples can decide.

    Simulates models from the dense model and audits them. The simulated models differ in a share
    of the predictions (--discordance) and are worse for nobody, so that a gate that fails them
    raises a false alarm. Exits with status 0 whatever the gates decide.
    """
    from pbias.cli.gates import say_power
    from pbias.cli.progress import bar
    from pbias.cli.tables import check_report, check_table_output, write_table
    from pbias.workflows.gates.power import PowerOptions, power_files
    from pbias.workflows.inputs.files import expand

    paths = expand(ref)
    inputs = [*paths, gates, labels, thresholds]
    check_table_output(output, form, inputs, no_clobber=no_clobber)
    check_report(report, output, inputs, no_clobber=no_clobber)
    options = PowerOptions(
        discordance=discordance,
        draws=draws,
        seed=seed,
        groups=names(groups),
        attributes=names(attributes),
        level=level,
        strict=gate_strict,
        joint=gate_joint,
        labels=labels,
        cluster=cluster,
        thresholds=thresholds,
        probabilities=probabilities,
    )
    result = power_files(gate or [], gates, paths, options, bar)
    write_table(
        result.rows, result.sections, output, form, color,
        report=report, command="power", gates=result.gates,
    )  # fmt: skip
    say_power(result.gates)
