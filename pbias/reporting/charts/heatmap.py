"""A heat map: attributes by group values, colored by change."""

from __future__ import annotations

from collections.abc import Sequence

from pbias.auditing.metrics.registry import METRICS
from pbias.reporting.charts.cells import HEADER, Cell, cells, is_change
from pbias.reporting.charts.figure import INK, ON_COLOR, PADDING, Figure, Spec, whole
from pbias.reporting.sections import Record, Section

STEPS = (22, 18)  # smallest width and height of a cell
LARGEST = (72, 28)
ROOM = (330, 400)  # in which cells that are larger than the smallest have to fit
GAP = 0.06  # between cells, as a share of a step
SMALLEST = 0.05  # smallest range of the color scale, so that noise alone is pale
# The title of the rows stands above them; beside them, it would overlap long names.
ABOVE = {
    "titleAngle": 0, "titleAlign": "right", "titleBaseline": "bottom", "titleX": -8, "titleY": -6,
}  # fmt: skip
MARKS = {
    "rose, beyond chance": "triangle-up",
    "fell, beyond chance": "triangle-down",
    "few samples": "M-1,0L0,-1M-1,1L1,-1M0,1L1,0",  # hatching
    "undefined": "M-1,-1L1,1M-1,1L1,-1",
}
EXPLAINED = {
    ("rose, beyond chance", "fell, beyond chance"): "A triangle marks a change beyond chance, "
    "corrected for how many numbers were looked at.",
    ("few samples",): "Hatched cells rest on few samples.",
    ("undefined",): "Crossed cells are undefined.",
}
SIZES = {"few samples": 220, "undefined": 110}  # square pixels, in the smallest cell
SIGN_SIZE = 45


def heatmap(records: Sequence[Record], metric: str = "tpr") -> Figure | None:
    """Draw a metric by attribute and group value; None if no row has one.

    With a reference, draw its change, the attributes with the largest changes first. Marks show
    numbers that are beyond chance, have few samples, or are undefined.
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
    spec["padding"] = PADDING | {"right": PADDING["right"] + _missing_width(found, title)}
    marks = {mark for cell in found for mark in cell.marks}
    said = [text for names, text in EXPLAINED.items() if marks & set(names)]
    caption = " ".join(["Rows are sorted by their largest number.", *said])
    data = Section(title, HEADER, [cell.row() for cell in found])
    short, word = METRICS[metric].title, METRICS[metric].label
    return Figure(f"heatmap-{metric}", title, caption, spec, data, short, word)


def _missing_width(found: Sequence[Cell], title: str) -> int:
    """Estimate by how many pixels the title is wider than the map with its names and legend."""
    names = max(len(cell.attribute) for cell in found)
    places = len({cell.place for cell in found})
    return max(0, 9 * len(title) - 5 * names - _step(places, 0) * places - 100)


def _step(num: int, side: int) -> int:
    """Return the width (side 0) or height (side 1) of a cell: larger where cells are few."""
    return max(STEPS[side], min(LARGEST[side], ROOM[side] // num))


def _spec(found: Sequence[Cell], label: str, what: str, *, changed: bool) -> Spec:
    attributes = list(dict.fromkeys(cell.attribute for cell in found))
    places = list(dict.fromkeys(cell.place for cell in found))
    width, height = _step(len(places), 0), _step(len(attributes), 1)
    larger = (min(width, height) / STEPS[1]) ** 2
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
    signs = [
        {"attribute": cell.attribute, "place": cell.place, "mark": mark}
        for mark in reversed(MARKS)  # triangles are drawn over hatching
        for cell in found
        if mark in cell.marks
    ]
    known = [name for name in MARKS if any(sign["mark"] == name for sign in signs)]
    legend = {"title": "mark", "symbolStrokeColor": INK}
    shape = {
        "field": "mark", "type": "nominal", "legend": legend,
        "scale": {"domain": known, "range": [MARKS[name] for name in known]},
    }  # fmt: skip
    # Without a type, the size scale would space values evenly, and a single one at 0.
    size_of = {
        "field": "mark", "type": "nominal", "legend": legend,
        "scale": {"type": "ordinal", "domain": known,
                  "range": [round(larger * SIZES.get(name, SIGN_SIZE)) for name in known]},
    }  # fmt: skip
    block = {"mark": {"type": "rect", "invalid": None}}
    where = {k: at[k] for k in ("x", "y")}
    sign = {
        "mark": {"type": "point", "color": ON_COLOR, "filled": False, "strokeWidth": 1.1,
                 "opacity": 1, "aria": False},
        "data": {"values": [sign for sign in signs if sign["mark"] in SIZES]},
        "encoding": {**where, "shape": shape, "size": size_of},
    }  # fmt: skip
    layers: list[Spec] = [{**block, "encoding": {**at, "color": color}}]
    layers += [sign] if known else []
    layers += [_filled(name, signs, where, larger) for name in known if name not in SIZES]
    return {
        "data": {"values": values},
        "width": {"step": width},
        "height": {"step": height},
        "layer": layers,
    }


def _filled(name: str, signs: list[Spec], where: Spec, larger: float) -> Spec:
    """Return a mark filled with color, visible on hatching; the legend shows its outline."""
    mark = {
        "type": "point", "shape": MARKS[name], "size": round(larger * SIGN_SIZE), "color": ON_COLOR,
        "filled": True, "opacity": 1, "aria": False,
    }  # fmt: skip
    values = [sign for sign in signs if sign["mark"] == name]
    return {"mark": mark, "data": {"values": values}, "encoding": where}
