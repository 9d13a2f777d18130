"""Networks and their preprocessing, from options."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pbias.data.dataset import default_size
from pbias.data.training_images import TrainingPictures
from pbias.errors import UserError
from pbias.models.library_networks import is_library, preprocess_of, sized_args
from pbias.models.network_files import Named
from pbias.models.preprocess import Preprocess
from pbias.models.user_factory import parse_args, use_factory
from pbias.workflows.runs.options import ForeignOptions, Names, NetworkOptions, Numbers
from pbias.workflows.runs.values import names, numbers

# The size of torchvision's ImageNet weights.
IMAGE_SIZE = 224
IMAGENET = ("0.485,0.456,0.406", "0.229,0.224,0.225")
COLORS = ("0.5,0.5,0.5", "0.5,0.5,0.5")  # the default of training


@dataclasses.dataclass(frozen=True)
class Look:
    """Preprocessing of images for a network: sizes in pixels, colors from 0 to 1.

    A size of None depends on the images. `usual` contains the values of the network's library.
    """

    crop: int | None
    size: int | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    usual: Preprocess | None = None

    @classmethod
    def of(
        cls,
        image_size: int | None,
        resize: int | None,
        mean: Numbers | None,
        std: Numbers | None,
        usual: Preprocess | None = None,
        colors: tuple[Numbers, Numbers] = COLORS,
    ) -> Look:
        """Read --image-size, --resize, --mean and --std; `colors` are defaults of the last two."""
        mean = mean or (usual.mean if usual else colors[0])
        std = std or (usual.std if usual else colors[1])
        read = [tuple(numbers(*given, 3)) for given in (("--mean", mean), ("--std", std))]
        if not all(0 < value < float("inf") for value in read[1]):
            raise UserError(f"--std {std} is used as a divisor; give three numbers above 0")
        crop = image_size or (usual.crop if usual else None)
        return cls(crop, resize, read[0], read[1], usual)

    def for_crop(self, crop: int) -> Preprocess:
        """Return the preprocessing for inputs of `crop` pixels.

        Raises UserError if --resize leaves fewer pixels than that.
        """
        usual = Preprocess.for_crop(crop)
        if self.usual is not None:
            size = self.usual.size if self.usual.crop == crop else usual.size
            usual = dataclasses.replace(self.usual, size=size, crop=crop)
        size = self.size or usual.size
        if size < crop:
            raise UserError(
                f"--resize {size} is smaller than the network's input of {crop} px; raise it, or "
                "lower --image-size"
            )
        return dataclasses.replace(usual, size=size, mean=self.mean, std=self.std)

    def for_pictures(self, pictures: TrainingPictures) -> Preprocess:
        """Return the preprocessing for these images, by their sizes without --image-size."""
        return self.for_crop(self.crop or default_size(pictures.sizes))

    def as_options(self) -> dict[str, Any]:
        """Return the options as typed on the command line."""
        size = self.for_crop(self.crop).size if self.crop else self.size
        return {"image_size": self.crop, "resize": size, "mean": self.mean, "std": self.std}


def architecture(options: NetworkOptions) -> str | None:
    """Return the name of the network from --arch or --model; import the code of --model."""
    if options.arch and options.factory:
        raise UserError("--arch and --model both name a network; leave one out")
    if options.factory:
        use_factory(options.factory)
    return options.factory or options.arch


def look_of_library(name: str | None, args: Mapping[str, Any]) -> Preprocess | None:
    """Return the library's preprocessing for its network; None for other networks."""
    return preprocess_of(name, args) if name and is_library(name) else None


def with_size(name: str, args: Mapping[str, Any], side: int) -> dict[str, Any]:
    """Return the network's arguments, with the image size if a library builds for one size."""
    return sized_args(name, args, side) if is_library(name) else dict(args)


def named(options: NetworkOptions, groups: Names | None = None) -> Named:
    """Return the checked options about the network of a file; import code that --model names."""
    said = options if isinstance(options, ForeignOptions) else ForeignOptions()
    looks = {
        "image-size": said.image_size, "resize": said.resize, "mean": said.mean, "std": said.std,
    }  # fmt: skip
    name = architecture(options)
    args = arguments(options)
    usual = look_of_library(name, args)
    look = Look.of(said.image_size, None, said.mean, said.std, usual, IMAGENET)
    preprocess = look.for_crop(look.crop or IMAGE_SIZE).as_dict()
    return Named(
        name,
        args,
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
