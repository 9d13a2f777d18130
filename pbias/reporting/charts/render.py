"""Render charts as SVG, PNG and PDF with vl-convert, which needs no browser and no network."""

from __future__ import annotations

import json
import re
from typing import Any

from pbias.errors import UserError
from pbias.extras import load_extra
from pbias.files.escaping import html_text, json_text
from pbias.reporting.charts.figure import Figure

try:
    import resource
except ImportError:  # on Windows
    resource = None  # type: ignore[assignment]

ADDRESS_SPACE = 96 << 30  # with less, vl-convert's JavaScript engine aborts the process
VERSION = "5.20"  # of Vega-Lite, fixed so that a newer vl-convert draws the same
SCALE = 2.0  # pixels per unit, for high-resolution screens
_OPENING = re.compile(r"<svg [^>]*?(viewBox=\"[\d. ]+\")[^>]*>")
_ID = re.compile(r'(\bid="|url\(#|href="#)([\w-]+)')
_ROLE = re.compile(r' aria-roledescription="(?:(?:rect|point|symbol|path|line|rule) mark|point)"')
_DEFAULT = re.compile(r' opacity="1"(?=[^>]*/>)')
_EMPTY = re.compile(r'<path [^>]*d="M0,0h0v0h0Z"[^>]*/>')
_GEOMETRY = re.compile(r' (?:d|transform|x|y|x1|x2|y1|y2)="[^"]*"')
_DIGITS = re.compile(r"\.(?:0\d+|([1-9])\d*)")
_RGB = re.compile(r"rgb\((\d+), (\d+), (\d+)\)")
_WHITE = re.compile(r'<rect width="[\d.]+" height="[\d.]+" fill="white"\s*/>')


def converter() -> Any:
    """Return the module `vl_convert`; UserError if it is not installed or cannot run."""
    found = load_extra("vl_convert", "report", "drawing charts")
    limit = _address_space()
    if limit is not None and limit < ADDRESS_SPACE:
        raise UserError(
            f"drawing charts reserves {ADDRESS_SPACE >> 30} GiB of addresses (not of memory), and "
            f"this process may have {limit / 2**30:.1f}; raise the limit, as with 'ulimit -v'"
        )
    return found


def _address_space() -> int | None:
    """Return the limit of this process's address space; None if there is none."""
    if resource is None:
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def _converted(form: str, figure: Figure, **options: Any) -> Any:
    convert = getattr(converter(), f"vegalite_to_{form}")
    try:
        return convert(figure.spec, vl_version=VERSION, **options)
    except ValueError as error:  # its JavaScript engine fails with tens of thousands of marks
        reason = str(error).strip().splitlines()
        raise UserError(
            f"vl-convert cannot draw the chart '{figure.key}' ({' '.join(reason[:2])}); choose "
            "fewer attributes with --attributes"
        ) from error


def svg(figure: Figure) -> str:
    """Render the chart as a standalone SVG; equal charts give equal bytes in any order."""
    text = str(_converted("svg", figure))
    numbers: dict[str, int] = {}

    def renamed(found: re.Match[str]) -> str:
        return f"{found[1]}{figure.key}-{numbers.setdefault(found[2], len(numbers))}"

    return _ID.sub(renamed, text)


def png(figure: Figure) -> bytes:
    """Render the chart as pixels, two per unit."""
    return bytes(_converted("png", figure, scale=SCALE))


def pdf(figure: Figure) -> bytes:
    """Render the chart as one PDF page of its own size."""
    return bytes(_converted("pdf", figure))


def vega_lite(figure: Figure) -> str:
    """Return the specification with its data, for Altair and the Vega editor."""
    text = json.dumps(figure.spec, indent=1, ensure_ascii=False, allow_nan=False)
    return json_text(text) + "\n"


def inline_svg(figure: Figure) -> str:
    """Render the chart for an HTML page: titled, as wide as its frame, with unique ids.

    The background is that of the page, whose style sheet replaces the colors of text and lines.
    """
    text = svg(figure)
    text = _ROLE.sub("", _WHITE.sub("", text, count=1))
    text = _EMPTY.sub("", _DEFAULT.sub("", text))
    text = _GEOMETRY.sub(lambda found: _DIGITS.sub(_tenths, found[0]), text)
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


def _tenths(decimals: re.Match[str]) -> str:
    """Return the first decimal, the last visible one; nothing for 0."""
    return f".{decimals[1]}" if decimals[1] else ""
