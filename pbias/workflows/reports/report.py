"""The page of an audit: verdict, gates, charts and tables, put together from a result."""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from pbias.errors import UserError, argument
from pbias.extras import load_extra
from pbias.reporting.page.content import Gate, Page, Part, Term
from pbias.reporting.verdict import explained, verdict_parts

if TYPE_CHECKING:
    from pbias.auditing.metrics.entry import Metric
    from pbias.reporting.charts.figure import Figure
    from pbias.reporting.sections import Section
    from pbias.workflows.audit import AuditResult

METRICS = ("tpr", "fpr", "accuracy")
SHOWN_GROUPS = 4
MAX_CELLS = 2000  # of all heat maps beyond the first, which are most of a page's size


@dataclass(frozen=True)
class ReportOptions:
    """What a page holds beside the audit.

    `curves`: logits files of several sparsities; `images`: the folder of pictures, of which
    `examples` an attribute are embedded (None: none). `labels`, the path of a manifest, and
    `probabilities` are for the files of `curves`. `evidence`: sections for a technical file.
    """

    curves: Sequence[str] = ()
    images: str | None = None
    examples: int = 24
    labels: str | None = None
    probabilities: bool | None = None
    evidence: Sequence[Section] = ()


def check_page(output: str, *, curves: Sequence[str] = (), images: str | None = None) -> None:
    """Refuse what is not named as a page, or cannot be made, before any long work.

    `curves` are files and `images` a folder that the page needs.
    """
    from pbias.workflows.inputs.files import check_sides
    from pbias.workflows.reports.thumbnails import check_folder

    check_sides(curves, [])
    if images is not None:
        check_folder(images)
    if output != "-" and Path(output).suffix.lower() not in (".html", ".htm"):
        raise UserError(f"{output}: the report is an HTML page; name it .html")
    load_extra("jinja2", "report", "writing an HTML page")
    load_extra("vl_convert", "report", "drawing charts")


def page_of(result: AuditResult, header: Section, options: ReportOptions) -> Page:
    """Put the page of an audit together; `header` says what was audited.

    Raises UserError where pictures or curves do not fit.
    """
    worst = _worst(result)
    values, rest = _sections(result)
    parts = [
        _gates(result),
        _groups(result, values),
        _moved(result),
        _largest(result),
        _curves(result, options),
        _predictions(result, worst),
        _examples(result, options, worst),
        Part("tables", "Tables", sections=rest),
        Part("evidence", "Evidence", sections=options.evidence) if options.evidence else None,
    ]
    return Page(
        title=_title(result),
        facts=[_today(), *header.notes],
        verdict=verdict_parts(result.findings),
        notes=[explained(result.findings)] if result.findings.worse else [],
        gates=[Gate(r["gate"], r["verdict"], r["note"]) for r in result.verdicts],
        parts=[part for part in parts if part is not None],
        terms=_terms(result),
    )


def _title(result: AuditResult) -> str:
    names = [Path(side.heads[0].path).name or "model" for side in result.audit.sides]
    return f"Audit of {names[0]}" + (f" against {names[1]}" if len(names) > 1 else "")


def _today() -> str:
    """The date, or that of SOURCE_DATE_EPOCH, which makes equal inputs give equal pages."""
    stamp, zone = os.environ.get("SOURCE_DATE_EPOCH", ""), datetime.UTC
    if stamp.isdigit():
        return datetime.datetime.fromtimestamp(int(stamp), zone).date().isoformat()
    return datetime.datetime.now(zone).date().isoformat()


def _worst(result: AuditResult) -> list[tuple[str, str]]:
    """Attributes with the group in which they moved most, the worst first, each once."""
    from pbias.reporting.charts.cells import cells

    known = [cell for cell in cells(result.rows.records(), "tpr") if cell.defined]
    ranked = sorted(known, key=lambda cell: (not cell.holds, cell.few, -abs(cell.number)))
    pairs = [(finding.attribute, finding.group) for finding in result.findings.worse]
    pairs += [(cell.attribute, cell.group) for cell in ranked]
    pairs += [(name, "") for name in result.audit.design.targets]
    found: dict[str, str] = {}
    for attribute, group in filter(itemgetter(0), pairs):
        found.setdefault(attribute, group)
    return list(found.items())


def _moved(result: AuditResult) -> Part | None:
    from pbias.reporting.charts.heatmap import heatmap

    records = result.rows.records()
    figures: list[Figure] = []
    for name in METRICS:
        figure = heatmap(records, name)
        num_cells = sum(len(one.data.rows) for one in [*figures, figure] if one)
        if figure and (not figures or num_cells <= MAX_CELLS):
            figures.append(figure)
    intro = "Each cell is one attribute in one group value. Choose a cell for its numbers."
    return _part("moved", "Where, at a glance", figures, intro, choice="Metric of the heat map")


