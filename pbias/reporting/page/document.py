"""Pages as HTML in a single file; Jinja2 escapes all names and numbers.

A page makes no request, and its content security policy forbids requests. The only script that the
policy allows is the page's own, by its digest. Without scripts everything can be read.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from typing import Any

from pbias.extras import load_extra
from pbias.files.escaping import html_text, printable
from pbias.reporting.charts.figure import Figure
from pbias.reporting.charts.render import inline_svg
from pbias.reporting.page.content import Page
from pbias.reporting.sections import Section, num_of

_CODE = r"`([^`]+)`"
_MINUS = re.compile(r"(?<![\w.-])-(?=\d)")
_INTERVAL = re.compile(r"(?<=\[)([+−]?\d[\d.]*,) (?=[+−]?\d[\d.]*\])")


def render_page(page: Page) -> str:
    """Return the whole page; UserError if Jinja2 or vl-convert are not installed."""
    return _render("audit.html.jinja", page.odd_names, page=page, known=page.known)


def figure_page(figure: Figure) -> str:
    """Return a page of one chart and its numbers."""
    return _render("figure.html.jinja", (), figure=figure, known={})


def minus(text: str) -> str:
    """Replace hyphens before numbers by the minus sign, which is as wide as a plus.

    >>> minus("-0.070 [-0.1, +0.2], 20-30")
    '−0.070 [−0.1, +0.2], 20-30'
    """
    return _MINUS.sub("−", text)


def unbroken(text: str) -> str:
    """Make intervals in a text unbreakable.

    >>> unbroken("fell by 0.1 [0.0, 0.2], or 1")
    'fell by 0.1 [0.0,\\xa00.2], or 1'
    """
    return _INTERVAL.sub("\\1\xa0", text)


def breakable(path: str) -> str:
    """Return a path as HTML that may break after its separators, and not within an ending.

    >>> breakable("a/b_1<.jpg")
    'a/<wbr>b_<wbr>1&lt;.jpg'
    """
    return "<wbr>".join(html_text(part) for part in re.split(r"(?<=[/\\_-])", printable(path)))


def code(text: str, odd_names: Sequence[str] = ()) -> str:
    """Return a text as HTML, in which names and commands in backticks are code.

    `odd_names` hold backticks, which stay: those of a name that is code, and of one that is not.

    >>> code("accuracy of `<b>` fell"), code("`a`b` and `c` for a`b", ["a`b"])
    ('accuracy of <code>&lt;b&gt;</code> fell', '<code>a`b</code> and <code>c</code> for a`b')
    """
    names = {html_text(shown) for name in odd_names for shown in (name, minus(name))}
    longest = sorted(map(re.escape, names), key=len, reverse=True)
    spans = [*(f"`({name})`" for name in longest), *longest, _CODE]

    def tagged(match: re.Match[str]) -> str:
        inner = next(filter(None, match.groups()), None)
        return match[0] if inner is None else f"<code>{inner}</code>"

    return re.sub("|".join(spans), tagged, html_text(text))


def _render(name: str, odd_names: Sequence[str], **values: Any) -> str:
    jinja2 = load_extra("jinja2", "report", "writing an HTML page")
    safe = load_extra("markupsafe", "report", "writing an HTML page").Markup
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(_templates()),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: printable(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = _file("script.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals |= {
        "style": safe(_file("style.css")),
        "script": safe(script),
        "policy": safe(
            "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
            f"script-src 'sha256-{digest}'"
        ),
    }
    environment.filters |= {
        "minus": minus,
        "unbroken": unbroken,
        "code": lambda text: safe(code(text, odd_names)),
        "lines": lambda texts: safe("&#10;").join(map(printable, texts)),
        "columns": _numeric,
        "num_of": num_of,
        "used": _used,
        "svg": lambda figure: safe(inline_svg(figure)),
        "breakable": lambda text: safe(breakable(text)),
        "jpeg": lambda data: safe(f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"),
    }
    return str(environment.get_template(name).render(**values))


def _numeric(section: Section) -> str:
    """Return the CSS classes of a table: right-aligned columns, cells to fill in by hand."""
    by_hand = bool(section.rows) and not any(cell for row in section.rows for cell in row[1:])
    numeric = [f"n{i + 1}" for i in range(len(section.header)) if section.numeric(i)]
    return " ".join([*numeric, "form"] if by_hand else numeric)


def _used(section: Section) -> Section:
    """Return the section without columns that have neither a name nor a cell."""
    keep = [
        i for i, name in enumerate(section.header) if name or any(row[i] for row in section.rows)
    ]
    rows = [[row[i] for i in keep] for row in section.rows]
    return replace(section, header=[section.header[i] for i in keep], rows=rows)


def _templates() -> dict[str, str]:
    names = ("audit.html.jinja", "figure.html.jinja", "parts.html.jinja")
    return {name: _file(name) for name in names}


def _file(name: str) -> str:
    return (resources.files(__package__) / "templates" / name).read_text(encoding="utf-8")
