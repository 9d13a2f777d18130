"""Parts of a page that need only the table of an audit."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING

from pbias.reporting.page.content import Part, Term

if TYPE_CHECKING:
    from pbias.auditing.gates.verdicts import Outcome
    from pbias.auditing.metrics.entry import Metric
    from pbias.reporting.charts.figure import Figure
    from pbias.workflows.results import AuditTable

METRICS = ("tpr", "fpr", "accuracy")
MAX_CELLS = 2000  # in all heat maps beyond the first, which determine most of a page's size


def worst(result: AuditTable) -> list[tuple[str, str]]:
    """Return attributes, each once, with the group that moved most, the worst first."""
    from pbias.reporting.charts.cells import cells

    records = result.rows.records()
    known = [cell for cell in cells(records, "tpr") if cell.defined]
    ranked = sorted(known, key=lambda cell: (not cell.holds, cell.few, -abs(cell.number)))
    pairs = [(finding.attribute, finding.group) for finding in result.findings.worse]
    pairs += [(cell.attribute, cell.group) for cell in ranked]
    pairs += [(record["attribute"], "") for record in records]
    found: dict[str, str] = {}
    for attribute, group in filter(itemgetter(0), pairs):
        found.setdefault(attribute, group)
    return list(found.items())


def moved(result: AuditTable) -> Part | None:
    """Draw heat maps of attributes by group values."""
    from pbias.reporting.charts.heatmap import heatmap

    records = result.rows.records()
    figures: list[Figure] = []
    for name in METRICS:
        figure = heatmap(records, name)
        num_cells = sum(len(one.data.rows) for one in [*figures, figure] if one)
        if figure and (not figures or num_cells <= MAX_CELLS):
            figures.append(figure)
    intro = "Each cell is one attribute in one group value. Choose a cell for its numbers."
    heading, choice = "Where, at a glance", "Metric of the heat map"
    return figures_part("moved", heading, figures, intro, choice=choice, shared="numbers")


def numbers(result: AuditTable) -> Part:
    """Return all numbers that fit on a page."""
    from pbias.reporting.page.number_table import number_table

    table = number_table(result.rows.records())
    intro = (
        "Numbers beyond chance come first, then those whose interval is furthest from 0, then the "
        "largest. With scripts, a heading sorts by its column; words filter rows, and words in "
        "quotation marks are whole cells."
    )
    return Part("numbers", "All numbers", " ".join([intro, *table.notes]), numbers=table)


def largest(result: AuditTable) -> Part | None:
    """Draw forest plots of the largest changes."""
    from pbias.reporting.charts.forest import forest

    records = result.rows.records()
    figures = [figure for name in METRICS if (figure := forest(records, name))]
    heading = "What is largest, and how sure"
    return figures_part("largest", heading, figures, choice="Metric of the forest plot")


def gates(outcomes: Sequence[Outcome]) -> Part | None:
    """Draw the bounds of gates on the deciding intervals; a stored table has no outcomes."""
    from pbias.reporting.charts.gates import gates

    figure = gates(outcomes)
    return figures_part("gates", "Gates", [figure] if figure else [])


def groups(result: AuditTable) -> Part | None:
    """Return the rates of each group value, as a chart and as tables."""
    from pbias.reporting.charts.groups import groups

    figure, values = groups(result.rows.records()), result.values()
    figures = [] if figure is None else [figure]
    return Part("groups", "Each group value", figures=figures, sections=values) if values else None


def figures_part(
    key: str,
    heading: str,
    figures: Sequence[Figure],
    intro: str = "",
    *,
    choice: str = "",
    shared: str = "",
) -> Part | None:
    """Return a part of figures; None without any."""
    return Part(key, heading, intro, figures, choice=choice, shared=shared) if figures else None


def terms(result: AuditTable) -> list[Term]:
    """Return symbols, metrics and columns to explain, with the text of `pbias explain`."""
    from pbias.auditing.metrics.explain import COLUMNS, LEGEND
    from pbias.auditing.metrics.registry import METRICS

    names = dict.fromkeys(result.rows.columns["metric"])
    columns = [
        Term(name, f"{name}: {one.title}", f"{one.content}. Empty: {one.empty}.")
        for name, one in COLUMNS.items()
    ]
    meanings = "; ".join(f"{symbols}: {meaning}" for symbols, meaning in LEGEND.items())
    symbols = Term("symbols", "Symbols in formulas", f"{meanings}.")
    return [symbols, *(_term(METRICS[name]) for name in names), *columns]


def _term(metric: Metric) -> Term:
    m = metric
    words = filter(None, (m.label, m.mean_title, m.name, m.name.replace("_", " ")))
    text = (
        f"{m.plain} Formula: {m.formula}. Range: {m.range}. Good: {m.better}. Undefined: "
        f"{m.undefined}."
    )
    title = m.name if m.name == m.title else f"{m.name}: {m.title}"
    return Term(m.name, title, text, list(dict.fromkeys(words)))
