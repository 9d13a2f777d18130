"""Draw one chart of logits files, as a picture, a page or a Vega-Lite specification."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pbias.errors import UserError

if TYPE_CHECKING:
    from pbias.reporting.charts.figure import Figure
    from pbias.workflows.audit import AuditOptions, AuditResult

SUFFIXES = (".svg", ".png", ".pdf", ".html", ".json")


@dataclass(frozen=True)
class PlotOptions:
    """Content of a chart: a `metric`, or an `attribute` (None: all) and a `group`, by name.

    `top` is the number of rows of a forest plot.
    """

    metric: str = "tpr"
    attribute: str | None = None
    group: str | None = None
    top: int = 15


def check_suffix(output: str) -> None:
    """Refuse an output whose suffix is not an image format; `-` is SVG."""
    suffix = Path(output).suffix.lower()
    if output != "-" and suffix not in SUFFIXES:
        raise UserError(f"{output}: charts cannot be written as '{suffix}'; use {_names()}")


def plot_audit(
    kind: str,
    audited: Sequence[str],
    references: Sequence[str],
    audit: AuditOptions,
    options: PlotOptions,
) -> Figure:
    """Audit logits files and draw one chart: heatmap, forest, calibration or scores.

    Raises UserError if files cannot be read or there is nothing to draw.
    """
    from pbias.workflows.audit import audit_files

    metric = options.metric if kind in ("heatmap", "forest") else "accuracy"
    result = audit_files(audited, references, replace(audit, metrics=[metric]))
    figure = _of_audit(kind, result, options)
    if figure is None:
        raise UserError(f"nothing to draw: {_nothing(kind, options)}")
    return figure


def plot_curves(
    paths: Sequence[str],
    *,
    axis: str,
    metrics: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    attributes: Sequence[str] | None = None,
    labels: str | None = None,
    probabilities: bool | None = None,
) -> Figure:
    """Draw the headline numbers of logits files against `axis` ("sparsity" or "file").

    Raises UserError if the files do not contain the same samples.
    """
    from pbias.auditing.engine import Options
    from pbias.workflows.compare import compare_runs
    from pbias.workflows.inputs.files import Supplements, check_sides, read_labels, read_side
    from pbias.workflows.reports.figures import of_runs

    check_sides(paths, [], [labels])
    runs = read_side(paths, Supplements(read_labels(labels), groups, probabilities=probabilities))
    table = compare_runs(runs, Options(groups, attributes)).rows
    return of_runs(table, runs, axis, metrics or [])


def write_figure(figure: Figure, output: str) -> None:
    """Write a chart in the format that the suffix of the output names; `-` is SVG.

    Raises UserError if vl-convert is not installed, or if the file cannot be written.
    """
    from pbias.files.streams import write_bytes
    from pbias.reporting.charts import render
    from pbias.reporting.page.document import figure_page

    draw: dict[str, Callable[[Figure], str | bytes]] = {
        ".png": render.png,
        ".pdf": render.pdf,
        ".json": render.vega_lite,
        ".html": figure_page,
    }
    drawn = draw.get(Path(output).suffix.lower(), render.svg)(figure)
    write_bytes(output, drawn.encode() if isinstance(drawn, str) else drawn)


def _of_audit(kind: str, result: AuditResult, options: PlotOptions) -> Figure | None:
    from pbias.reporting.charts.forest import forest
    from pbias.reporting.charts.heatmap import heatmap
    from pbias.workflows.reports.figures import has_predictions, of_predictions

    o = options
    if kind == "heatmap":
        return heatmap(result.rows.records(), o.metric)
    if kind == "forest":
        return forest(result.rows.records(), o.metric, o.top)
    if result.audit.of_counts:
        raise UserError(f"{kind} needs rows, and counts files hold none; name logits files")
    if not has_predictions(result.audit):
        raise UserError(f"{kind} needs the predictions in memory; raise --in-memory")
    group = o.group
    if group is None:
        group = next((p.name for p in result.audit.strata.partitions if p.name), "")
    return of_predictions(result.audit, kind, o.attribute, group)


def _nothing(kind: str, options: PlotOptions) -> str:
    if kind in ("heatmap", "forest"):
        return (
            f"'{options.metric}' has no value for any attribute and group; "
            "choose another with --metric, or groups with --groups"
        )
    return "too few labels are known (10 of one probability are needed); name more with --labels"


def _names() -> str:
    return f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
