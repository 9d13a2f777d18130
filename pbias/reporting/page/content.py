"""The content of a page, before it becomes HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pbias.reporting.charts.figure import Figure
from pbias.reporting.page.pictures import Gallery
from pbias.reporting.sections import Section

NARROW, ALWAYS = "narrow", "always"


@dataclass(frozen=True)
class Term:
    """A word that the page explains: `key` names its entry, `words` are its names in tables."""

    key: str
    title: str
    text: str
    words: Sequence[str] = ()


@dataclass(frozen=True)
class Gate:
    """A gate with its verdict and the number that decided it.

    `said` is the verdict in words, with how many rows of a pass were not checked.
    """

    text: str
    verdict: str
    note: str
    said: str


@dataclass(frozen=True)
class Part:
    """A part of a page: figures, then tables; `key` is its anchor, `intro` says how to read it.

    Alternative figures stand under `choice`, the name of the choice between them. Their numbers are
    in the table of the part `shared`, if not in one of their own; `numbers` is such a table, which
    can be long. Folding sections start closed, on NARROW screens or ALWAYS.
    """

    key: str
    heading: str
    intro: str = ""
    figures: Sequence[Figure] = ()
    sections: Sequence[Section] = ()
    choice: str = ""
    shared: str = ""
    folds: str = ""
    numbers: Section | None = None
    gallery: Gallery | None = None


@dataclass(frozen=True)
class Page:
    """A whole page: its subject, the verdict as text, gates, parts, and explained terms.

    `together` is the verdict of all gates, and how many have each.

    `notes` describe its intervals. `odd_names` contain a backtick, which texts otherwise put around
    names.
    """

    title: str
    facts: Sequence[str]
    verdict: Sequence[str]
    notes: Sequence[str] = ()
    gates: Sequence[Gate] = ()
    together: str = ""
    parts: Sequence[Part] = ()
    terms: Sequence[Term] = field(default_factory=tuple)
    odd_names: Sequence[str] = ()

    @property
    def known(self) -> dict[str, str]:
        """The keys of terms, by their words."""
        return {word: term.key for term in self.terms for word in term.words}

    @property
    def num_pictures(self) -> int:
        """Number of embedded images."""
        return sum(len(part.gallery.pictures) for part in self.parts if part.gallery)