def _largest(result: AuditResult) -> Part | None:
    from pbias.reporting.charts.forest import forest

    records = result.rows.records()
    figures = [figure for name in METRICS if (figure := forest(records, name))]
    heading = "What is largest, and how sure"
    return _part("largest", heading, figures, choice="Metric of the forest plot")


def _curves(result: AuditResult, options: ReportOptions) -> Part | None:
    if not options.curves:
        return None
    from pbias.auditing.engine import Options
    from pbias.workflows.compare import compare_runs
    from pbias.workflows.inputs.files import Supplements, check_sides, read_labels, read_side
    from pbias.workflows.reports.figures import of_runs

    o, asked = options, result.audit.options
    check_sides(o.curves, [], [o.labels])
    how = Supplements(read_labels(o.labels), asked.groups, probabilities=o.probabilities)
    runs = read_side(o.curves, how)
    table = compare_runs(runs, Options(asked.groups, asked.attributes)).rows
    figure = of_runs(table, runs, "sparsity", [])
    return _part("sparsity", "Against sparsity", [figure])


def _predictions(result: AuditResult, worst: Sequence[tuple[str, str]]) -> Part | None:
    """Calibration and scores: of all attributes by each group, and of the worst attribute."""
    from pbias.workflows.reports.figures import has_predictions, of_predictions

    if not has_predictions(result.audit):
        return None
    groups = [p.name for p in result.audit.strata.partitions if p.name][:SHOWN_GROUPS] or [""]
    attribute, group = worst[0]
    wanted: list[tuple[str, str | None, str]] = []
    wanted += [("calibration", attribute, group or groups[0])]
    wanted += [("scores", attribute, group or groups[0])]
    wanted += [("calibration", None, name) for name in groups]
    drawn = (of_predictions(result.audit, *one, str(n)) for n, one in enumerate(wanted))
    heading, intro = "Probabilities", f"First those of {attribute}, then those of all attributes."
    figures = [figure for figure in drawn if figure]
    return _part("predictions", heading, figures, intro, choice="Chart of probabilities")


def _examples(
    result: AuditResult, options: ReportOptions, worst: Sequence[tuple[str, str]]
) -> Part | None:
    if options.images is None:
        return None
    from pbias.workflows.reports.examples import gallery
    from pbias.workflows.reports.figures import has_predictions

    if not has_predictions(result.audit):
        raise UserError(f"pictures need files in memory; raise {argument('in_memory')}")
    names = [attribute for attribute, _ in worst]
    found = gallery(result.audit, options.images, options.examples, names)
    intro = (
        "What the audited model gets right and wrong. A prediction is sure where its probability "
        "is under 0.1 or at least 0.9."
    )
    return Part("examples", "Examples", intro, gallery=found)


def _sections(result: AuditResult) -> tuple[list[Section], list[Section]]:
    """The tables of group values; what follows them and the gates."""
    from pbias.reporting.audit_report import value_sections

    values = value_sections(result.rows, result.widened)
    above = 2 + len(values) + bool(result.outcomes)  # verdict, header; gates
    return values, result.sections()[above:]


def _gates(result: AuditResult) -> Part | None:
    from pbias.reporting.charts.gates import gates

    figure = gates(result.outcomes)
    return _part("gates", "Gates", [figure] if figure else [])


def _groups(result: AuditResult, values: Sequence[Section]) -> Part | None:
    from pbias.reporting.charts.groups import groups

    figure = groups(result.rows.records())
    figures = [] if figure is None else [figure]
    return Part("groups", "Each group value", figures=figures, sections=values) if values else None


def _part(
    key: str, heading: str, figures: Sequence[Figure], intro: str = "", choice: str = ""
) -> Part | None:
    return Part(key, heading, intro, figures, choice=choice) if figures else None


def _terms(result: AuditResult) -> list[Term]:
    """The metrics of the table and the columns that need words, as `pbias explain` tells them."""
    from pbias.auditing.metrics.explain import COLUMNS
    from pbias.auditing.metrics.registry import METRICS

    names = dict.fromkeys(result.rows.columns["metric"])
    columns = [
        Term(name, f"{name}: {one.title}", f"{one.content}. Empty: {one.empty}.")
        for name, one in COLUMNS.items()
    ]
    return [*(_term(METRICS[name]) for name in names), *columns]


def _term(metric: Metric) -> Term:
    m = metric
    words = filter(None, (m.label, m.mean_title, m.name, m.name.replace("_", " ")))
    text = f"{m.formula}. Range: {m.range}. Good: {m.better}. Undefined: {m.undefined}."
    return Term(m.name, f"{m.name}: {m.title}", text, list(dict.fromkeys(words)))
