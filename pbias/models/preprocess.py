"""Preprocessing of images for a network: sizes and normalization."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pbias.errors import UserError

# Below this side, cropping would remove too much of an image.
SHIFT_BELOW = 96
INTERPOLATIONS = ("bilinear", "bicubic", "lanczos", "nearest")


@dataclass(frozen=True)
class Preprocess:
    """Resize the short side, crop a square, normalize; sizes in pixels, mean and std of 0..1."""

    size: int  # of the short side
    crop: int
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    interpolation: str = INTERPOLATIONS[0]

    def __post_init__(self) -> None:
        """Raise UserError for sizes that no checkpoint may have."""
        from pbias.files.checkpoint.metadata import MAX_CROP, MAX_SIZE

        if not (1 <= self.crop <= MAX_CROP and self.crop <= self.size <= MAX_SIZE):
            raise UserError(
                f"images resized to {self.size} and cropped to {self.crop} px; use a crop from 1 to"
                f" {MAX_CROP:,}, and at least that up to {MAX_SIZE:,} before"
            )

    @classmethod
    def for_crop(cls, crop: int) -> Preprocess:
        """Return the preprocessing for training networks with inputs of `crop` pixels.

        From 96 pixels on, it has the ratio of the paper (resize to 256, crop 224; docs/recipes.md).
        Smaller images are kept whole and shifted by a few pixels instead.
        """
        return cls(size=crop if crop < SHIFT_BELOW else round(crop * 256 / 224), crop=crop)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preprocess:
        """Create it from a checkpoint's values; UserError if one is missing or invalid."""
        interpolation = values.get("interpolation", INTERPOLATIONS[0])
        try:
            return cls(
                int(values["size"]),
                int(values["crop"]),
                tuple(map(float, values["mean"])),
                tuple(map(float, values["std"])),
                INTERPOLATIONS[INTERPOLATIONS.index(interpolation)],
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UserError(
                f"the checkpoint's 'preprocess' cannot be used ({error!r}); it needs size, crop, "
                "mean and std"
            ) from error

    def as_dict(self) -> dict[str, Any]:
        """Return the values for a checkpoint; the interpolation only if it is not the default."""
        values = dataclasses.asdict(self)
        if self.interpolation == INTERPOLATIONS[0]:
            del values["interpolation"]
        return {**values, "mean": list(self.mean), "std": list(self.std)}

    @property
    def shift(self) -> int:
        """How many pixels a training image is shifted in either direction if nothing is cropped."""
        return self.crop // 16 if self.size == self.crop else 0
