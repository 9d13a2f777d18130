"""Image files of manifest rows: find, measure and decode them in threads.

Shapes: N images, A targets, H and W of the cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from pbias.data.bad_images import BadImages, Int64, spelling_hint
from pbias.data.batches import ImageData
from pbias.data.image_memory import ImageMemory
from pbias.data.images import Size, UInt8, read_image, read_size, resized
from pbias.data.workers import Progress, for_all, no_progress
from pbias.files.manifest import Labels, Manifest
from pbias.models.preprocess import Preprocess

BLOCK = 128  # images decoded ahead of the network
MAX_DEFAULT_SIZE = 224
OTHERWISE = (
    "name the folder they are relative to by --image-root, or leave them out by --on-bad-image skip"
)
REFUSE = BadImages()
OWN_MEMORY = ImageMemory()


@dataclass(frozen=True)
class Pictures:
    """Image files of some rows of a manifest, with their labels and transforms."""

    root: Path
    ids: list[str]
    transforms: list[str]
    labels: npt.NDArray[np.int8]  # [N, A], -1 unknown

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.ids)

    def only(self, rows: Sequence[int]) -> Pictures:
        """Return some of the images, in this order."""
        ids, transforms = ([column[row] for row in rows] for column in (self.ids, self.transforms))
        return Pictures(self.root, ids, transforms, self.labels[np.asarray(rows, np.int64)])


def find_pictures(
    manifest: Manifest, labels: Labels, rows: Int64, bad: BadImages = REFUSE
) -> Pictures:
    """Find the images of these rows; UserError counts missing files, unless they are skipped."""
    ids = [manifest.ids[row] for row in rows]
    missing = {i: "missing" for i, name in enumerate(ids) if not (manifest.root / name).is_file()}
    first = manifest.root / ids[next(iter(missing), 0)]
    kept = bad.leave_out(
        ids,
        missing,
        f"{len(missing)} of {len(ids)} images of {manifest.path} are not there (first: {first}); "
        f"{spelling_hint(manifest.root, ids[next(iter(missing), 0)]) or OTHERWISE}",
    )
    bad.check_left(len(kept))
    transforms = [manifest.transforms[row] for row in rows]
    return Pictures(manifest.root, ids, transforms, labels.labels[rows]).only(kept)


def measure(
    pictures: Pictures,
    *,
    bad: BadImages = REFUSE,
    workers: int = 0,
    progress: Progress = no_progress,
) -> tuple[Pictures, Int64]:
    """Return the images with their heights and widths, [N, 2], from the file headers.

    Raises UserError for broken images, unless they are skipped.
    """
    sizes = np.empty((len(pictures), 2), np.int64)

    def work(index: int) -> None:
        sizes[index] = read_size(pictures.root / pictures.ids[index])

    failures = for_all(work, len(pictures), workers, progress)
    kept = _leave_out(pictures, failures, bad)
    bad.check_left(len(kept))
    return pictures.only(kept), sizes[kept]


def _leave_out(pictures: Pictures, failures: Mapping[int, str], bad: BadImages) -> list[int]:
    first = min(failures, default=0)
    return bad.leave_out(
        pictures.ids,
        failures,
        f"{len(failures)} of {len(pictures)} images cannot be read (first: "
        f"{pictures.root / pictures.ids[first]}: {failures.get(first)}); replace them, take their "
        "rows out, or leave them out by --on-bad-image skip",
    )


def default_size(sizes: Int64) -> int:
    """Return the default side of a network's input: the median short side, at most 224."""
    return min(MAX_DEFAULT_SIZE, int(np.median(sizes.min(axis=1))))


def load(
    pictures: Pictures,
    preprocess: Preprocess,
    *,
    sizes: Int64 | None = None,
    bad: BadImages = REFUSE,
    workers: int = 0,
    cache: str | None = None,
    memory: ImageMemory = OWN_MEMORY,
    progress: Progress = no_progress,
) -> ImageData:
    """Decode all images into memory, or into a file in the folder `cache` if they do not fit.

    With `sizes` (for training), keep the largest rectangle that all resized images have in common,
    plus the margin for shifts, so that crops can be drawn from it. Without `sizes`, keep only the
    center that the network sees. Raises UserError for broken images, unless they are skipped.
    """
    height = width = preprocess.crop
    margin = 0
    if sizes is not None:
        height, width = _common_size(sizes, preprocess.size)
        margin = preprocess.shift
    padded = memory.allocate((len(pictures), height + 2 * margin, width + 2 * margin, 3), cache)

    def fill() -> tuple[list[int], dict[str, str]]:
        inside = padded[:, margin : margin + height, margin : margin + width]
        failures = _decode(pictures, preprocess, inside, workers, progress)
        kept = _leave_out(pictures, failures, bad)
        bad.check_left(len(kept))
        _move_up(padded, kept)
        _repeat_border(padded[: len(kept)], margin)
        return kept, bad.skipped

    kept, skipped = memory.once(fill)
    bad.skipped.update(skipped)
    return _image_data(pictures.only(kept), preprocess, padded[: len(kept)])


def stream(
    pictures: Pictures,
    preprocess: Preprocess,
    *,
    bad: BadImages = REFUSE,
    workers: int = 0,
    fast: bool = False,
    progress: Progress = no_progress,
) -> Iterator[ImageData]:
    """Yield the images in order, block by block; the next block is decoded while one is used.

    `fast` decodes JPEG at the smallest scale that is large enough, which changes pixels. Raises
    UserError for broken images, unless they are skipped.
    """
    total, num_left = len(pictures), 0

    def decode(start: int) -> ImageData:
        block = pictures.only(range(start, min(start + BLOCK, total)))
        images = np.empty((len(block), preprocess.crop, preprocess.crop, 3), np.uint8)
        failures = _decode(block, preprocess, images, workers, no_progress, fast=fast)
        kept = _leave_out(block, failures, bad)
        return _image_data(block.only(kept), preprocess, images[kept] if failures else images)

    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(decode, 0)
        for start in range(0, total, BLOCK):
            block = coming.result()
            if start + BLOCK < total:
                coming = ahead.submit(decode, start + BLOCK)
            num_left += len(block)
            if len(block):
                yield block
            progress(min(start + BLOCK, total), total)
    if total:
        bad.check_left(num_left)


def _common_size(sizes: Int64, resize: int) -> Size:
    after = np.array([resized((height, width), resize) for height, width in sizes.tolist()])
    height, width = after.min(axis=0).tolist()
    return height, width


def _move_up(images: UInt8, kept: Sequence[int]) -> None:
    """Close the gaps between kept images in place, because a copy may not fit in memory."""
    for to, index in enumerate(kept):
        if to != index:
            images[to] = images[index]


def _repeat_border(images: UInt8, margin: int) -> None:
    """Fill a margin around the images with the adjacent pixels."""
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
    pictures: Pictures,
    preprocess: Preprocess,
    images: UInt8,
    workers: int,
    progress: Progress,
    *,
    fast: bool = False,
) -> dict[int, str]:
    """Fill `images`, and return the numbers of the broken images with the reasons."""
    size = (images.shape[1], images.shape[2])

    def work(index: int) -> None:
        images[index] = read_image(
            pictures.root / pictures.ids[index],
            resize=preprocess.size,
            size=size,
            grayscale=pictures.transforms[index] == "grayscale",
            interpolation=preprocess.interpolation,
            fast=fast,
        )

    return for_all(work, len(pictures), workers, progress)
