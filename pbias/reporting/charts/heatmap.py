"""A heat map: attributes by group values, colored by what changed."""

from __future__ import annotations

from collections.abc import Sequence

from pbias.auditing.metrics.registry import METRICS
from pbias.reporting.charts.cells import HEADER, Cell, cells, is_change
from pbias.reporting.charts.figure import INK, ON_COLOR, Figure, Spec, whole
from pbias.reporting.sections import Record, Section

STEP = 18
GAP = 0.06  # between cells, of a step
SMALLEST = 0.05  # of the scale of colors: noise alone is pale
# The title of the rows stands over them: beside them, long names run into it.
ABOVE = {
    "titleAngle": 0, "titleAlign": "right", "titleBaseline": "bottom", "titleX": -8, "titleY": -6,
}  # fmt: skip
MARKS = {
    "rose, beyond chance": "triangle-up",
    "fell, beyond chance": "triangle-down",
    "few samples": "M-1,1L1,-1",
    "undefined": "M-1,-1L1,1M-1,1L1,-1",
}


def heatmap(records: Sequence[Record], metric: str = "tpr") -> Figure | None:
    """Draw a metric by attribute and group value; None where no row has one.

    With a reference, its change: attributes with the largest first. Marks say what is beyond
    chance, carried by few samples, or undefined.
    """
    found = cells(records, metric)
    if not any(cell.defined for cell in found):
        return None
    label, changed = METRICS[metric].title, is_change(records, metric)
    what = (
        f"Change of {label}"
        if changed and not METRICS[metric].is_change
        else label[0].upper() + label[1:]
    )
    title = f"{what}, by attribute and group"
    spec = whole(_spec(found, METRICS[metric].label, what, changed=changed), title)
    caption = (
        "Rows are sorted by their largest number. A triangle marks a change that is beyond chance, "
        "corrected for how many numbers were looked at; a slash marks a number that few samples "
        "carry, and a cross one that is undefined."
    )
    data = Section(title, HEADER, [cell.row() for cell in found])
    return Figure(f"heatmap-{metric}", title, caption, spec, data, METRICS[metric].title)


def _spec(found: Sequence[Cell], label: str, what: str, *, changed: bool) -> Spec:
    attributes = list(dict.fromkeys(cell.attribute for cell in found))
    places = list(dict.fromkeys(cell.place for cell in found))
    size = {
        name: max((abs(c.number) for c in found if c.attribute == name and c.defined), default=-1)
        for name in attributes
    }
    attributes.sort(key=lambda name: -size[name])
    values = [
        {
            "attribute": cell.attribute,
            "place": cell.place,
            "number": round(cell.number, 4) if cell.defined else None,
            "mark": cell.mark,
            "text": cell.text(label),
        }
        for cell in found
    ]
    most = max([SMALLEST, *size.values()])
    diverging = {"domain": [-most, 0, most], "range": ["#B35806", "#F7F7F7", "#2166AC"]}
    rising = {"domain": [0, max(1.0, most)], "range": ["#F7FBFF", "#6BAED6", "#08306B"]}
    at = {
        "x": {
            "field": "place", "type": "nominal", "sort": places, "title": "group value",
            "axis": {"orient": "top", "labelAngle": -45, "grid": False},
            "scale": {"paddingInner": GAP},
        },
        "y": {
            "field": "attribute", "type": "nominal", "sort": attributes, "title": "attribute",
            "axis": ABOVE, "scale": {"paddingInner": GAP},
        },
        "description": {"field": "text"},
    }  # fmt: skip
    color = {
        "condition": {"test": "datum.number === null", "value": "white"},
        "field": "number", "type": "quantitative",
        "scale": {**(diverging if changed else rising), "interpolate": "lab", "clamp": True},
        "legend": {"title": f"change of {label}" if changed else label, "gradientLength": 140,
                   "format": "+.2f" if changed else ".2f"},
    }  # fmt: skip
    known = [name for name in MARKS if any(cell.mark == name for cell in found)]
    shape = {
        "field": "mark", "type": "nominal",
        "scale": {"domain": known, "range": [MARKS[name] for name in known]},
        "legend": {"title": "mark", "symbolStrokeColor": INK},
    }  # fmt: skip
    block = {"mark": {"type": "rect", "invalid": None}}
    sign = {
        "mark": {"type": "point", "size": 40, "color": ON_COLOR, "filled": False,
                 "strokeWidth": 1.2, "aria": False},
        "transform": [{"filter": "datum.mark !== ''"}],
        "encoding": {**{k: at[k] for k in ("x", "y")}, "shape": shape},
    }  # fmt: skip
    layers: list[Spec] = [{**block, "encoding": {**at, "color": color}}]
    return {
        "data": {"values": values},
        "width": {"step": STEP + 4},
        "height": {"step": STEP},
        "layer": layers + ([sign] if known else []),
    }
