"""Thumbnails of samples, whose ids are paths in a folder."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pbias.errors import UserError, argument
from pbias.files.logits import Logits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def check_folder(root: str) -> None:
    """Raise UserError if the named folder of images is not a folder."""
    if not Path(root).is_dir():
        raise UserError(f"{root} is not a folder; name the folder that the ids are relative to")


def check_pictures(logits: Logits, root: str) -> None:
    """Raise UserError if a file has no ids that name images, or `root` is not a folder."""
    if logits.ids is None:
        raise UserError(
            f"{logits.path} has no ids to find images by; leave out {argument('images')}"
        )
    check_folder(root)


def none_read(num: int, root: str, name: str) -> UserError:
    """Return the error that none of `num` images could be read, such as the one with id `name`."""
    return UserError(
        f"none of {num} images could be read, such as {Path(root) / name}; is {argument('images')} "
        "the folder that the ids are relative to?"
    )


def thumbnail(root: str, name: str, side: int) -> NDArray[np.uint8] | None:
    """Return the middle square of an image, uint8 [side, side, 3]; None if it cannot be read.

    Raises UserError for an id that leads out of the folder.
    """
    from pbias.data.images import BrokenImage, read_image

    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise UserError(f"id '{name}' is outside of the image folder; ids must be paths in it")
    try:
        return read_image(Path(root) / path, resize=side, size=(side, side))
    except BrokenImage:
        return None
