"""Charts drawn: SVG, PNG and PDF by vl-convert, which needs no browser and no network."""

from __future__ import annotations

import json
import re
from typing import Any

from pbias.extras import load_extra
from pbias.files.escaping import html_text, json_text
from pbias.reporting.charts.figure import Figure

VERSION = "5.20"  # of Vega-Lite, so that a newer vl-convert draws the same
SCALE = 2.0  # pixels a unit, for screens of high resolution
_OPENING = re.compile(r"<svg [^>]*?(viewBox=\"[\d. ]+\")[^>]*>")
_ID = re.compile(r'(\bid="|url\(#|href="#)([\w-]+)')
_ROLE = re.compile(r' aria-roledescription="(?:rect|point|symbol|path|line|rule) mark"')
_GEOMETRY = re.compile(r' (?:d|transform|x|y|x1|x2|y1|y2)="[^"]*"')
_DIGITS = re.compile(r"(\.\d\d)\d+")
_RGB = re.compile(r"rgb\((\d+), (\d+), (\d+)\)")
_WHITE = re.compile(r'<rect width="[\d.]+" height="[\d.]+" fill="white"\s*/>')


def converter() -> Any:
    """The module `vl_convert`; raises UserError where it is not installed."""
    return load_extra("vl_convert", "report", "drawing charts")


def svg(figure: Figure) -> str:
    """The chart as a file of its own."""
    return str(converter().vegalite_to_svg(figure.spec, vl_version=VERSION))


def png(figure: Figure) -> bytes:
    """The chart as pixels, two a unit."""
    return bytes(converter().vegalite_to_png(figure.spec, vl_version=VERSION, scale=SCALE))


def pdf(figure: Figure) -> bytes:
    """The chart as one page of its own size."""
    return bytes(converter().vegalite_to_pdf(figure.spec, vl_version=VERSION))


def vega_lite(figure: Figure) -> str:
    """The specification with its data, which Altair and the Vega editor read."""
    text = json.dumps(figure.spec, indent=1, ensure_ascii=False, allow_nan=False)
    return json_text(text) + "\n"


def inline_svg(figure: Figure) -> str:
    """The chart for an HTML page: named, as wide as its frame, its ids unlike those of others.

    The background is that of the page, whose style sheet replaces the colors of text and lines.
    """
    text = svg(figure)
    text = _ID.sub(lambda found: f"{found[1]}{figure.key}-{found[2]}", text)
    text = _ROLE.sub("", _WHITE.sub("", text, count=1))
    text = _GEOMETRY.sub(lambda found: _DIGITS.sub(r"\1", found[0]), text)
    text = _RGB.sub(lambda found: "#" + "".join(f"{int(c):02x}" for c in found.groups()), text)
    name = html_text(figure.title)
    found = _OPENING.match(text)
    assert found is not None, "vl-convert begins with an <svg> that has a viewBox"
    width = found[1].split()[2]
    opening = (
        f'<svg {found[1]} width="{width}" role="graphics-document" aria-label="{name}" '
        f'style="max-width:100%;min-width:min({width}px,30rem);height:auto">'
    )
    return f"{opening}<title>{name}</title>{text[found.end() :]}"
