"""Escaping of untrusted text for terminals, Markdown, HTML, JSON and spreadsheets.

Names of groups and attributes, ids and paths come from files that somebody else may have written.
"""

from __future__ import annotations

import re
import unicodedata

MAX_MESSAGE = 4000  # characters of one message; longer ones are cut in the middle
JOINERS = "\u200c\u200d"  # needed by Persian, Indic scripts and emoji; they move no text
# Inline markup of GitHub's Markdown, and prefixes that become links without markup.
MARKUP = re.compile(
    r"[\\`*\[\]<>|~&$]|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=\bwww)\.", re.IGNORECASE
)
BLOCK = re.compile(r"[#+=:-]|\d+[.)](?!\d)")  # starts a heading, a list or a rule
NOT_PRINTABLE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def printable(text: str) -> str:
    r"""Escape control characters (including line ends) and reordering marks.

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
    r"""Escape all Markdown syntax in a text.

    >>> markdown("Wearing_Hat [x](http://y) *b*")
    'Wearing_Hat \\[x\\](http\\://y) \\*b\\*'
    """
    return MARKUP.sub(lambda found: "\\" + found[0], printable(text))


def markdown_line(text: str) -> str:
    """Return `markdown` for text at the beginning of a line."""
    text = markdown(text).lstrip()
    found = BLOCK.match(text)
    if found is None:
        return text
    end = found.end() - 1  # stop before the mark itself, because a digit cannot be escaped
    return f"{text[:end]}\\{text[end:]}"


def html_text(text: str) -> str:
    """Escape text for HTML, between tags or in quotes."""
    import html  # for pages alone, and slow to import

    return html.escape(printable(text))


def json_text(text: str) -> str:
    """Escape characters of a JSON document that control a terminal; keep its values."""
    return NOT_PRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def spreadsheet(cell: str) -> str:
    """Put an apostrophe before text that a spreadsheet would evaluate.

    >>> spreadsheet("=1+1"), spreadsheet("Male=1")
    ("'=1+1", 'Male=1')
    """
    return "'" + cell if cell.startswith(FORMULA) else cell


def _harmless(character: str) -> bool:
    """Return whether a character is a harmless space or joiner, not a line separator."""
    return character in JOINERS or unicodedata.category(character) == "Zs"


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
