"""`pbias plot`: draw one chart of logits files, for a paper or a web page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pbias.cli.options.auditing import (
    Attributes,
    Audited,
    Groups,
    LabelsOfIds,
    Level,
    Probabilities,
    References,
)
from pbias.cli.options.common import NoClobber, Quiet, Verbose, names

if TYPE_CHECKING:
    from pbias.workflows.audit import AuditOptions
    from pbias.workflows.reports.plot import PlotOptions

Metric = Annotated[str, typer.Option("--metric", metavar="NAME", help="Metric to draw.")]
Attribute = Annotated[
    str | None,
    typer.Option("--attribute", metavar="NAME", help="Attribute to draw [default: all]."),
]
Group = Annotated[
    str | None,
    typer.Option(
        "--group", metavar="NAME", help="Group with one line per value [default: the first]."
    ),
]
Picture = Annotated[
    str,
    typer.Option(
        "--output", "-o", metavar="FILE", help="FILE.svg, .png, .pdf, .html or .json (Vega-Lite)."
    ),
]


def curves(
    runs: Annotated[list[str], typer.Argument(metavar="LOGITS...", help="Logits files to draw.")],
    output: Picture,
    x: Annotated[
        str,
        typer.Option(
            "--x",
            metavar="AXIS",
            help="sparsity, or file: one position per file, in the given order.",
        ),
    ] = "sparsity",
    metrics: Annotated[
        str | None,
        typer.Option(
            "--metrics", metavar="A,B", help="Metrics of `pbias compare` [default: all of them]."
        ),
    ] = None,
    groups: Groups = None,
    attributes: Attributes = None,
    labels: LabelsOfIds = None,
    probabilities: Probabilities = None,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Draw headline numbers against sparsity: one line per network, with bands over seeds.

    Files without a record of sparsity are drawn in the given order.
    """
    from pbias.workflows.inputs.files import expand
    from pbias.workflows.reports.plot import plot_curves, write_figure

    paths = expand(runs)
    _check(output, [*paths, labels], no_clobber=no_clobber)
    figure = plot_curves(
        paths,
        axis=x,
        metrics=names(metrics),
        groups=names(groups),
        attributes=names(attributes),
        labels=labels,
        probabilities=probabilities,
    )
    write_figure(figure, output)


def heatmap(
    audited: Audited,
    output: Picture,
    ref: References = None,
    metric: Metric = "tpr",
    groups: Groups = None,
    attributes: Attributes = None,
    labels: LabelsOfIds = None,
    level: Level = 0.95,
    probabilities: Probabilities = None,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Draw a metric by attribute and group value; with --ref, draw its change."""
    from pbias.workflows.audit import AuditOptions
    from pbias.workflows.reports.plot import PlotOptions

    options = AuditOptions(
        names(groups), names(attributes), level=level, labels=labels, probabilities=probabilities
    )
    _plot("heatmap", audited, ref, output, options, PlotOptions(metric), no_clobber=no_clobber)


def forest(
    audited: Audited,
    output: Picture,
    ref: References = None,
    metric: Metric = "tpr",
    top: Annotated[
        int, typer.Option("--top", metavar="NUM", min=1, max=200, help="Number of rows to draw.")
    ] = 15,
    groups: Groups = None,
    attributes: Attributes = None,
    labels: LabelsOfIds = None,
    level: Level = 0.95,
    probabilities: Probabilities = None,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Draw the largest values of a metric with intervals; with --ref, the largest changes."""
    from pbias.workflows.audit import AuditOptions
    from pbias.workflows.reports.plot import PlotOptions

    options = AuditOptions(
        names(groups), names(attributes), level=level, labels=labels, probabilities=probabilities
    )
    chosen = PlotOptions(metric, top=top)
    _plot("forest", audited, ref, output, options, chosen, no_clobber=no_clobber)


def calibration(
    audited: Audited,
    output: Picture,
    ref: References = None,
    attribute: Attribute = None,
    group: Group = None,
    labels: LabelsOfIds = None,
    probabilities: Probabilities = None,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Draw calibration curves by group value: observed share against predicted probability."""
    options, chosen = _of_group(attribute, group, labels, probabilities=probabilities)
    _plot("calibration", audited, ref, output, options, chosen, no_clobber=no_clobber)


def scores(
    audited: Audited,
    output: Picture,
    ref: References = None,
    attribute: Attribute = None,
    group: Group = None,
    labels: LabelsOfIds = None,
    probabilities: Probabilities = None,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Draw the distributions of predicted probabilities by group value and label."""
    options, chosen = _of_group(attribute, group, labels, probabilities=probabilities)
    _plot("scores", audited, ref, output, options, chosen, no_clobber=no_clobber)


def _of_group(
    attribute: str | None, group: str | None, labels: str | None, *, probabilities: bool | None
) -> tuple[AuditOptions, PlotOptions]:
    """Return the options of charts that need the predictions of one group and no intervals."""
    from pbias.workflows.audit import AuditOptions
    from pbias.workflows.reports.plot import PlotOptions

    options = AuditOptions(
        groups=None if group is None else [group],
        attributes=None if attribute is None else [attribute],
        intervals=False,
        labels=labels,
        probabilities=probabilities,
    )
    return options, PlotOptions(attribute=attribute, group=group)


def _plot(
    kind: str,
    audited: list[str],
    ref: list[str] | None,
    output: str,
    audit: AuditOptions,
    options: PlotOptions,
    *,
    no_clobber: bool,
) -> None:
    from pbias.workflows.inputs.files import expand
    from pbias.workflows.reports.plot import plot_audit, write_figure

    paths, others = expand(audited), expand(ref or [])
    _check(output, [*paths, *others, audit.labels], no_clobber=no_clobber)
    write_figure(plot_audit(kind, paths, others, audit, options), output)


def _check(output: str, inputs: list[str | None], *, no_clobber: bool) -> None:
    from pbias.files.streams import check_output
    from pbias.workflows.reports.plot import check_suffix

    check_suffix(output)
    check_output(output, inputs, no_clobber=no_clobber, binary=output != "-")
