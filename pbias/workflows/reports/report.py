"""The page of an audit: verdict, gates, charts and tables, assembled from a result."""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pbias.auditing.gates.together import tally
from pbias.auditing.gates.verdicts import in_words
from pbias.errors import UserError, argument
from pbias.extras import load_extra
from pbias.reporting.page.content import NARROW, Gate, Page, Part
from pbias.reporting.verdict.paragraphs import verdict_lines
from pbias.reporting.verdict.sentences import explained, words_explained
from pbias.workflows.reports import predicted_parts, risk_parts, table_parts

if TYPE_CHECKING:
    from pbias.auditing.engine import Audit
    from pbias.auditing.findings.finding import Findings
    from pbias.auditing.gates.verdicts import Outcome
    from pbias.reporting.audit_header import File, Header
    from pbias.reporting.sections import Section
    from pbias.workflows.results import AuditTable


@dataclass(frozen=True)
class ReportOptions:
    """Content of a page beyond the audit.

    `title`: its title and first heading ("": the names of the files). `curves`: logits files of
    several sparsities; `images`: the folder of images, of which `examples` per attribute are
    embedded (None: none). `labels`, the path of a manifest, and `probabilities` apply to the files
    of `curves`. `evidence`: sections for a technical file.
    """

    title: str = ""
    curves: Sequence[str] = ()
    images: str | None = None
    examples: int = 24
    labels: str | None = None
    probabilities: bool | None = None
    evidence: Sequence[Section] = ()


def check_page(output: str, *, curves: Sequence[str] = (), images: str | None = None) -> None:
    """Raise UserError, before long work, for an output that is not a page or cannot be made.

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


def write_page(
    result: AuditTable,
    path: str,
    options: ReportOptions,
    outcomes: Sequence[Outcome] = (),
    audit: Audit | None = None,
) -> None:
    """Write the page of an audit; `-` is standard output.

    `outcomes` of its gates and the counted `audit` add parts that need more than the table. Raises
    UserError if images or curves do not fit, or if the extra `report` is not installed.
    """
    from pbias.files.streams import write_text
    from pbias.reporting.page.document import render_page

    write_text(path, render_page(page_of(result, options, outcomes, audit)))


def page_of(
    result: AuditTable,
    options: ReportOptions,
    outcomes: Sequence[Outcome] = (),
    audit: Audit | None = None,
) -> Page:
    """Assemble the page of an audit that `write_page` writes."""
    from pbias.reporting.audit_header import header_section

    parts = [
        table_parts.gates(outcomes),
        table_parts.groups(result),
        table_parts.moved(result),
        table_parts.largest(result),
        _curves(audit, options),
        *_predicted(audit, options, table_parts.worst(result)),
        table_parts.numbers(result),
        Part("tables", "Tables", sections=result.rest(), folds=NARROW),
        _evidence(options),
    ]
    return Page(
        title=options.title.strip() or _title(result.header),
        facts=[_today(), *header_section(result.header).notes, *_left_out(result, audit)],
        verdict=verdict_lines(result.findings),
        notes=_notes(result.findings),
        gates=[Gate(r["gate"], r["verdict"], r["note"], in_words(r)) for r in result.verdicts],
        together=tally([r["verdict"] for r in result.verdicts]),
        parts=[part for part in parts if part is not None],
        terms=table_parts.terms(result),
        odd_names=_odd_names(result),
    )


def _odd_names(result: AuditTable) -> list[str]:
    """Return the names that hold the mark that texts put around names."""
    columns = [result.rows.columns[name] for name in ("attribute", "group", "contrast")]
    paths = [Path(file.path) for side in _sides(result.header) for file in side]
    files = [name for path in paths for name in (path.name, path.stem)]
    return sorted({name for part in (*columns, files) for name in part if "`" in name})


def _sides(header: Header) -> list[Sequence[File]]:
    return [side for side in (header.audited, header.references) if side]


def _notes(findings: Findings) -> list[str]:
    if not findings.worse:
        return []
    return [*filter(None, [words_explained(findings), explained(findings)])]


def _title(header: Header) -> str:
    names = [Path(side[0].path).name or "model" for side in _sides(header)]
    return f"Audit of {names[0]}" + (f" against {names[1]}" if len(names) > 1 else "")


def _left_out(result: AuditTable, audit: Audit | None) -> list[str]:
    """Return what the page lacks because predictions are not in memory, with the reasons."""
    from pbias.workflows.reports.figures import has_predictions

    what = "calibration curves, distributions of probabilities and examples are left out"
    if audit is None:
        return [
            f"Made from {result.source}, without the logits: {what}, and intervals of numbers "
            "that were chosen for being large are widened by the normal law"
        ]
    why = "Counts hold no rows" if audit.of_counts else "Large files are read in blocks"
    return [] if has_predictions(audit) else [f"{why}: {what}"]


def _today() -> str:
    """Return the date, or that of SOURCE_DATE_EPOCH, so that equal inputs can give equal pages."""
    stamp, zone = os.environ.get("SOURCE_DATE_EPOCH", ""), datetime.UTC
    if stamp.isdigit():
        return datetime.datetime.fromtimestamp(int(stamp), zone).date().isoformat()
    return datetime.datetime.now(zone).date().isoformat()


def _evidence(options: ReportOptions) -> Part | None:
    if not options.evidence:
        return None
    return Part("evidence", "Evidence", sections=options.evidence, folds=NARROW)


def _curves(audit: Audit | None, options: ReportOptions) -> Part | None:
    """Draw curves against sparsity, for the requested groups and attributes."""
    if not options.curves:
        return None
    from pbias.auditing.engine import Options
    from pbias.workflows.compare import compare_runs
    from pbias.workflows.inputs.files import Supplements, check_sides, read_labels, read_side
    from pbias.workflows.reports.figures import of_runs

    o, asked = options, Options() if audit is None else audit.options
    check_sides(o.curves, [], [o.labels])
    how = Supplements(read_labels(o.labels), asked.groups, probabilities=o.probabilities)
    runs = read_side(o.curves, how)
    table = compare_runs(runs, Options(asked.groups, asked.attributes)).rows
    figure = of_runs(table, runs, "sparsity", [])
    return table_parts.figures_part("sparsity", "Against sparsity", [figure])


def _predicted(
    audit: Audit | None, options: ReportOptions, worst: Sequence[tuple[str, str]]
) -> list[Part | None]:
    """Return the parts that need predictions in memory; none for tables and blocks."""
    from pbias.workflows.reports.figures import has_predictions

    if audit is None or not has_predictions(audit):
        if options.images is not None:
            if audit is not None and audit.of_counts:
                raise UserError(
                    f"{argument('images')} needs rows, and counts files hold none; leave it out"
                )
            raise UserError(
                f"{argument('images')} needs all predictions in memory, but large files are read "
                "in blocks; leave it out, or use pbias.audit(..., in_memory=MIB).report(...)"
            )
        return []
    risks, seen = risk_parts.risks(audit), risk_parts.exemplars_of(audit)
    parts = [predicted_parts.predictions(audit, worst)]
    parts += [risk_parts.flags(audit, risks), risk_parts.exemplars(audit, seen)]
    if options.images is not None:
        marks = {name: risk_parts.marks(name, risks, seen) for name, _ in worst}
        found = predicted_parts.examples(audit, options.images, options.examples, worst, marks)
        parts.append(found)
    return parts
