"""Memory for decoded images: RAM if they fit, otherwise a memory-mapped unnamed file."""

from __future__ import annotations

import logging
import math
import mmap
import os
import tempfile
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pbias.errors import UserError
from pbias.files.streams import reason
from pbias.free_memory import free_memory

GIB = 2**30

T = TypeVar("T")

logger = logging.getLogger(__name__)


class ImageMemory:
    """Memory of one process, which decodes the images itself."""

    def allocate(self, shape: tuple[int, ...], folder: str | None) -> npt.NDArray[np.uint8]:
        """Allocate an uninitialized array of images; see the function `allocate`."""
        return allocate(shape, folder)

    def once(self, work: Callable[[], T]) -> T:
        """Do the work, which may fill an allocated array, and return its result."""
        return work()


def allocate(shape: tuple[int, ...], folder: str | None) -> npt.NDArray[np.uint8]:
    """Allocate a uint8 array: in memory if it needs at most half of what is free, else in a file.

    The array is uninitialized. The file is memory-mapped, in `folder` (None: for temporary files),
    and it has no name, so it disappears when the process ends, however that happens. Raises
    UserError if the disk has no room either.
    """
    if fits_in_memory(shape):
        return np.empty(shape, np.uint8)
    file = file_without_name(math.prod(shape), folder)
    try:
        return map_file(file, shape)
    finally:
        os.close(file)


def fits_in_memory(shape: tuple[int, ...]) -> bool:
    """Return whether an array of this shape takes at most half of the free memory."""
    return math.prod(shape) <= free_memory() // 2


def map_file(file: int, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Return an open file as an array."""
    return np.frombuffer(mmap.mmap(file, math.prod(shape)), np.uint8).reshape(shape)


def file_without_name(num_bytes: int, folder: str | None) -> int:
    """Open an unnamed file of this size, which is deleted once it is closed everywhere.

    Raises UserError if the disk has no room.
    """
    where = folder or tempfile.gettempdir()
    logger.info(
        "the decoded pictures take %.1f GiB, more than half of the free memory; "
        "they are kept in a temporary file in %s",
        *(num_bytes / GIB, where),
    )
    try:
        with tempfile.TemporaryFile(dir=where) as file:
            file.truncate(num_bytes)
            if hasattr(os, "posix_fallocate"):
                # Without this a full disk kills the process at the first write to the map.
                os.posix_fallocate(file.fileno(), 0, num_bytes)
            return os.dup(file.fileno())
    except OSError as error:
        raise UserError(
            f"cannot keep {num_bytes / GIB:.1f} GiB of decoded pictures in {where}: "
            f"{reason(error)}; name a folder with room by --cache, or a smaller --image-size"
        ) from error
