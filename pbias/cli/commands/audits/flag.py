"""`pbias flag`: what pruning puts at risk, from the dense model alone, and whether it was right."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from pbias.auditing.risk.flagging import Budget
    from pbias.files.logits import Logits
    from pbias.files.table import Table as Rows


def flag(
    dense: Annotated[
        list[str], typer.Argument(metavar="LOGITS", help="The dense model's logits: one file.")
    ],
    margin: Annotated[
        float,
        typer.Option(
            "--margin",
            min=0.0,
            max=0.5,
            callback=no_nan,
            help="Unsure means abs(p - 0.5) below this; 0.5: all predictions.",
        ),
    ] = 0.4,
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget", metavar="N|N%", help="List so many, or this share of all predictions."
        ),
    ] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="A row an attribute and group instead: its risk.")
    ] = False,
    evaluate: Annotated[
        list[str] | None,
        typer.Option(
            "--evaluate",
            metavar="LOGITS",
            help="Compare with what this pruned model does; repeat it, or quote a glob.",
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
        typer.Option("--evaluate-thresholds", metavar="CSV", help="Those of the pruned models."),
    ] = None,
    probabilities: Probabilities = False,
    output: Table = "-",
    form: TableFormat = Format.AUTO,
    color: ColorWhen = Color.AUTO,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """List the predictions that pruning puts at risk.

    From the dense model and the training counts alone, the riskiest first: those that it is unsure
    of and those that go against what is usual in the group.
    """
    from pbias.cli.inputs import check_sides, expand, read_labels, read_side
    from pbias.cli.options.budget import parse_budget
    from pbias.cli.tables import check_table_output, write_table
    from pbias.files.logits.comparability import warn_of_roles
    from pbias.reporting import flag_report as report

    path, pruned = _one(dense), expand(evaluate or [])
    limit = None if budget is None else parse_budget("--budget", budget)
    _refuse(
        {
            "--summary and --evaluate": summary and bool(pruned),
            "--summary and --budget": summary and limit is not None,
            "--evaluate-thresholds without --evaluate": bool(evaluate_thresholds) and not pruned,
            "--groups without --summary or --labels": bool(groups) and not (summary or labels),
        }
    )
    tables = [labels, thresholds, evaluate_thresholds]
    check_table_output(output, form, [path, *pruned, *tables], no_clobber=no_clobber)
    check_sides([path], pruned, tables)
    manifest, wanted = read_labels(labels, cluster), names(groups)

    def read(paths: list[str], cuts: str | None) -> list[Logits]:
        return read_side(
            paths,
            thresholds=cuts,
            manifest=manifest,
            groups=wanted,
            cluster=cluster,
            probabilities=probabilities,
        )

    (logits,) = read([path], thresholds)
    _say_if_pruned(logits)
    if summary:
        from pbias.auditing.risk.attribute_risk import attribute_risk

        table, sections = attribute_risk(logits, wanted), report.summary_sections
    elif pruned:
        from pbias.auditing.risk.evaluation import evaluate as evaluated

        runs = read(pruned, evaluate_thresholds)
        warn_of_roles(runs, [logits])
        table, sections = evaluated(logits, runs, margin, limit), report.evaluation_sections
    else:
        table, sections = _listed(logits, margin, limit), report.flag_sections
    write_table(table, lambda: sections(table), output, form, color, command="flag")


def _one(paths: list[str]) -> str:
    """The dense model's file."""
    from pbias.cli.inputs import expand
    from pbias.errors import UserError

    found = expand(paths)
    if len(found) > 1:
        raise UserError(
            f"flag reads one dense file, not {len(found)} ({', '.join(found)}); name one, and "
            "for several pruned ones repeat --evaluate, or quote its glob"
        )
    return found[0]


def _say_if_pruned(logits: Logits) -> None:
    from pbias.files.logits.comparability import sparsity_of

    if sparsity := sparsity_of(logits):
        logging.getLogger(__name__).info(
            "%s is of a pruned model (sparsity %g); flags are meant for the dense one",
            logits.path, sparsity,
        )  # fmt: skip


def _refuse(together: dict[str, bool]) -> None:
    from pbias.errors import UserError

    for what, given in together.items():
        if given:
            raise UserError(f"{what} do not go together; leave one out")


def _listed(logits: Logits, margin: float, budget: Budget | None) -> Rows:
    """The flagged predictions; how many they are goes to standard error, by attribute with -v."""
    from pbias.auditing.risk.flagging import flag_counts, flag_samples

    table = flag_samples(logits, margin, budget)
    log = logging.getLogger(__name__)
    every, samples = logits.logits.size, len(set(table.columns["id"]))
    log.info(
        "%d of %d predictions flagged (%.1f %%), of %d of %d samples",
        len(table), every, 100 * len(table) / every, samples, len(logits),
    )  # fmt: skip
    for name, count in flag_counts(table, logits):
        log.debug(
            "%s: %d of %d flagged (%.1f %%)", name, count, len(logits), 100 * count / len(logits)
        )
    return table
