"""`pbias flag`: list predictions that pruning puts at risk, and evaluate such lists."""

from __future__ import annotations

from typing import Annotated

import typer

from pbias.cli.options.auditing import ClusterOfLabels, LabelsOfIds, Probabilities
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


def flag(
    dense: Annotated[
        list[str], typer.Argument(metavar="LOGITS", help="Logits of the dense model (one file).")
    ],
    margin: Annotated[
        float,
        typer.Option(
            "--margin",
            min=0.0,
            max=0.5,
            callback=no_nan,
            help="Uncertain means abs(p - 0.5) below this; 0.5: all predictions.",
        ),
    ] = 0.4,
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget", metavar="N|N%", help="List this number, or this share of all predictions."
        ),
    ] = None,
    by_group: Annotated[
        bool,
        typer.Option(
            "--by-group",
            help="Use training counts of the sample's group, not of everyone.",
        ),
    ] = False,
    summary: Annotated[
        bool, typer.Option("--summary", help="Show the risk per attribute and group instead.")
    ] = False,
    evaluate: Annotated[
        list[str] | None,
        typer.Option(
            "--evaluate",
            metavar="LOGITS",
            help="Evaluate the flags on this pruned model; repeatable, or quote a glob.",
        ),
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(
            "--groups",
            metavar="A,B",
            help="Groups of --summary, or of --labels [default: the file's groups].",
        ),
    ] = None,
    labels: LabelsOfIds = None,
    cluster: ClusterOfLabels = None,
    thresholds: Annotated[
        str | None,
        typer.Option(
            "--thresholds",
            metavar="CSV",
            help="Logit thresholds of the dense model: attribute,threshold.",
        ),
    ] = None,
    evaluate_thresholds: Annotated[
        str | None,
        typer.Option(
            "--evaluate-thresholds", metavar="CSV", help="Logit thresholds of the pruned models."
        ),
    ] = None,
    probabilities: Probabilities = None,
    output: Table = "-",
    form: TableFormat = Format.AUTO,
    color: ColorWhen = Color.AUTO,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """List the predictions that pruning puts at risk.

    The command uses only the dense model and the training counts. The riskiest predictions come
    first: those that the model is uncertain of, and those that are unusual in training.
    """
    from pbias.cli.progress import bar
    from pbias.cli.tables import check_table_output, write_table
    from pbias.workflows.flag import FlagOptions, flag_files, refuse_combinations
    from pbias.workflows.inputs.budget import parse_budget
    from pbias.workflows.inputs.files import expand

    path, pruned = _dense_file(dense), expand(evaluate or [])
    options = FlagOptions(
        margin=margin,
        budget=None if budget is None else parse_budget("budget", budget),
        summary=summary,
        by_group=by_group,
        groups=names(groups),
        labels=labels,
        cluster=cluster,
        thresholds=thresholds,
        evaluate_thresholds=evaluate_thresholds,
        probabilities=probabilities,
    )
    refuse_combinations(options, evaluate=bool(pruned))
    inputs = [path, *pruned, labels, thresholds, evaluate_thresholds]
    check_table_output(output, form, inputs, no_clobber=no_clobber)
    result = flag_files(path, pruned, options, bar)
    write_table(result.rows, result.sections, output, form, color, command="flag")


def _dense_file(paths: list[str]) -> str:
    """Return the dense model's file; raises UserError for several."""
    from pbias.errors import UserError
    from pbias.workflows.inputs.files import expand

    files = expand(paths)
    if len(files) > 1:
        raise UserError(
            f"flag reads one dense file, but {len(files)} were given ({', '.join(files)}); name "
            "one; for several pruned files repeat --evaluate, or quote its glob"
        )
    return files[0]
