"""A forest plot: the largest changes, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

from pbias.auditing.metrics.registry import METRICS
from pbias.reporting.charts.axes import axis_of
from pbias.reporting.charts.cells import HEADER, Cell, cells, is_change
from pbias.reporting.charts.figure import COLORS, INK, QUIET, Figure, Spec, whole
from pbias.reporting.sections import Record, Section

TOP = 15
LEAST = 0.02  # length of the axis
KINDS = ("beyond chance", "may be chance", "few samples")


def forest(records: Sequence[Record], metric: str = "tpr", top: int = TOP) -> Figure | None:
    """Draw the `top` numbers of a metric furthest from 0, with intervals; None without rows.

    Changes beyond chance come first. Each attribute shows only the furthest of the values of one
    group.
    """
    known = [cell for cell in cells(records, metric) if cell.defined]
    if not known:
        return None
    ranked = sorted(known, key=lambda cell: (not cell.holds, -abs(cell.number)))
    first = {(cell.attribute, cell.group): cell for cell in reversed(ranked)}
    order = [cell for cell in ranked if first[cell.attribute, cell.group] is cell][:top]
    label, changed = METRICS[metric].title, is_change(records, metric)
    what = f"change of {label}" if changed and not METRICS[metric].is_change else label
    moved = "What moved most" if changed else "Largest numbers"
    title = f"{moved}: {what}"
    caption = "Each line is a confidence interval: the data are compatible with every value on it."
    caption += _caption(order) if changed else ""
    spec = whole(_spec(order, METRICS[metric].label, what, changed=changed), title)
    data = Section(title, HEADER, [cell.row() for cell in order])
    return Figure(f"forest-{metric}", title, caption, spec, data, METRICS[metric].title)


def _caption(order: Sequence[Cell]) -> str:
    """Return how the changes are ordered, and which of the drawn lines may be chance."""
    chance = [cell for cell in order if not cell.holds]
    said = " The largest changes come first."
    if order[0].holds and chance:
        said = " Changes beyond chance come first, then the others, each by size."
    if any(cell.low <= 0 <= cell.high for cell in chance):
        said += " A line that crosses 0 may be chance."
    if any(cell.low > 0 or cell.high < 0 for cell in chance):
        said += " One beside 0 may be chance too, because many numbers were looked at."
    return said


def _kind(cell: Cell) -> str:
    if cell.holds:
        return KINDS[0]
    return KINDS[2] if cell.few else KINDS[1]


def _spec(order: Sequence[Cell], label: str, what: str, *, changed: bool) -> Spec:
    names = [f"{cell.attribute}, {cell.place}" for cell in order]
    values: list[Spec] = [
        {
            "name": name,
            "number": cell.number,
            "low": cell.low if cell.low == cell.low else cell.number,
            "high": cell.high if cell.high == cell.high else cell.number,
            "kind": _kind(cell),
            "text": cell.text(label),
        }
        for name, cell in zip(names, order, strict=True)
    ]
    y = {"field": "name", "type": "nominal", "sort": names, "title": None}
    title = f"{what} (difference of shares)" if changed else f"{what} (share)"
    numbers = [v[key] for v in values for key in ("number", "low", "high")]
    numbers += [0.0] if changed else []
    x = {"field": "low", "type": "quantitative", "title": title,
         **axis_of(numbers, least=LEAST, most_ticks=7)}  # fmt: skip
    kinds = [kind for kind in KINDS if any(v["kind"] == kind for v in values)]
    at = [KINDS.index(kind) for kind in kinds]
    field = {"field": "kind", "type": "nominal", "title": None}
    shown: Spec = {"color": {"value": COLORS[0]}}
    if changed:
        palette, shapes = (COLORS[1], COLORS[0], QUIET), ("circle", "square", "diamond")
        shown = {
            "color": {**field, "scale": {"domain": kinds, "range": [palette[i] for i in at]}},
            "shape": {**field, "scale": {"domain": kinds, "range": [shapes[i] for i in at]}},
        }
    text = {"description": {"field": "text"}}
    bars = {key: part for key, part in shown.items() if key == "color"}
    zero = {"mark": {"type": "rule", "color": INK, "aria": False}, "encoding": {"x": {"datum": 0}}}
    layers: list[Spec] = [
        {"mark": {"type": "rule", "strokeWidth": 2, "aria": False},
         "encoding": {"x": x, "x2": {"field": "high"}, "y": y, **bars}},
        {"mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
         "encoding": {"x": {**x, "field": "number"}, "y": y, **shown, **text}},
    ]  # fmt: skip
    return {
        "data": {"values": values},
        "width": 380,
        "height": {"step": 20},
        "layer": ([zero] if changed else []) + layers,
    }
