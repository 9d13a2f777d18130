"""Thumbnails of example images for a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """An example: a JPEG of one sample, the kind of example, and the models' predictions.

    `kinds` are names of bins such as "false negative, sure"; the audited model's comes first.
    """

    jpeg: bytes
    id: str
    attribute: str
    kinds: Sequence[str]
    groups: Sequence[str]
    caption: str


@dataclass(frozen=True)
class Gallery:
    """Images with the values that they can be filtered by; `missing` could not be read."""

    pictures: Sequence[Picture]
    missing: int = 0

    def values(self, name: str) -> list[str]:
        """Return the attributes, kinds or groups of all images, each once."""
        if name == "attribute":
            return list(dict.fromkeys(p.attribute for p in self.pictures))
        return list(dict.fromkeys(v for p in self.pictures for v in getattr(p, name)))

    @property
    def kilobytes(self) -> int:
        """Total size of the JPEG files."""
        return sum(len(picture.jpeg) for picture in self.pictures) // 1000
