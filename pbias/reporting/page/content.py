"""What a page holds, before it is HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pbias.reporting.charts.figure import Figure
from pbias.reporting.page.pictures import Gallery
from pbias.reporting.sections import Section

NARROW, ALWAYS = "narrow", "always"


@dataclass(frozen=True)
class Term:
    """A word that the page explains: `key` names its entry, `words` are what tables call it."""

    key: str
    title: str
    text: str
    words: Sequence[str] = ()


@dataclass(frozen=True)
class Gate:
    """A gate with its verdict and what decided it."""

    text: str
    verdict: str
    note: str


@dataclass(frozen=True)
class Part:
    """One part of a page: figures, then tables; `key` is its anchor, `intro` says how to read it.

    Figures that are alternatives of each other stand under `choice`, the name of what is chosen.
    Their numbers are in the table of the part `shared`, if not in one of their own; `numbers` is
    such a table, which can be long. Sections that fold are closed at first, on NARROW
    screens or ALWAYS.
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
    """A whole page: what it is about, the verdict in words, gates, parts, and terms explained.

    `notes` say what its intervals are.
    """

    title: str
    facts: Sequence[str]
    verdict: Sequence[str]
    notes: Sequence[str] = ()
    gates: Sequence[Gate] = ()
    parts: Sequence[Part] = ()
    terms: Sequence[Term] = field(default_factory=tuple)

    @property
    def known(self) -> dict[str, str]:
        """The keys of terms by the words for them."""
        return {word: term.key for term in self.terms for word in term.words}

    @property
    def num_pictures(self) -> int:
        """Pictures that the page embeds."""
        return sum(len(part.gallery.pictures) for part in self.parts if part.gallery)
