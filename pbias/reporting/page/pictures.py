"""Examples as thumbnails: what a page shows of single samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """One sample and attribute: a JPEG, what it is an example of, and what the models say of it.

    `kinds` are names of bins such as "false negative, sure", first that of the audited model.
    """

    jpeg: bytes
    id: str
    attribute: str
    kinds: Sequence[str]
    groups: Sequence[str]
    caption: str


@dataclass(frozen=True)
class Gallery:
    """Pictures with the values that they can be filtered by; `missing` could not be read."""

    pictures: Sequence[Picture]
    missing: int = 0

    def values(self, name: str) -> list[str]:
        """Return the attributes, kinds or groups of all pictures, each once."""
        if name == "attribute":
            return list(dict.fromkeys(p.attribute for p in self.pictures))
        return list(dict.fromkeys(v for p in self.pictures for v in getattr(p, name)))

    @property
    def kilobytes(self) -> int:
        """The size of all JPEG files."""
        return sum(len(picture.jpeg) for picture in self.pictures) // 1000
