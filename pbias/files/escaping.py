"""Text from files made harmless, in one place: terminals, Markdown, HTML, JSON and spreadsheets.

Names of groups and attributes, ids and paths come from files that somebody else may have written.
"""

from __future__ import annotations

import html
import re
import unicodedata

MAX_MESSAGE = 4000  # characters of one message; what is cut out is in the middle
JOINERS = "\u200c\u200d"  # Persian, Indic scripts and emoji need them; they move nothing
# Inline markup of GitHub's Markdown, and the beginnings of links that need no markup.
MARKUP = re.compile(
    r"[\\`*\[\]<>|~&$]|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=\bwww)\.", re.IGNORECASE
)
BLOCK = re.compile(r"[#+=:-]|\d+[.)](?!\d)")  # begins a heading, a list or a line
NOT_PRINTABLE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def printable(text: str) -> str:
    r"""Write control characters (line ends among them) and reordering marks as escapes.

    >>> printable("a\x1b[31m\nb")
    'a\\x1b[31m\\nb'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or _harmless(c) else _escape(c) for c in text)


def message(text: str) -> str:
    """Return one line of bounded length for standard error."""
    line = printable(" ".join(text.splitlines()))
    if len(line) <= MAX_MESSAGE:
        return line
    return f"{line[: MAX_MESSAGE - 1000]} [...] {line[-1000:]}"


def markdown(text: str) -> str:
    r"""Escape whatever Markdown would take for more than text.

    >>> markdown("Wearing_Hat [x](http://y) *b*")
    'Wearing_Hat \\[x\\](http\\://y) \\*b\\*'
    """
    return MARKUP.sub(lambda found: "\\" + found[0], printable(text))


def markdown_line(text: str) -> str:
    """Return `markdown` for text that stands at the beginning of a line."""
    text = markdown(text).lstrip()
    found = BLOCK.match(text)
    if found is None:
        return text
    end = found.end() - 1  # before the mark itself: a digit cannot be escaped
    return f"{text[:end]}\\{text[end:]}"


def html_text(text: str) -> str:
    """Escape text for HTML, between tags or in quotes."""
    return html.escape(printable(text))


def json_text(text: str) -> str:
    """Escape the characters of a JSON document that a terminal would obey; its values stay."""
    return NOT_PRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def spreadsheet(cell: str) -> str:
    """Put an apostrophe before text that a spreadsheet would compute.

    >>> spreadsheet("=1+1"), spreadsheet("Male=1")
    ("'=1+1", 'Male=1')
    """
    return "'" + cell if cell.startswith(FORMULA) else cell


def _harmless(character: str) -> bool:
    """Spaces of other widths, and joiners; not the separators of lines."""
    return character in JOINERS or unicodedata.category(character) == "Zs"


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
