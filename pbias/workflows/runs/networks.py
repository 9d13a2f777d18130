"""How images are to look to a network, as options say it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pbias.workflows.runs.settings import numbers
from pbias.errors import UserError

if TYPE_CHECKING:
    from pbias.data.training_images import TrainingPictures
    from pbias.models.preprocess import Preprocess


@dataclasses.dataclass(frozen=True)
class Look:
    """Sizes in pixels, None: what goes with the images; colours of 0 to 1."""

    crop: int | None
    size: int | None
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, image_size: int | None, resize: int | None, mean: str, std: str) -> Look:
        """From --image-size, --resize, --mean and --std."""
        colours = [tuple(numbers(*given, 3)) for given in (("--mean", mean), ("--std", std))]
        if not all(0 < value < float("inf") for value in colours[1]):
            raise UserError(f"--std {std} divides pixels; give three numbers above 0")
        return cls(image_size, resize, *colours)

    def for_crop(self, crop: int) -> Preprocess:
        """For inputs of `crop` pixels; UserError where --resize leaves less than that."""
        from pbias.models.preprocess import Preprocess

        usual = Preprocess.for_crop(crop)
        size = self.size or usual.size
        if size < crop:
            raise UserError(
                f"--resize {size} is less than the {crop} pixels of the network's input; "
                "raise it or lower --image-size"
            )
        return dataclasses.replace(usual, size=size, mean=self.mean, std=self.std)

    def for_pictures(self, pictures: TrainingPictures) -> Preprocess:
        """For these pictures, whose sizes decide where --image-size does not."""
        from pbias.data.dataset import default_size

        return self.for_crop(self.crop or default_size(pictures.sizes))

    def as_options(self) -> dict[str, Any]:
        """What to say on the command line."""
        size = self.for_crop(self.crop).size if self.crop else self.size
        return {"image_size": self.crop, "resize": size, "mean": self.mean, "std": self.std}
