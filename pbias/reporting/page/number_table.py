"""The numbers of an audit in one table, which a page can filter and sort."""

from __future__ import annotations

from collections.abc import Sequence

from pbias.auditing.findings.candidates import spoken_metrics
from pbias.auditing.metrics.registry import METRICS
from pbias.reporting.charts.cells import HEADER, Cell, every_cell
from pbias.reporting.sections import Record, Section, with_legend

MAX_ROWS = 2400  # about 0.3 MB


def number_table(records: Sequence[Record], max_rows: int = MAX_ROWS) -> Section:
    """Return each metric of each attribute, for everyone and by group value, the surest first.

    Contrasts are left out. So are rows beyond `max_rows`, which a note mentions; those of the
    metrics of verdicts are kept longest, because charts refer to them.
    """
    first = spoken_metrics(records)
    names = dict.fromkeys([*first, *(record["metric"] for record in records)])
    by_metric: dict[str, list[Record]] = {name: [] for name in names}
    for record in records:
        by_metric[record["metric"]].append(record)
    found = [(name, cell) for name in names for cell in every_cell(by_metric[name], name)]
    found.sort(key=lambda one: (one[0] not in first, *_rank(one[1])))
    kept = sorted(found[:max_rows], key=lambda one: _rank(one[1]))
    rows = [_row(METRICS[name].label or name, cell) for name, cell in kept]
    header = [*HEADER[:2], "metric", *HEADER[2:]]
    rest = len(found) - len(rows)
    note = f"{rest} more numbers are in the table that `pbias metrics -o table.csv` writes."
    title, notes = "Numbers by attribute, group and metric", [note] if rest else []
    return with_legend(Section(title, header, rows, notes))


def _rank(cell: Cell) -> tuple[bool, bool, float, float]:
    """Rank numbers beyond chance first, undefined ones last.

    Between them, the order is by the distance of the interval from 0, then by size.
    """
    distance = max(cell.low, -cell.high, 0.0) if cell.low == cell.low else 0.0
    size = abs(cell.number) if cell.defined else 0.0
    return not cell.holds, not cell.defined, -distance, -size


def _row(metric: str, cell: Cell) -> list[str]:
    attribute, place, *rest = cell.row()
    if not cell.defined:
        rest[-1] = f"undefined: {cell.reason}"
    return [attribute, place, metric, *("" if text == "-" else text for text in rest)]
