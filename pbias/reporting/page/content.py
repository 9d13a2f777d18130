"""What a page holds, before it is HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pbias.reporting.charts.figure import Figure
from pbias.reporting.page.pictures import Gallery
from pbias.reporting.sections import Section


@dataclass(frozen=True)
class Term:
    """A word that the page explains: `key` names its entry."""

    key: str
    title: str
    text: str


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
    """

    key: str
    heading: str
    intro: str = ""
    figures: Sequence[Figure] = ()
    sections: Sequence[Section] = ()
    choice: str = ""
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
    def num_pictures(self) -> int:
        """Pictures that the page embeds."""
        return sum(len(part.gallery.pictures) for part in self.parts if part.gallery)
