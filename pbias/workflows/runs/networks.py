"""Networks and the images they take, as options describe them."""

from __future__ import annotations

import dataclasses
from typing import Any

from pbias.data.dataset import default_size
from pbias.data.training_images import TrainingPictures
from pbias.errors import UserError
from pbias.models.network_files import Named
from pbias.models.preprocess import Preprocess
from pbias.models.user_factory import parse_args, use_factory
from pbias.workflows.runs.options import ForeignOptions, Names, NetworkOptions, Numbers
from pbias.workflows.runs.values import names, numbers

# Of torchvision's ImageNet weights.
IMAGE_SIZE = 224
MEAN, STD = "0.485,0.456,0.406", "0.229,0.224,0.225"


@dataclasses.dataclass(frozen=True)
class Look:
    """How images look to a network: sizes in pixels, colors from 0 to 1.

    A size of None depends on the images.
    """

    crop: int | None
    size: int | None
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, image_size: int | None, resize: int | None, mean: Numbers, std: Numbers) -> Look:
        """Read --image-size, --resize, --mean and --std."""
        colors = [tuple(numbers(*given, 3)) for given in (("--mean", mean), ("--std", std))]
        if not all(0 < value < float("inf") for value in colors[1]):
            raise UserError(f"--std {std} divides pixels; give three numbers above 0")
        return cls(image_size, resize, *colors)

    def for_crop(self, crop: int) -> Preprocess:
        """Return the preprocessing for inputs of `crop` pixels.

        Raises UserError where --resize leaves fewer pixels than that.
        """
        usual = Preprocess.for_crop(crop)
        size = self.size or usual.size
        if size < crop:
            raise UserError(
                f"--resize {size} is less than the {crop} pixels of the network's input; "
                "raise it or lower --image-size"
            )
        return dataclasses.replace(usual, size=size, mean=self.mean, std=self.std)

    def for_pictures(self, pictures: TrainingPictures) -> Preprocess:
        """Return the preprocessing for these images, whose sizes count without --image-size."""
        return self.for_crop(self.crop or default_size(pictures.sizes))

    def as_options(self) -> dict[str, Any]:
        """Return what to say on the command line."""
        size = self.for_crop(self.crop).size if self.crop else self.size
        return {"image_size": self.crop, "resize": size, "mean": self.mean, "std": self.std}


def architecture(options: NetworkOptions) -> str | None:
    """Return the name of the network, as --arch or --model gives it; import the latter's code."""
    if options.arch and options.factory:
        raise UserError("--arch and --model both name a network; leave one of them out")
    if options.factory:
        use_factory(options.factory)
    return options.factory or options.arch


def named(options: NetworkOptions, groups: Names | None = None) -> Named:
    """Return what is said about the network of a file, checked; import code that --model names."""
    said = options if isinstance(options, ForeignOptions) else ForeignOptions()
    looks = {
        "image-size": said.image_size, "resize": said.resize, "mean": said.mean, "std": said.std,
    }  # fmt: skip
    look = Look.of(said.image_size, None, said.mean or MEAN, said.std or STD)
    preprocess = look.for_crop(said.image_size or IMAGE_SIZE).as_dict()
    return Named(
        architecture(options),
        arguments(options),
        names(said.targets),
        names(groups) or [],
        preprocess | ({"size": said.resize} if said.resize else {}),
        [
            option
            for option, value in {"targets": said.targets, **looks}.items()
            if value is not None
        ],
    )


def arguments(options: NetworkOptions) -> dict[str, Any]:
    """Return the arguments of the network's factory."""
    given = options.model_args
    return parse_args(given) if given is None or isinstance(given, str) else dict(given)
