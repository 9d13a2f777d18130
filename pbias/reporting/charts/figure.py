"""Charts before they are drawn: Vega-Lite specifications with the numbers that they show.

Specifications are plain dicts, because Vega-Lite is JSON, so making one imports nothing. Names from
files appear only as data and titles, never as names of fields or parts of expressions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pbias.reporting.sections import Section

Spec = dict[str, Any]

SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
# Okabe and Ito (2008), without yellow and black, which are invisible on white and on dark pages.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-right")
DASHES = ([1, 0], [6, 3], [2, 2], [8, 2, 2, 2], [4, 4], [1, 3], [10, 3])
# Dark pages replace these three.
INK, QUIET, LINE = "#333333", "#767676", "#DDDDDD"
ON_COLOR = "#222222"  # for marks on colored cells, whose colors are the same on any page
PADDING = {"left": 28, "right": 28, "top": 5, "bottom": 5}  # in case other fonts are wider
FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"


@dataclass(frozen=True)
class Figure:
    """A chart: `key` is unique on a page, `caption` says how to read it, `data` are its numbers.

    `short` names it among alternatives; `word` is the name of its metric in tables of all numbers.
    """

    key: str
    title: str
    caption: str
    spec: Spec
    data: Section
    short: str = ""
    word: str = ""


def whole(spec: Spec, title: str, subtitle: str = "") -> Spec:
    """Return a complete specification: with a title, and the shared fonts and colors."""
    text = {"text": title, "anchor": "start", "fontSize": 14, "offset": 12}
    if subtitle:
        text |= {"subtitle": subtitle, "subtitleFontSize": 11, "subtitlePadding": 4}
    axis = {
        "labelFont": FONT, "titleFont": FONT, "labelColor": INK, "titleColor": INK,
        "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "gridColor": LINE,
        "domainColor": QUIET, "tickColor": QUIET, "labelLimit": 260,
    }  # fmt: skip
    legend = {
        "labelFont": FONT, "titleFont": FONT, "labelColor": INK, "titleColor": INK,
        "labelFontSize": 12, "titleFontSize": 12, "labelLimit": 260, "symbolSize": 90,
        "symbolOpacity": 1,
        "titleLimit": 300,
    }  # fmt: skip
    titles = {"font": FONT, "subtitleFont": FONT, "color": INK, "subtitleColor": QUIET}
    header = {"labelFont": FONT, "labelColor": INK, "labelFontSize": 12, "titleColor": INK}
    config = {
        "axis": axis, "legend": legend, "title": titles, "header": header,
        "view": {"stroke": LINE}, "font": FONT,
    }  # fmt: skip
    return {
        "$schema": SCHEMA,
        "background": "white",
        "padding": PADDING,
        "title": text,
        "config": config,
        **spec,
    }


def scale_of(names: list[str], what: str) -> Spec:
    """Return the scale of a series by `what` (`color`, `shape` or `dash`), in order of names."""
    values: tuple[Any, ...] = {"color": COLORS, "shape": SHAPES, "dash": DASHES}[what]
    return {"domain": names, "range": [values[i % len(values)] for i in range(len(names))]}


def series(names: list[str], title: str) -> Spec:
    """Return encodings that distinguish series by color and shape, with one legend."""
    if len(names) == 1:
        return {"color": {"value": COLORS[0]}}
    field = {"field": "series", "type": "nominal", "title": title}
    return {
        "color": {**field, "scale": scale_of(names, "color")},
        "shape": {**field, "scale": scale_of(names, "shape")},
    }
