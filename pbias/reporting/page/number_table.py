"""The numbers of an audit in one table, which a page can filter and sort."""

from __future__ import annotations

from collections.abc import Sequence

from pbias.auditing.findings.candidates import spoken_metrics
from pbias.auditing.metrics.registry import METRICS
from pbias.reporting.charts.cells import HEADER, Cell, every_cell
from pbias.reporting.sections import Record, Section

MAX_ROWS = 2400  # about 0.3 MB


def number_table(records: Sequence[Record], max_rows: int = MAX_ROWS) -> Section:
    """Return each metric of each attribute, for everyone and by group value, the surest first.

    The metrics of verdicts precede the others. Contrasts are left out, and so are rows beyond
    `max_rows`, which a note mentions.
    """
    first = spoken_metrics(records)
    names = dict.fromkeys([*first, *(record["metric"] for record in records)])
    by_metric: dict[str, list[Record]] = {name: [] for name in names}
    for record in records:
        by_metric[record["metric"]].append(record)
    found = [(name, cell) for name in names for cell in every_cell(by_metric[name], name)]
    found.sort(key=lambda one: (one[0] not in first, *_rank(one[1])))
    rows = [_row(METRICS[name].label or name, cell) for name, cell in found[:max_rows]]
    header = [*HEADER[:2], "metric", *HEADER[2:]]
    rest = len(found) - len(rows)
    note = f"{rest} more numbers are in the table that `pbias metrics -o table.csv` writes."
    return Section("Numbers by attribute, group and metric", header, rows, [note] if rest else [])


def _rank(cell: Cell) -> tuple[bool, bool, float]:
    """Rank numbers beyond chance first, undefined ones last, and large ones before small ones."""
    nearer = max(cell.low, -cell.high) if cell.low == cell.low else 0.0
    return not cell.holds, not cell.defined, -nearer if nearer == nearer else 0.0


def _row(metric: str, cell: Cell) -> list[str]:
    attribute, place, *rest = cell.row()
    if not cell.defined:
        rest[-1] = f"undefined: {cell.reason}"
    return [attribute, place, metric, *("" if text == "-" else text for text in rest)]
