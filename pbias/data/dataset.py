"""From the rows of a manifest to pictures in memory: checked, measured, decoded by threads.

Shapes: N pictures, A targets, H and W of the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import UnidentifiedImageError

from pbias.data.batches import ImageData
from pbias.data.cache import allocate
from pbias.data.cores import num_cores
from pbias.data.images import BROKEN, Size, UInt8, read_image, read_size, resized
from pbias.data.preprocess import Preprocess
from pbias.errors import UserError
from pbias.files.manifest import Labels, Manifest

Progress = Callable[[int, int], None]
Int64 = npt.NDArray[np.int64]

CHUNK = 16  # pictures a thread takes at a time
BLOCK = 1024  # pictures decoded ahead of the network
MAX_DEFAULT_SIZE = 224


def no_progress(done: int, total: int) -> None:
    """For those who do not watch."""


@dataclass(frozen=True)
class Pictures:
    """Picture files of some rows of a manifest, with their labels and transforms."""

    root: Path
    ids: list[str]
    transforms: list[str]
    labels: npt.NDArray[np.int8]  # [N, A], -1 unknown

    def __len__(self) -> int:
        """The number of pictures."""
        return len(self.ids)

    def part(self, start: int, stop: int) -> Pictures:
        """Some of them, in order."""
        rows = slice(start, stop)
        return Pictures(self.root, self.ids[rows], self.transforms[rows], self.labels[rows])


def find_pictures(manifest: Manifest, labels: Labels, rows: Int64) -> Pictures:
    """The pictures of these rows; UserError says how many files are missing."""
    ids = [manifest.ids[row] for row in rows]
    missing = [name for name in ids if not (manifest.root / name).is_file()]
    if missing:
        raise UserError(
            f"{len(missing)} of {len(ids)} images of {manifest.path} are not there (first: "
            f"{manifest.root / missing[0]}); name the folder they are relative to by --image-root"
        )
    transforms = [manifest.transforms[row] for row in rows]
    return Pictures(manifest.root, ids, transforms, labels.labels[rows])


def measure(pictures: Pictures, *, workers: int = 0, progress: Progress = no_progress) -> Int64:
    """Height and width of every picture, [N, 2], from the headers; UserError for broken ones."""
    sizes = np.empty((len(pictures), 2), np.int64)

    def work(index: int) -> None:
        sizes[index] = read_size(pictures.root / pictures.ids[index])

    _for_all(work, pictures, workers, progress)
    return sizes


def default_size(sizes: Int64) -> int:
    """The side of a network's input where none is asked for: the median short side, at most 224."""
    return min(MAX_DEFAULT_SIZE, int(np.median(sizes.min(axis=1))))


def load(
    pictures: Pictures,
    preprocess: Preprocess,
    *,
    sizes: Int64 | None = None,
    workers: int = 0,
    cache: str | None = None,
    progress: Progress = no_progress,
) -> ImageData:
    """Decode all pictures into memory, or into a file in folder `cache` where they do not fit.

    With `sizes`, for training: the largest rectangle that all resized pictures have in common (and
    the margin by which they are shifted), so that crops can be drawn from it. Without: only the
    middle that the network sees.
    """
    height = width = preprocess.crop
    margin = 0
    if sizes is not None:
        height, width = _common_size(sizes, preprocess.size)
        margin = preprocess.shift
    padded = allocate((len(pictures), height + 2 * margin, width + 2 * margin, 3), cache)
    inside = padded[:, margin : margin + height, margin : margin + width]
    _decode(pictures, preprocess, inside, workers, progress)
    _repeat_border(padded, margin)
    return _image_data(pictures, preprocess, padded)


def stream(
    pictures: Pictures,
    preprocess: Preprocess,
    *,
    workers: int = 0,
    progress: Progress = no_progress,
) -> Iterator[ImageData]:
    """The pictures in order, a block at a time, decoded while the block before is used."""

    def decode(start: int) -> ImageData:
        block = pictures.part(start, start + BLOCK)
        images = np.empty((len(block), preprocess.crop, preprocess.crop, 3), np.uint8)
        _decode(block, preprocess, images, workers, no_progress)
        return _image_data(block, preprocess, images)

    starts = range(0, len(pictures), BLOCK)
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(decode, 0)
        for start in starts:
            block = coming.result()
            if start + BLOCK < len(pictures):
                coming = ahead.submit(decode, start + BLOCK)
            yield block
            progress(start + len(block), len(pictures))


def _common_size(sizes: Int64, resize: int) -> Size:
    after = np.array([resized((height, width), resize) for height, width in sizes.tolist()])
    height, width = after.min(axis=0).tolist()
    return height, width


def _repeat_border(images: UInt8, margin: int) -> None:
    """Fill a margin around the pictures with the pixels next to it."""
    if margin:
        images[:, :margin] = images[:, margin : margin + 1]
        images[:, -margin:] = images[:, -margin - 1 : -margin]
        images[:, :, :margin] = images[:, :, margin : margin + 1]
        images[:, :, -margin:] = images[:, :, -margin - 1 : -margin]


def _image_data(pictures: Pictures, preprocess: Preprocess, images: UInt8) -> ImageData:
    squares = [transform == "yellow_square" for transform in pictures.transforms]
    return ImageData(
        images,
        torch.from_numpy(pictures.labels),
        torch.tensor(squares),
        preprocess,
    )


def _decode(
    pictures: Pictures, preprocess: Preprocess, images: UInt8, workers: int, progress: Progress
) -> None:
    size = (images.shape[1], images.shape[2])

    def work(index: int) -> None:
        images[index] = read_image(
            pictures.root / pictures.ids[index],
            resize=preprocess.size,
            size=size,
            grayscale=pictures.transforms[index] == "grayscale",
        )

    _for_all(work, pictures, workers, progress)


def _for_all(
    work: Callable[[int], None], pictures: Pictures, workers: int, progress: Progress
) -> None:
    """Do the work for every picture in threads; UserError with the first failure and how many."""
    total = len(pictures)

    def chunk(start: int) -> dict[int, str]:
        failures = {}
        for index in range(start, min(start + CHUNK, total)):
            try:
                work(index)
            except BROKEN as error:
                unknown = isinstance(error, UnidentifiedImageError)
                failures[index] = "no kind of picture that is known" if unknown else str(error)
        return failures

    failures: dict[int, str] = {}
    with ThreadPoolExecutor(workers or num_cores()) as pool:
        for chunks, failed in enumerate(pool.map(chunk, range(0, total, CHUNK)), 1):
            failures |= failed
            progress(min(chunks * CHUNK, total), total)
    if failures:
        first = min(failures)
        raise UserError(
            f"{len(failures)} of {total} images cannot be read (first: "
            f"{pictures.root / pictures.ids[first]}: {failures[first]}); replace them or take "
            "their rows out"
        )
